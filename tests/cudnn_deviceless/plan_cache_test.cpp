// Chosen engines, remembered across processes.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "cuda/cudnn/plan_cache.h"
#include "tests/cudnn_deviceless/deviceless.h"
#include "tests/data/data_test_support.h"

namespace fovea::test {
namespace {

using namespace cuda::cudnn;

constexpr EngineRules kRules{false, std::int64_t{256} << 20};

Convolution convolution_of(std::int64_t batch, DType dtype = DType::f16) {
  Convolution convolution;
  convolution.dtype = dtype;
  convolution.x = {batch, 14, 14, 64};
  convolution.w = {128, 3, 3, 64};
  convolution.y = {batch, 14, 14, 128};
  convolution.window = resolve_window({14, 14}, 3, 1, 1, Padding::cells(1));
  return convolution;
}

class CudnnPlanCache : public testing::Test {
 protected:
  std::string path() const { return (folder_ / "plans.json").string(); }

  const std::shared_ptr<Target>& target_ = described_gpus().at(4).libraries.cudnn;
  TempFolder folder_;
};

TEST_F(CudnnPlanCache, AChoiceSurvivesTheProcess) {
  const EngineChoice choice{62, {{1, 2}, {3, -4}}};
  {
    PlanCache cache(path());
    EXPECT_FALSE(cache.find("a question"));
    cache.remember("a question", choice);
    EXPECT_EQ(cache.find("a question"), choice);
    cache.try_to_save();
  }
  EXPECT_EQ(PlanCache(path()).find("a question"), choice);
}

TEST_F(CudnnPlanCache, DamagedChoicesCountAsNone) {
  for (const char* choice :
       {R"({"engine": 1})", R"({"engine": "x", "knobs": []})", R"({"engine": 1, "knobs": [[1]]})",
        R"({"engine": 1, "knobs": [5]})", R"({"engine": 1e300, "knobs": []})", "7"}) {
    SCOPED_TRACE(choice);
    std::ofstream(path()) << R"({"format": "fovea cudnn plans 1", "answers": {"good": )"
                          << R"({"engine": 1, "knobs": []}, "key": )" << choice << "}}";
    const PlanCache cache(path());
    EXPECT_TRUE(cache.find("good"));
    EXPECT_FALSE(cache.find("key"));
  }
}

TEST_F(CudnnPlanCache, AnEngineIsMadeAgainFromItsChoice) {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    const OperationGraph graph = build_graph(*target_, convolution_of(32, dtype));
    for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
      for (const EngineConfig& config : proposed_configs(*target_, graph, mode)) {
        const EngineChoice choice = choice_of(config);
        const EngineConfig again = config_of(*target_, graph, choice);
        EXPECT_EQ(choice_of(again), choice);
        EXPECT_EQ(again.numerical_notes, config.numerical_notes);
        EXPECT_EQ(again.behavior_notes, config.behavior_notes);
      }
    }
  }
}

TEST_F(CudnnPlanCache, TheRememberedEngineIsTaken) {
  const Convolution convolution = convolution_of(32);
  const OperationGraph graph = build_graph(*target_, convolution);
  const auto proposed = proposed_configs(*target_, graph, CUDNN_HEUR_MODE_A);
  ASSERT_GE(proposed.size(), 4u);
  const EngineChoice fourth = choice_of(proposed[3]);  // as a measurement might have it
  ASSERT_NE(fourth, choice_of(proposed[0]));
  PlanCache cache(path());
  std::string problem;
  const auto chosen = [&] {
    const auto plan = choose_plan(target_, convolution, kRules, problem, &cache);
    return plan ? choice_of(plan->config()) : EngineChoice{-1, {}};
  };
  EXPECT_EQ(chosen(), choice_of(proposed[0]));
  const std::string key = cache_key(*target_, convolution, kRules);
  EXPECT_EQ(cache.find(key), choice_of(proposed[0])) << "the first choice was not remembered";
  cache.remember(key, fourth);
  EXPECT_EQ(chosen(), fourth);
}

