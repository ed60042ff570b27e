// What this project asks of cuDNN and cuBLASLt means what it should: libraries that compute what
// they are asked for, to the letter, agree with the f64 reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "cuda/cudnn/plan_cache.h"
#include "host/graph/run_op.h"
#include "tests/simulated_gpu/on_device.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

struct Math {
  const char* name;
  DType dtype;
  bool allow_tf32;
  double tolerance;
};
constexpr Math kMath[] = {{"f32", DType::f32, false, 1e-6},
                          {"tf32", DType::f32, true, 1e-3},
                          {"f16", DType::f16, false, 2e-3},
                          {"bf16", DType::bf16, false, 1e-2}};

/// The reference's answer to the inputs as they are after rounding.
std::vector<Tensor> expected_of(const OpCase& op_case, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> wide;
  for (const Tensor& input : inputs) wide.push_back(input.to(DType::f64));
  return run_reference(op_case.op(DType::f64), wide);
}

/// Reasons for which a library may leave a case to our own kernels.
bool is_known_reason(const std::string& reason) {
  for (const char* known :
       {"cuDNN has precompiled engines for relu only", "cuDNN has engines for f16 only",
        "cuBLASLt fuses a bias and relu only", "only a 1x1 convolution of stride 1"}) {
    if (reason.starts_with(known)) return true;
  }
  return false;
}

/// All cases and ways to compute; counts by op what the candidate accepted.
std::map<std::string, int> check_all_cases(const std::string& candidate) {
  std::map<std::string, int> accepted;
  std::map<std::string, double> worst;
  for (const OpCase& op_case : op_cases()) {
    const auto& candidates = library_table().candidates(op_case.op_name());
    if (std::none_of(candidates.begin(), candidates.end(),
                     [&](const auto& known) { return known.name == candidate; })) {
      continue;
    }
    for (const Math& math : kMath) {
      SCOPED_TRACE(op_case.name + " in " + math.name);
      const OpPtr op = op_case.op(math.dtype);
      const std::vector<Tensor> inputs = make_inputs(op_case, math.dtype);
      LowerResult result = lower(*op, inputs, {candidate, math.allow_tf32});
      if (const auto* decline = std::get_if<Decline>(&result)) {
        EXPECT_TRUE(is_known_reason(decline->reason)) << decline->reason;
        continue;
      }
      ++accepted[std::string(op->name()) + " " + math.name];
      const std::vector<Tensor> expected = expected_of(op_case, inputs);
      const std::vector<Tensor> outputs = run(*op, inputs, std::get<Lowering>(result));
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        const double error = relative_error(outputs[i], expected[i]);
        EXPECT_LE(error, math.tolerance) << "output " << i;
        worst[math.name] = std::max(worst[math.name], error);
      }
    }
  }
  for (const auto& [math, error] : worst) {
    std::printf("worst relative error %.1e  %s %s\n", error, candidate.c_str(), math.c_str());
  }
  return accepted;
}

TEST(SimulatedLibraries, CudnnConvolvesAsTheReference) {
  std::map<std::string, int> expected;
  for (const Math& math : kMath) {
    const std::string suffix = std::string(" ") + math.name;
    for (const char* op : {"conv2d", "conv2d_backward_data", "conv2d_backward_filter",
                           "conv2d_backward_filter_bias"}) {
      expected[op + suffix] = 31;
    }
    expected["conv2d_bias_act" + suffix] = 94;  // with bias, relu, residual and relu; one residual
  }
  expected["conv2d_batch_norm_act f16"] = 4;
  expected["conv2d_backward_data_batch_norm_relu f16"] = 3;
  EXPECT_EQ(check_all_cases("cudnn"), expected);
}

TEST(SimulatedLibraries, CublasltMultipliesAsTheReference) {
  std::map<std::string, int> expected;
  for (const Math& math : kMath) {
    const std::string suffix = std::string(" ") + math.name;
    expected["matmul" + suffix] = 22;
    expected["matmul_bias_act" + suffix] = 14;
    expected["matmul_backward_weight_bias" + suffix] = 5;
    expected["conv2d_bias_act" + suffix] = 4;
    for (const char* op : {"conv2d", "conv2d_backward_data", "conv2d_backward_filter"}) {
      expected[op + suffix] = 2;
    }
  }
  EXPECT_EQ(check_all_cases("cublaslt"), expected);
}

