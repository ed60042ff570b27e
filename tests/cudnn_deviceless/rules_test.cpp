// Which of cuDNN's engines may compute.
#include <gtest/gtest.h>

#include "cuda/cudnn/plan.h"
#include "tests/cudnn_deviceless/deviceless.h"

namespace fovea::test {
namespace {

using namespace cuda::cudnn;

EngineConfig with(std::vector<cudnnBackendNumericalNote_t> notes) {
  EngineConfig config;
  config.numerical_notes = std::move(notes);
  return config;
}

bool allowed(const EngineConfig& config, DType dtype, bool allow_tf32 = false,
             bool device_is_present = true) {
  return forbidden_because(config, dtype, {allow_tf32, 0}, device_is_present).empty();
}

TEST(EngineRules, ResultsThatDifferFromRunToRunAreForbidden) {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    EXPECT_FALSE(allowed(with({CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC}), dtype, true));
    EXPECT_FALSE(allowed(with({CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION}), dtype, true));
    EXPECT_FALSE(allowed(with({CUDNN_NUMERICAL_NOTE_FFT}), dtype, true));
    EXPECT_TRUE(allowed(with({}), dtype));
  }
}

TEST(EngineRules, StrictF32StaysOffTensorCores) {
  EXPECT_FALSE(allowed(with({CUDNN_NUMERICAL_NOTE_TENSOR_CORE}), DType::f32));
  EXPECT_TRUE(allowed(with({CUDNN_NUMERICAL_NOTE_TENSOR_CORE}), DType::f32, true));
  EXPECT_TRUE(allowed(with({CUDNN_NUMERICAL_NOTE_TENSOR_CORE}), DType::f16));
  EXPECT_FALSE(allowed(with({CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS}), DType::f32));
  EXPECT_FALSE(allowed(with({CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS}), DType::f32, true));
}

TEST(EngineRules, WinogradIsForF32) {
  const EngineConfig winograd =
      with({CUDNN_NUMERICAL_NOTE_WINOGRAD, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4});
  EXPECT_TRUE(allowed(winograd, DType::f32));
  EXPECT_FALSE(allowed(winograd, DType::f16));
  EXPECT_FALSE(allowed(
      with({CUDNN_NUMERICAL_NOTE_WINOGRAD, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13}), DType::f32));
}

TEST(EngineRules, KernelsAreCompiledOnlyWhereTheDeviceIs) {
  EngineConfig config;
  config.behavior_notes = {CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION};
  EXPECT_TRUE(allowed(config, DType::f16, false, true));
  EXPECT_FALSE(allowed(config, DType::f16, false, false));
}

/// A layer of ResNet-50: large enough for tensor cores to be the first choice.
Convolution layer(DType dtype) {
  Convolution convolution;
  convolution.dtype = dtype;
  convolution.x = {256, 14, 14, 256};
  convolution.w = {256, 3, 3, 256};
  convolution.y = {256, 14, 14, 256};
  convolution.window = resolve_window({14, 14}, 3, 1, 1, Padding::cells(1));
  return convolution;
}

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

TEST(ChoosePlan, Tf32IsUsedWhereItIsAllowedAndTheChipHasIt) {
  for (const DescribedGpu& gpu : described_gpus()) {
    SCOPED_TRACE(gpu.sm);
    for (const bool allow_tf32 : {false, true}) {
      std::string problem;
      const auto plan =
          choose_plan(gpu.libraries.cudnn, layer(DType::f32), {allow_tf32, kGiB}, problem);
      ASSERT_NE(plan, nullptr) << problem;
      EXPECT_EQ(plan->config().has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE), allow_tf32 && gpu.sm >= 80);
    }
    std::string problem;
    const auto plan = choose_plan(gpu.libraries.cudnn, layer(DType::f16), {false, kGiB}, problem);
    ASSERT_NE(plan, nullptr) << problem;
    EXPECT_TRUE(plan->config().has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE));
  }
}

TEST(ChoosePlan, TheWorkspaceIsLimited) {
  std::int64_t largest = 0;
  for (const std::int64_t limit : {std::int64_t{0}, std::int64_t{1} << 20, kGiB}) {
    for (const DescribedGpu& gpu : described_gpus()) {
      for (const auto pass : {Convolution::Pass::forward, Convolution::Pass::backward_data,
                              Convolution::Pass::backward_filter}) {
        Convolution convolution = layer(DType::f32);
        convolution.pass = pass;
        std::string problem;
        const auto plan = choose_plan(gpu.libraries.cudnn, convolution, {false, limit}, problem);
        if (plan == nullptr) {
          EXPECT_NE(problem.find("workspace"), std::string::npos) << problem;
          continue;
        }
        EXPECT_LE(plan->workspace_bytes(), limit);
        largest = std::max(largest, plan->workspace_bytes());
      }
    }
  }
  EXPECT_GT(largest, 0) << "no plan here needs a workspace, so that this test says nothing";
}

TEST(ChoosePlan, TheSameQuestionGetsTheSameEngine) {
  const auto& target = described_gpus().back().libraries.cudnn;
  std::string problem;
  const auto first = choose_plan(target, layer(DType::bf16), {false, kGiB}, problem);
  const auto second = choose_plan(target, layer(DType::bf16), {false, kGiB}, problem);
  ASSERT_TRUE(first && second) << problem;
  EXPECT_EQ(first->config().engine, second->config().engine);
}

}  // namespace
}  // namespace fovea::test
