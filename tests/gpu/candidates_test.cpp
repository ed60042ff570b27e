// Every candidate of the CUDA device, libraries included, against the CPU's f64 reference, over all
// op cases, on a GPU.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "host/graph/run_op.h"
#include "tests/gpu/gpu_test.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

class GpuCandidates : public ::testing::TestWithParam<std::string> {};

std::vector<std::string> op_names() {
  std::set<std::string> names;
  for (const OpCase& op_case : op_cases()) {
    if (op_case.op_name() != "reorder") names.insert(op_case.op_name());
  }
  return {names.begin(), names.end()};
}

INSTANTIATE_TEST_SUITE_P(AllOps, GpuCandidates, ::testing::ValuesIn(op_names()),
                         [](const auto& param_info) { return param_info.param; });

struct Math {
  const char* name;
  DType dtype;
  bool allow_tf32;
  double tolerance;  ///< at least
};

/// The inputs of the case in f64, with the values that they have after rounding.
std::vector<Tensor> widened(const OpCase& op_case, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> wide;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    wide.push_back(inputs[i].to(op_case.inputs[i].dtype.value_or(DType::f64)));
  }
  return wide;
}

void check(const OpCase& op_case, const Math& math) {
  SCOPED_TRACE(op_case.name + " in " + math.name);
  const OpPtr op = op_case.op(math.dtype);
  const std::vector<Tensor> inputs = make_inputs(op_case, math.dtype);
  const std::vector<Tensor> expected =
      run_reference(op_case.op(DType::f64), widened(op_case, inputs));
  const double tolerance = std::max(math.tolerance, op_case.relative_tolerance);
  RunOptions options;
  options.device = gpu().device;
  options.allow_tf32 = math.allow_tf32;
  for (const std::string& candidate : candidates_of(op->name(), *gpu().device)) {
    if (decline_reason(op, inputs, candidate, *gpu().device).has_value()) continue;
    options.candidate = candidate;
    const std::vector<Tensor> results = run_op(op, inputs, options);
    ASSERT_EQ(results.size(), expected.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      EXPECT_LE(relative_error(results[i], expected[i]), tolerance)
          << candidate << ", output " << i;
    }
  }
}

TEST_P(GpuCandidates, AgreeWithTheF64Reference) {
  FOVEA_NEEDS_GPU();
  for (const OpCase& op_case : op_cases()) {
    if (op_case.op_name() != GetParam()) continue;
    for (const Math& math :
         {Math{"f32", DType::f32, false, 1e-5}, Math{"tf32", DType::f32, true, 1e-3},
          Math{"f16", DType::f16, false, 2e-3}, Math{"bf16", DType::bf16, false, 1e-2}}) {
      check(op_case, math);
    }
  }
}

/// How many elements are NaN in one of them only.
int differently_nan(const Tensor& a, const Tensor& b) {
  const Tensor x = a.to(DType::f64);
  const Tensor y = b.to(DType::f64);
  int count = 0;
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    count += std::isnan(x.item(i)) != std::isnan(y.item(i)) ? 1 : 0;
  }
  return count;
}

/// Whoever turns NaN into a number, as a careless relu does, hides where a network diverged.
TEST(GpuNan, PassesThroughFusedActivations) {
  FOVEA_NEEDS_GPU();
  int asked = 0;
  for (const OpCase& op_case : op_cases()) {
    if (op_case.op_name() != "conv2d_bias_act" && op_case.op_name() != "matmul_bias_act") continue;
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
      const OpPtr op = op_case.op(dtype);
      std::vector<Tensor> inputs = make_inputs(op_case, dtype);
      const Tensor& x = inputs.front();
      inputs.front() = Tensor::full(x.shape(), std::numeric_limits<double>::quiet_NaN(), x.dtype());
      const Tensor expected =
          run_reference(op_case.op(DType::f64), widened(op_case, inputs)).front();
      RunOptions options;
      options.device = gpu().device;
      for (const std::string& candidate : candidates_of(op->name(), *gpu().device)) {
        if (decline_reason(op, inputs, candidate, *gpu().device).has_value()) continue;
        options.candidate = candidate;
        ++asked;
        EXPECT_EQ(differently_nan(run_op(op, inputs, options).front(), expected), 0)
            << candidate << " in " << dtype_name(dtype) << ", " << op_case.name;
      }
    }
  }
  EXPECT_GT(asked, 0);
}

}  // namespace
}  // namespace fovea::test
