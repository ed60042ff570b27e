// Autotuning on a device whose clock stands still but for what kernels say they cost.
#include "host/graph/autotune.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>

#include "fovea/ops.h"
#include "host/graph/execution.h"
#include "host/graph/passes.h"
#include "tests/data/data_test_support.h"

namespace fovea {
namespace {

using test::TempFolder;

/// One way to compute an op: what its variants take, and what goes wrong with it.
struct Way {
  std::string name;
  std::vector<double> milliseconds;
  std::int64_t workspace_bytes = 0;
  bool fails = false;
};

class Laboratory final : public Device {
 public:
  explicit Laboratory(const std::vector<Way>& ways) {
    for (const Way& way : ways) add<ops::MatMul>(way);
  }
  template <class DerivedOp>
  void add(const Way& way) {
    kernels().add<DerivedOp>(way.name, [this, way](const DerivedOp&, const LowerRequest& request) {
      return lower(way, request);
    });
  }
  std::string name() const override { return "laboratory"; }
  bool is_host() const override { return false; }
  std::string fingerprint() const override { return fingerprint_; }
  void* allocate(std::size_t bytes) override {
    FOVEA_REQUIRE(bytes < 1 << 20, out_of_memory, bytes, " bytes wanted");
    return std::aligned_alloc(64, (bytes / 64 + 1) * 64);
  }
  void release(void* memory) noexcept override { std::free(memory); }
  MemoryUse memory_use() const override { return {}; }
  std::shared_ptr<Stream> make_stream() override { return std::make_shared<Clock>(*this); }
  void save_choices() noexcept override { ++times_saved; }

  std::map<std::string, int> launches;  ///< by kernel
  bool records = true;
  std::string unrecordable;  ///< a kernel
  bool met_bad_input = false;
  std::string fingerprint_ = "a first laboratory";
  int times_saved = 0;

 private:
  class Clock final : public Stream {
   public:
    explicit Clock(Laboratory& laboratory) : laboratory_(laboratory) {}
    void* handle() const override { return nullptr; }
    void upload(void* to, const void* from, std::size_t n) override { std::memcpy(to, from, n); }
    void download(void* to, const void* from, std::size_t n) override { std::memcpy(to, from, n); }
    void copy(void* to, const void* from, std::size_t n) override { std::memcpy(to, from, n); }
    void fill(void* to, std::uint8_t byte, std::size_t n) override { std::memset(to, byte, n); }
    double milliseconds(const std::function<void()>& work) override {
      const double begin = laboratory_.clock_;
      work();
      return laboratory_.clock_ - begin;
    }
    void synchronize() override {}
    std::unique_ptr<Recording> record(const std::function<void()>& work) override {
      class Again final : public Recording {
       public:
        explicit Again(std::function<void()> work) : work_(std::move(work)) {}
        void replay() override { work_(); }

       private:
        std::function<void()> work_;
      };
      if (!laboratory_.records) return nullptr;
      FOVEA_REQUIRE(laboratory_.launched_last_ != laboratory_.unrecordable, cuda, "not recorded");
      return std::make_unique<Again>(work);
    }

   private:
    Laboratory& laboratory_;
  };

  LowerResult lower(const Way& way, const LowerRequest& request) {
    const auto variant = static_cast<std::size_t>(request.variant);
    if (variant >= way.milliseconds.size()) return Decline{"there is no such variant"};
    Lowering lowering;
    lowering.variants = static_cast<int>(way.milliseconds.size()) + 1;  // one too many
    lowering.workspace_bytes = way.workspace_bytes;
    lowering.kernel = make_kernel([this, way, variant](const KernelContext& context) {
      launched_last_ = way.name + "#" + std::to_string(variant);
      ++launches[launched_last_];
      clock_ += way.milliseconds[variant];
      FOVEA_REQUIRE(!way.fails, cuda, way.name, " is broken");
      for (std::size_t i = 0; i < context.input_count(); ++i) {
        const float* values = context.input<float>(i);
        const std::int64_t count = context.input_shape(i).numel();
        met_bad_input |=
            !std::all_of(values, values + count, [](float v) { return std::isfinite(v) && v < 1; });
        // What is tried must not touch what lives.
        std::memset(context.mutable_input<void>(i), 0, static_cast<std::size_t>(4 * count));
      }
    });
    return lowering;
  }

  double clock_ = 0;
  std::string launched_last_;  ///< a kernel
};

const std::vector<Way> kWays = {{"first", {2.0}},
                                {"tunable", {3.0, 0.25, 1.0}},
                                {"broken", {0.125}, 0, true},
                                {"hungry", {0.125}, 4096},
                                {"snail", {500}}};

class AutotuneTest : public ::testing::Test {
 protected:
  AutotuneTest() { options_.autotuner = tuner(); }