const OpCase& case_of(const std::string& name) {
  const auto& cases = op_cases();
  return *std::find_if(cases.begin(), cases.end(),
                       [&](const OpCase& op_case) { return op_case.name == name; });
}

/// How often the candidate computes the case rightly, asked for its variants in turn, and with how
/// much memory.
std::vector<std::int64_t> workspaces_of_variants(const std::string& name,
                                                 const std::string& candidate, const Math& math) {
  const OpCase& op_case = case_of(name);
  const OpPtr op = op_case.op(math.dtype);
  const std::vector<Tensor> inputs = make_inputs(op_case, math.dtype);
  const std::vector<Tensor> expected = expected_of(op_case, inputs);
  std::vector<std::int64_t> workspaces;
  for (int variant = 0;; ++variant) {
    LowerResult result = lower(*op, inputs, {candidate, math.allow_tf32, variant});
    auto* lowering = std::get_if<Lowering>(&result);
    if (lowering == nullptr) return workspaces;
    workspaces.push_back(lowering->workspace_bytes);
    EXPECT_LE(relative_error(run(*op, inputs, *lowering).at(0), expected.at(0)), math.tolerance);
  }
}

TEST(SimulatedLibraries, AllVariantsComputeTheSame) {
  using Bytes = std::vector<std::int64_t>;
  const auto [f32, tf32, f16, bf16] = kMath;
  // In f32, the engine on tensor cores is left out.
  EXPECT_EQ(workspaces_of_variants("conv2d_groups_2", "cudnn", f32), (Bytes{0, 4096}));
  EXPECT_EQ(workspaces_of_variants("conv2d_groups_2", "cudnn", tf32), (Bytes{512, 0, 4096}));
  EXPECT_EQ(workspaces_of_variants("conv2d_groups_2", "cudnn", f16), (Bytes{512, 0, 4096}));
  EXPECT_EQ(workspaces_of_variants("matmul_odd_tn", "cublaslt", bf16), (Bytes{4096, 512, 0}));
}

TEST(SimulatedLibraries, Tf32IsSeen) {
  const OpCase& op_case = case_of("conv2d_3x3_same");
  const OpPtr op = op_case.op(DType::f32);
  const std::vector<Tensor> inputs = make_inputs(op_case, DType::f32);
  LowerResult result = lower(*op, inputs, {"cudnn", true});
  const double error = relative_error(run(*op, inputs, std::get<Lowering>(result)).at(0),
                                      expected_of(op_case, inputs).at(0));
  EXPECT_GT(error, 1e-5);
  EXPECT_LT(error, 1e-3);
}

/// With its knobs, an engine's choice outlives the process.
TEST(SimulatedLibraries, APlanIsBuiltAnewFromItsChoice) {
  using namespace cuda::cudnn;
  Convolution convolution;
  convolution.dtype = DType::f32;
  convolution.x = convolution.y = {2, 5, 5, 8};
  convolution.w = {8, 3, 3, 8};
  convolution.window = resolve_window({5, 5}, 3, 1, 1, Padding::cells(1));
  const auto& target = simulated_libraries().cudnn;
  const EngineRules rules{false, 1 << 20};
  PlanCache cache("");
  std::string problem;
  const auto chosen = choose_plan(target, convolution, rules, problem, &cache);
  ASSERT_NE(chosen, nullptr) << problem;
  const auto choice = cache.find(cache_key(*target, convolution, rules));
  ASSERT_TRUE(choice.has_value());
  EXPECT_EQ(choice->knobs.size(), 1u);
  const auto again = choose_plan(target, convolution, rules, problem, &cache);
  ASSERT_NE(again, nullptr) << problem;
  EXPECT_EQ(choice_of(again->config()), *choice);
}

}  // namespace
}  // namespace fovea::test