/// Each proposal that keeps the rules is offered once, the best estimate first.
TEST_F(CudnnPlanCache, VariantsAreEnginesThatKeepTheRules) {
  for (const DType dtype : {DType::f32, DType::f16}) {
    const Convolution convolution = convolution_of(32, dtype);
    PlanCache cache(path());
    std::vector<EngineChoice> choices;
    std::string problem;
    for (int variant = 0; variant < kMaxVariants; ++variant) {
      const auto plan = choose_plan(target_, convolution, kRules, problem, &cache, variant);
      if (plan == nullptr) continue;
      EXPECT_TRUE(forbidden_because(plan->config(), dtype, kRules, false).empty());
      EXPECT_LE(plan->workspace_bytes(), kRules.workspace_limit_bytes);
      choices.push_back(choice_of(plan->config()));
      EXPECT_EQ(cache.find(cache_key(*target_, convolution, kRules, variant)), choices.back());
    }
    EXPECT_GE(choices.size(), 3U) << problem;
    EXPECT_EQ(choices.front(),
              choice_of(choose_plan(target_, convolution, kRules, problem)->config()));
    for (std::size_t i = 0; i < choices.size(); ++i) {
      EXPECT_EQ(std::count(choices.begin(), choices.end(), choices[i]), 1) << i;
    }
    EXPECT_EQ(choose_plan(target_, convolution, kRules, problem, nullptr, kMaxVariants), nullptr);
    EXPECT_EQ(problem, "there is no such variant");
  }
}

TEST_F(CudnnPlanCache, WhatNoLongerHoldsIsChosenAgain) {
  const Convolution convolution = convolution_of(32, DType::f32);
  const std::string key = cache_key(*target_, convolution, kRules);
  const OperationGraph graph = build_graph(*target_, convolution);
  EngineChoice on_tensor_cores;
  for (const EngineConfig& config : proposed_configs(*target_, graph, CUDNN_HEUR_MODE_A)) {
    if (config.has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE)) on_tensor_cores = choice_of(config);
  }
  std::string problem;
  const auto fresh = choose_plan(target_, convolution, kRules, problem);
  ASSERT_NE(fresh, nullptr) << problem;
  for (const EngineChoice& stale : {EngineChoice{987654, {}}, EngineChoice{-1, {}},
                                    EngineChoice{0, {{12345, 1}}}, on_tensor_cores}) {
    PlanCache cache(path());
    cache.remember(key, stale);
    const auto plan = choose_plan(target_, convolution, kRules, problem, &cache);
    ASSERT_NE(plan, nullptr) << problem;
    EXPECT_EQ(choice_of(plan->config()), choice_of(fresh->config()));
    EXPECT_EQ(cache.find(key), choice_of(fresh->config()));
  }
}

TEST_F(CudnnPlanCache, TheKeyTellsQuestionsApart) {
  const Convolution convolution = convolution_of(32);
  const std::string key = cache_key(*target_, convolution, kRules);
  EXPECT_EQ(cache_key(*target_, convolution_of(32), kRules), key);
  std::vector<Convolution> others(8, convolution);
  others[0].pass = Convolution::Pass::backward_data;
  others[1].dtype = DType::bf16;
  others[2] = convolution_of(33);
  others[3].relu = true;
  others[4].bias = true;
  others[5].residual = true;
  others[6].window.dilation = 2;
  others[7].window.pad_left = 3;
  for (const Convolution& other : others) EXPECT_NE(cache_key(*target_, other, kRules), key);
  EXPECT_NE(cache_key(*target_, convolution, {true, kRules.workspace_limit_bytes}), key);
  EXPECT_NE(cache_key(*target_, convolution, {false, 1}), key);
  EXPECT_NE(cache_key(*target_, convolution, kRules, 1), key);
  EXPECT_NE(cache_key(*described_gpus().at(5).libraries.cudnn, convolution, kRules), key);
  EXPECT_NE(key.find("cuDNN 9"), std::string::npos) << key;
}

}  // namespace
}  // namespace fovea::test