  std::string path() const { return (folder_ / "kernels.json").string(); }
  /// Like the one that another process would have.
  std::shared_ptr<Autotuner> tuner(std::int64_t workspace_limit_bytes = 1024) const {
    return std::make_shared<Autotuner>(Autotuner::Options{path(), workspace_limit_bytes});
  }

  /// x (batch, 8) times a weight.
  static Graph product(std::int64_t batch = 4) {
    Graph graph;
    Builder b(graph);
    const Value x = b.input("x", {{batch, 8}, DType::f32});
    graph.mark_output("y", b.add(ops::MatMul{}, {x, b.parameter("w", {8, 3}, glorot_uniform())}));
    return graph;
  }

  std::shared_ptr<const Plan> plan(const Graph& graph = product()) const {
    return compile_graph(graph, laboratory_, options_);
  }
  std::string chosen(const Graph& graph = product()) const {
    return plan(graph)->steps().front().kernel_name();
  }
  /// Whether making this plan measures anything.
  bool measures(const Graph& graph = product()) {
    laboratory_->launches.clear();
    plan(graph);
    return !laboratory_->launches.empty();
  }
  /// Of product(), with nothing launched yet.
  std::unique_ptr<Execution> execution_of(const std::shared_ptr<const Plan>& plan) {
    variables_ = std::make_unique<Variables>(laboratory_);
    variables_->create_missing(plan->graph(), 1);
    auto execution =
        std::make_unique<Execution>(plan, *variables_, std::make_shared<Arena>(laboratory_));
    execution->bind_input(0, x_.raw());
    laboratory_->launches.clear();
    return execution;
  }
  Json file() const {
    std::ifstream file(path());
    std::stringstream text;
    text << file.rdbuf();
    return Json::parse(text.str(), path());
  }
  const Json& only_answer(const Json& file) const {
    EXPECT_EQ(file.at("answers").size(), 1U);
    return file.at("answers").as_object().front().second;
  }

