#include "tests/host_kernels/check_candidate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "host/graph/run_op.h"

namespace fovea::test {
namespace {

double tolerance_of(DType dtype, const How& how) {
  if (dtype == DType::f32) return how.allow_tf32 ? 1e-3 : 1e-5;
  return dtype == DType::f16 ? 2e-3 : 1e-2;
}

}  // namespace

double check_candidate(const OpCase& op_case, DType dtype, const std::string& candidate,
                       const How& how) {
  SCOPED_TRACE(op_case.name + " in " + std::string(dtype_name(dtype)));
  const OpPtr op = op_case.op(dtype);
  const std::vector<Tensor> inputs = make_inputs(op_case, dtype);
  const LowerResult lowered = lower_for_cuda(*op, inputs, candidate, how);
  if (const auto* decline = std::get_if<Decline>(&lowered)) {
    ADD_FAILURE() << decline->reason;
    return 0;
  }
  std::vector<Tensor> wide;
  for (const Tensor& input : inputs) wide.push_back(input.to(DType::f64));
  const std::vector<Tensor> expected = run_reference(op_case.op(DType::f64), wide);
  const std::vector<Tensor> results = run_candidate(*op, inputs, candidate, nullptr, how);
  double largest = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const double error = relative_error(results[i], expected[i]);
    EXPECT_LE(error, tolerance_of(dtype, how)) << "output " << i;
    largest = std::max(largest, error);
  }
  return largest;
}

std::vector<OpCase> conv_passes(const Shape& x, std::int64_t filters, Size2 kernel,
                                const ops::ConvAttributes& attributes) {
  const Shape w = {filters, kernel.h, kernel.w, x.c() / attributes.groups};
  const WindowGeometry window = attributes.geometry({x.h(), x.w()}, kernel);
  const Shape y = {x.n(), window.output.h, window.output.w, filters};
  return {OpCase("forward", ops::Conv2d(attributes), {{x}, {w}}),
          OpCase("data", ops::Conv2dBackwardData(attributes, {x.h(), x.w()}), {{y}, {w}}),
          OpCase("filter", ops::Conv2dBackwardFilter(attributes, kernel), {{x}, {y}})};
}

}  // namespace fovea::test
