// Every candidate of the CUDA kernel table against the f64 reference of the CPU, over all op cases,
// in f32, f16 and bf16: the kernels' own sources, run on the host under the sanitizers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "host/graph/run_op.h"
#include "tests/host_kernels/launchers_without_op.h"
#include "tests/host_kernels/run_candidate.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

/// Reshape is a view: no kernel runs it. Reorders serve layouts that this device does not have. The
/// convolutions with batch norm are cuDNN's alone: elsewhere the two stay apart.
const std::set<std::string> kWithoutKernel = {"reshape", "reorder", "conv2d_batch_norm_act",
                                              "conv2d_backward_data_batch_norm_relu",
                                              "matmul_backward_weight_bias"};

double tolerance_of(const OpCase& op_case, DType dtype) {
  if (dtype == DType::f16) return std::max(2e-3, op_case.relative_tolerance);
  if (dtype == DType::bf16) return std::max(1e-2, op_case.relative_tolerance);
  return op_case.relative_tolerance;
}

/// Cases of more operations run in f16 alone, which takes minutes off the sanitized run. What their
/// sizes lead to, several tiles and stages, smaller cases and gemm_test.cpp lead to in every type.
constexpr double kMostOperations = 1e7;

std::vector<DType> types_for(const OpCase& op_case) {
  if (op_case.cost().flops > kMostOperations) return {DType::f16};
  return {DType::f32, DType::f16, DType::bf16};
}

/// The inputs of the case in f64, with the values that they have after rounding to `dtype`.
std::vector<Tensor> widened(const OpCase& op_case, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> wide;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    wide.push_back(inputs[i].to(op_case.inputs[i].dtype.value_or(DType::f64)));
  }
  return wide;
}

/// One op by name, with all its cases: a test per op.
class HostKernels : public ::testing::TestWithParam<std::string> {
 protected:
  void check(const OpCase& op_case, DType dtype) {
    SCOPED_TRACE(op_case.name + " in " + std::string(dtype_name(dtype)));
    const OpPtr op = op_case.op(dtype);
    const std::vector<Tensor> inputs = make_inputs(op_case, dtype);
    const std::vector<Tensor> expected =
        run_reference(op_case.op(DType::f64), widened(op_case, inputs));
    const double tolerance = tolerance_of(op_case, dtype);
    for (const KernelTable::Candidate& candidate : cuda_table().candidates(op->name())) {
      const LowerResult result = lower_for_cuda(*op, inputs, candidate.name);
      if (const auto* decline = std::get_if<Decline>(&result)) {
        EXPECT_FALSE(decline->reason.empty()) << candidate.name;
        declined_[candidate.name].insert(op_case.name + ": " + decline->reason);
        continue;
      }
      accepted_.insert(op_case.name);
      const std::string how = candidate.name + " " + std::string(dtype_name(dtype));
      expect_close(run_candidate(*op, inputs, candidate.name), expected, tolerance, how);
      for (const auto& shared : std::get<Lowering>(result).in_place) {
        expect_close(run_candidate(*op, inputs, candidate.name, &shared), expected, tolerance,
                     how + " in place");
      }
    }
  }

  void expect_close(const std::vector<Tensor>& results, const std::vector<Tensor>& expected,
                    double tolerance, const std::string& how) {
    ASSERT_EQ(results.size(), expected.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      const double error = relative_error(results[i], expected[i]);
      EXPECT_LE(error, tolerance) << how << ", output " << i;
      worst_[how] = std::max(worst_[how], error);
    }
  }

  void TearDown() override {
    for (const auto& [how, error] : worst_) {
      std::printf("worst relative error %.1e  %s [%s]\n", error, GetParam().c_str(), how.c_str());
    }
  }

  std::set<std::string> accepted_;  ///< names of cases
  std::map<std::string, std::set<std::string>> declined_;
  std::map<std::string, double> worst_;
};

std::vector<std::string> op_names() {
  std::set<std::string> names;
  for (const OpCase& op_case : op_cases()) {
    if (kWithoutKernel.count(op_case.op_name()) == 0) names.insert(op_case.op_name());
  }
  return {names.begin(), names.end()};
}

INSTANTIATE_TEST_SUITE_P(AllOps, HostKernels, ::testing::ValuesIn(op_names()),
                         [](const auto& param_info) { return param_info.param; });

TEST_P(HostKernels, AgreeWithTheF64Reference) {
  for (const OpCase& op_case : op_cases()) {
    if (op_case.op_name() != GetParam()) continue;
    for (const DType dtype : types_for(op_case)) {
      accepted_.clear();
      check(op_case, dtype);
      EXPECT_EQ(accepted_.size(), 1u)
          << "no candidate takes " << op_case.name << " in " << dtype_name(dtype);
    }
  }
}

TEST_P(HostKernels, AcceptWhatTheyMust) {
  for (const OpCase& op_case : op_cases()) {
    if (op_case.op_name() != GetParam()) continue;
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
      for (const std::string& candidate : op_case.accepting_on_cuda) {
        const LowerResult result =
            lower_for_cuda(*op_case.op(dtype), make_inputs(op_case, dtype), candidate);
        const auto* decline = std::get_if<Decline>(&result);
        EXPECT_EQ(decline == nullptr ? "accepted" : decline->reason, "accepted")
            << op_case.name << ", " << candidate;
      }
    }
  }
}

/// Names of all __global__ functions in kernels/.
std::set<std::string> kernels_in_sources() {
  std::set<std::string> names;
  const std::regex kernel(R"(__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s+)?(\w+)\s*\()");
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(FOVEA_SOURCE_DIR) + "/kernels")) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".cu" && extension != ".cuh") continue;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    const std::string source = text.str();
    for (std::sregex_iterator i(source.begin(), source.end(), kernel), end; i != end; ++i) {
      names.insert((*i)[1]);
    }
  }
  return names;
}

/// The op cases, and the tests of launchers that serve no op, reach every kernel that there is.
TEST(HostKernelCoverage, EveryKernelRuns) {
  for (const OpCase& op_case : op_cases()) {
    if (op_case.cost().flops > kMostOperations) continue;
    const OpPtr op = op_case.op(DType::f32);
    const std::vector<Tensor> inputs = make_inputs(op_case, DType::f32);
    for (const KernelTable::Candidate& candidate : cuda_table().candidates(op->name())) {
      const LowerResult result = lower_for_cuda(*op, inputs, candidate.name);
      if (std::holds_alternative<Decline>(result)) continue;
      run_candidate(*op, inputs, candidate.name);
    }
  }
  run_statistics_of_sums();
  run_inverse_deviations();
  const std::set<std::string> sources = kernels_in_sources();
  std::set<std::string> run;
  for (const auto& [name, seconds] : on_host::kernels_run()) {
    run.insert(name);
    std::printf("host time %s %.3f s\n", name.c_str(), seconds);  // for scripts/kernel_table.py
  }
  EXPECT_GE(sources.size(), 3u);
  EXPECT_EQ(run, sources);
}

}  // namespace
}  // namespace fovea::test