  TempFolder folder_;
  const Tensor x_ = Tensor::zeros({4, 8});
  std::shared_ptr<Laboratory> laboratory_ = std::make_shared<Laboratory>(kWays);
  std::unique_ptr<Variables> variables_;
  PlanOptions options_;
};

TEST_F(AutotuneTest, TheFastestIsTaken) {
  EXPECT_EQ(chosen(), "tunable#1");
  EXPECT_NE(plan()->str().find("matmul [tunable#1]"), std::string::npos) << plan()->str();
  EXPECT_GE(laboratory_->launches.at("tunable#1"), 5);
  EXPECT_GE(laboratory_->launches.at("first#0"), 5);
}

TEST_F(AutotuneTest, WithoutItTheFirstToAcceptIsTaken) {
  options_.autotuner = nullptr;
  EXPECT_EQ(chosen(), "first");
  EXPECT_TRUE(laboratory_->launches.empty());
}

TEST_F(AutotuneTest, WhereNothingIsRecordedItMeasuresLaunches) {
  laboratory_->records = false;
  EXPECT_EQ(chosen(), "tunable#1");
}

/// With such a kernel no step could be recorded.
TEST_F(AutotuneTest, WhatCannotBeRecordedIsNotChosen) {
  laboratory_->unrecordable = "tunable#1";
  EXPECT_NE(chosen(), "tunable#1");
  EXPECT_GE(laboratory_->launches.at("tunable#1"), 1);
}

TEST_F(AutotuneTest, TheExecutionRunsTheChosenVariant) {
  const auto execution = execution_of(plan());
  execution->run();
  EXPECT_EQ(laboratory_->launches, (std::map<std::string, int>{{"tunable#1", 1}}));
}

/// Small kernels are launched many times in a row, where they can be recorded.
TEST_F(AutotuneTest, AProfileHasTheTimeOfOneLaunch) {
  constexpr double kQuick = 0.015625;
  laboratory_ = std::make_shared<Laboratory>(std::vector<Way>{{"quick", {kQuick}}});
  options_.autotuner = nullptr;
  EXPECT_EQ(execution_of(plan())->profile(3), std::vector<double>{kQuick});
  EXPECT_GE(laboratory_->launches.at("quick#0"), 3 * 10);
  laboratory_->unrecordable = "quick#0";
  EXPECT_EQ(execution_of(plan())->profile(3), std::vector<double>{kQuick});
  EXPECT_LT(laboratory_->launches.at("quick#0"), 10);
}

TEST_F(AutotuneTest, TriesKernelsOnScratchMemoryOnly) {
  Variables variables(laboratory_);
  const Graph graph = product();
  variables.create_missing(graph, 1);
  const Tensor before = variables.read("w");
  plan(graph);
  EXPECT_FALSE(laboratory_->launches.empty());
  const Tensor after = variables.read("w");
  for (std::int64_t i = 0; i < before.numel(); ++i) EXPECT_EQ(after.item(i), before.item(i));
  EXPECT_NE(before.item(0), 0);
  EXPECT_FALSE(laboratory_->met_bad_input);
}

TEST_F(AutotuneTest, FailuresArePassedOverAndSaidInTheFile) {
  EXPECT_EQ(chosen(), "tunable#1");
  const Json saved = file();
  const Json& answer = only_answer(saved);
  EXPECT_EQ(answer.at("candidate").as_string(), "tunable");
  EXPECT_EQ(answer.at("variant").as_int(), 1);
  std::map<std::string, std::string> problems;
  for (const Json& row : answer.at("measured").as_array()) {
    const Json* problem = row.find("problem");
    EXPECT_NE(row.contains("milliseconds"), problem != nullptr);
    if (problem != nullptr) problems[row.at("candidate").as_string()] = problem->as_string();
  }
  const std::map<std::string, std::string> expected = {
      {"broken", "broken is broken"}, {"hungry", "wants a workspace of 4096 bytes"}};
  EXPECT_EQ(problems, expected);
  EXPECT_EQ(answer.at("measured").size(), 7U);

  options_.autotuner = tuner(4096);
  EXPECT_EQ(chosen(), "hungry");
}

TEST_F(AutotuneTest, TheHopelessAreNotRunAgainAndAgain) {
  plan();
  EXPECT_LE(laboratory_->launches.at("snail#0"), 2);
}

TEST_F(AutotuneTest, WhereNothingWorksTheFirstToAcceptIsTaken) {
  laboratory_ = std::make_shared<Laboratory>(
      std::vector<Way>{{"broken", {1}, 0, true}, {"broken, too", {1}, 0, true}});
  EXPECT_EQ(chosen(), "broken");
  laboratory_ = std::make_shared<Laboratory>(kWays);
  EXPECT_EQ(chosen(product(1 << 16)), "first") << "there is no memory to try it";
  EXPECT_TRUE(laboratory_->launches.empty());
}

TEST_F(AutotuneTest, WithoutAChoiceNothingIsMeasured) {
  laboratory_ = std::make_shared<Laboratory>(std::vector<Way>{{"only", {1}}});
  EXPECT_FALSE(measures());
  EXPECT_EQ(chosen(), "only");
}

TEST_F(AutotuneTest, AnAnswerIsRemembered) {
  EXPECT_TRUE(measures());
  EXPECT_FALSE(measures());
  options_.autotuner = tuner();
  EXPECT_FALSE(measures()) << "another process has to measure again";
  EXPECT_EQ(chosen(), "tunable#1");
}

TEST_F(AutotuneTest, WhatTheAnswerDependsOnIsMeasuredAnew) {
  ASSERT_TRUE(measures());
  EXPECT_TRUE(measures(product(5)));
  options_.allow_tf32 = true;
  EXPECT_TRUE(measures());
  options_.allow_tf32 = false;
  laboratory_->fingerprint_ = "a second laboratory";
  EXPECT_TRUE(measures());
  laboratory_->fingerprint_ = "a first laboratory";
  options_.autotuner = tuner(2048);
  EXPECT_TRUE(measures());
  options_.autotuner = tuner();
  Graph transposed;
  Builder b(transposed);
  ops::MatMul product_of_transposed;
  product_of_transposed.transpose_a = true;
  const Value y = b.add(product_of_transposed,
                        {b.input("x", {{8, 4}, DType::f32}), b.input("w", {{8, 3}, DType::f32})});
  transposed.mark_output("y", y);
  EXPECT_TRUE(measures(transposed));
  EXPECT_FALSE(measures());
}

TEST_F(AutotuneTest, OfAForcedCandidateOnlyTheVariantsAreMeasured) {
  plan();
  options_.force = parse_forced_kernels("matmul:tunable");
  EXPECT_TRUE(measures());
  for (const auto& [kernel, count] : laboratory_->launches) {
    EXPECT_TRUE(kernel.starts_with("tunable")) << kernel;
  }
  options_.force = parse_forced_kernels("matmul:first");
  EXPECT_FALSE(measures());
  EXPECT_EQ(chosen(), "first");
}

TEST_F(AutotuneTest, AnswersThatNoLongerHoldAreMeasuredAgain) {
  plan();
  const std::string question = file().at("answers").as_object().front().first;
  for (const Json& answer :
       {Json::parse(R"({"candidate": "gone", "variant": 0})"),
        Json::parse(R"({"candidate": "tunable", "variant": 3})"),
        Json::parse(R"({"candidate": "tunable", "variant": "one"})"), Json(7)}) {
    SCOPED_TRACE(answer.to_string());
    std::ofstream(path()) << Json(Json::Object{{"format", "fovea autotuned kernels 3"},
                                               {"answers", Json::Object{{question, answer}}}})
                                 .to_string();
    options_.autotuner = tuner();
    EXPECT_TRUE(measures());
    EXPECT_EQ(chosen(), "tunable#1");
  }
}

/// A fused op gives way to its parts where they are measured faster.
TEST_F(AutotuneTest, AFusionHasToPay) {
  Graph graph;
  Builder b(graph);
  const Value y = b.add(ops::Conv2d{}, {b.input("x", {{1, 3, 3, 2}, DType::f32}),
                                        b.parameter("w", {2, 1, 1, 2}, glorot_uniform())});
  const Value vector = b.parameter("vector", {2}, constant_value(0.5));
  graph.mark_output("y", b.add(ops::BatchNorm{}, {y, vector, vector, vector, vector})[0]);
  for (const auto& [fused, kernels] : {std::pair(2.9, "together"), std::pair(3.1, "conv norm")}) {
    SCOPED_TRACE(kernels);
    laboratory_ = std::make_shared<Laboratory>(std::vector<Way>{});
    laboratory_->fingerprint_ = kernels;
    laboratory_->add<ops::Conv2d>({"conv", {2}});
    laboratory_->add<ops::BatchNorm>({"norm", {5, 1}});
    laboratory_->add<ops::Conv2dBatchNormAct>({"together", {fused}});
    std::string names;
    const auto made = plan(graph);
    for (const PlanStep& step : made->steps()) names += " " + step.candidate;
    EXPECT_EQ(names, std::string(" ") + kernels);
    EXPECT_FALSE(measures(graph)) << "measured again";
    options_.autotuner = nullptr;
    EXPECT_EQ(chosen(graph), "conv") << "fused unmeasured";
    options_.autotuner = tuner();
    EXPECT_FALSE(measures(graph)) << "another process has to measure again";
  }
}

/// The same of the way back: relu(batch_norm(x)) -> 1x1 convolution, whose input wants its
/// gradient.
TEST_F(AutotuneTest, ABackwardFusionHasToPay) {
  Graph graph;
  Builder b(graph);
  const Value x = b.input("x", {{1, 3, 3, 2}, DType::f32});
  const Value dy = b.input("dy", {{1, 3, 3, 4}, DType::f32});
  const Value w = b.parameter("w", {4, 1, 1, 2}, glorot_uniform());
  const Value vector = b.parameter("vector", {2}, constant_value(0.5));
  ops::BatchNormAct norm;
  norm.activation.kind = Activation::Kind::relu;
  const Outputs forward = b.add(norm, {x, vector, vector, vector, vector});
  ops::BatchNormActBackward backward;
  backward.activation = norm.activation;
  const Value d = b.add(ops::Conv2dBackwardData({}, 3), {dy, w});
  graph.mark_output("dx", b.add(backward, {d, forward[0], x, vector, forward[1], forward[2]})[1]);
  for (const auto& [fused, kernels] :
       {std::pair(2.9, "forward together"), std::pair(3.1, "forward conv norm")}) {
    SCOPED_TRACE(kernels);
    laboratory_ = std::make_shared<Laboratory>(std::vector<Way>{});
    laboratory_->fingerprint_ = kernels;
    laboratory_->add<ops::BatchNormAct>({"forward", {1}});
    laboratory_->add<ops::Conv2dBackwardData>({"conv", {2}});
    laboratory_->add<ops::BatchNormActBackward>({"norm", {5, 1}});
    laboratory_->add<ops::Conv2dBackwardDataBatchNormRelu>({"together", {fused}});
    std::string names;
    const auto made = plan(graph);
    for (const PlanStep& step : made->steps()) names += (names.empty() ? "" : " ") + step.candidate;
    EXPECT_EQ(names, kernels);
    options_.autotuner = nullptr;
    EXPECT_EQ(plan(graph)->steps().size(), 3u) << "fused unmeasured";
    options_.autotuner = tuner();
  }
}

TEST_F(AutotuneTest, WhatCandidatesFindOutIsSavedWithEachPlan) {
  EXPECT_EQ(laboratory_->times_saved, 0);
  options_.autotuner = nullptr;
  plan();
  EXPECT_EQ(laboratory_->times_saved, 1);
}

TEST_F(AutotuneTest, TheHostIsLeftAlone) {
  const auto tuned = compile_graph(product(), cpu_device(), options_);
  options_.autotuner = nullptr;
  EXPECT_EQ(tuned->str(), compile_graph(product(), cpu_device(), options_)->str());
  EXPECT_FALSE(std::filesystem::exists(path()));
}

}  // namespace
}  // namespace fovea
