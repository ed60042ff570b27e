// Chosen engines, remembered across processes.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "cuda/cudnn/plan_cache.h"
#include "fovea/error.h"
#include "fovea/json.h"
#include "tests/cudnn_deviceless/deviceless.h"
#include "tests/data/data_test_support.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;
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
  std::string path() const { return (folder_ / "below" / "plans.json").string(); }
  void write(const std::string& text) const {
    fs::create_directories(fs::path(path()).parent_path());
    std::ofstream(path(), std::ios::binary) << text;
  }
  std::string text() const {
    std::ifstream file(path(), std::ios::binary);
    std::stringstream all;
    all << file.rdbuf();
    return all.str();
  }

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
    EXPECT_FALSE(fs::exists(path()));
  }  // saves
  EXPECT_EQ(PlanCache(path()).find("a question"), choice);
  EXPECT_FALSE(PlanCache(path()).find("another question"));
}

TEST_F(CudnnPlanCache, TwoProcessesKeepEachOthersChoices) {
  PlanCache first(path()), second(path());
  first.remember("first", {1, {}});
  second.remember("second", {2, {}});
  first.save();
  second.save();
  const PlanCache third(path());
  EXPECT_EQ(third.find("first"), (EngineChoice{1, {}}));
  EXPECT_EQ(third.find("second"), (EngineChoice{2, {}}));
}

TEST_F(CudnnPlanCache, ThreadsMayShareIt) {
  PlanCache cache(path());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      for (int i = 0; i < 100; ++i) {
        cache.remember("key " + std::to_string(i), {i, {}});
        if (i % 50 == t) cache.save();
        EXPECT_EQ(cache.find("key " + std::to_string(i)), (EngineChoice{i, {}}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(CudnnPlanCache, BadAndForeignFilesCountAsEmptyAndAreReplaced) {
  const std::string ours = R"("format": "fovea cudnn plans 1", )";
  for (const std::string& bad :
       {std::string(), std::string("\0\xff\x01", 3), std::string("{"), std::string("[1, 2]"),
        std::string(R"({"format": "another program's", "plans": {"key": {"engine": 1}}})"),
        "{" + ours + R"("plans": 7})", "{" + ours + R"("plans": {"key": {"engine": 1}}})",
        "{" + ours + R"("plans": {"key": {"engine": "x", "knobs": []}}})",
        "{" + ours + R"("plans": {"key": {"engine": 1, "knobs": [[1]]}}})",
        "{" + ours + R"("plans": {"key": {"engine": 1, "knobs": [5]}}})",
        "{" + ours + R"("plans": {"key": {"engine": 1e300, "knobs": []}}})"}) {
    SCOPED_TRACE(bad);
    write(bad);
    PlanCache cache(path());
    EXPECT_FALSE(cache.find("key"));
    cache.remember("new", {3, {}});
    cache.save();
    EXPECT_EQ(PlanCache(path()).find("new"), (EngineChoice{3, {}}));
  }
}

TEST_F(CudnnPlanCache, NothingNewLeavesTheFileAlone) {
  write("not ours");
  { const PlanCache cache(path()); }
  EXPECT_EQ(text(), "not ours");
}

TEST_F(CudnnPlanCache, WhatCannotBeSavedIsNoErrorAtTheEnd) {
  std::ofstream(folder_ / "below") << "a file where a folder should be";
  {
    PlanCache cache(path());
    cache.remember("key", {1, {}});
    EXPECT_THROW(cache.save(), Error);
  }
  PlanCache nowhere("");
  nowhere.remember("key", {1, {}});
  nowhere.save();
  EXPECT_EQ(nowhere.find("key"), (EngineChoice{1, {}}));
}

TEST_F(CudnnPlanCache, LiesWhereCachesLie) {
  const auto with = [](const char* xdg, const char* home) {
    const ScopedEnv caches("XDG_CACHE_HOME", xdg), own("HOME", home);
    return PlanCache::default_path();
  };
  EXPECT_EQ(with("/caches", "/home/me"), "/caches/fovea/cudnn_plans.json");
  EXPECT_EQ(with("", "/home/me"), "/home/me/.cache/fovea/cudnn_plans.json");
  EXPECT_EQ(with("relative", "/home/me"), "/home/me/.cache/fovea/cudnn_plans.json");
  EXPECT_EQ(with(nullptr, "/home/me"), "/home/me/.cache/fovea/cudnn_plans.json");
  EXPECT_EQ(with("", nullptr), "");
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
  EXPECT_NE(cache_key(*described_gpus().at(5).libraries.cudnn, convolution, kRules), key);
  EXPECT_NE(key.find("cuDNN 9"), std::string::npos) << key;
}

}  // namespace
}  // namespace fovea::test
