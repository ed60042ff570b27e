// Optimizers: their update rules against formulas written down once more here, their state, their
// JSON, bad arguments.
#include "fovea/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "fovea/ops/update.h"
#include "host/graph/execution.h"
#include "host/graph/plan.h"
#include "host/graph/variables.h"
#include "tests/support/expect_error.h"

namespace fovea::test {
namespace {

using Numbers = std::vector<double>;

/// Two parameters in f64, "a" of three numbers and "b" of one, with gradients given from outside.
class Updates {
 public:
  explicit Updates(const Optimizer& optimizer) : variables_(cpu_device()) {
    Graph graph;
    Builder b(graph, DType::f64);
    std::vector<UpdateTarget> targets;
    std::vector<Value> checked = {b.constant({{}, DType::f64}, 0)};
    for (const auto& [path, size] : {std::pair("a", 3), std::pair("b", 1)}) {
      const Value gradient = b.input(std::string("gradient.") + path, {{size}, DType::f64});
      targets.push_back({path, b.parameter(path, {size}, zeros()), gradient});
      checked.push_back(gradient);
    }
    const Outputs check = b.add(std::make_shared<const ops::GradientCheck>(), checked);
    const UpdateScalars scalars = {check[1], check[0],
                                   b.global_state("rate", {{}, DType::f32}, 0.25),
                                   b.global_state("applied", {{}, DType::i64}, 0)};
    optimizer.append_update(b, targets, scalars);
    b.add(ops::CommitStep{}, {scalars.applied, scalars.finite});
    plan_ = std::make_shared<const Plan>(graph, cpu_device(), PlanOptions{});
    variables_.create_missing(plan_->graph(), 0);
    variables_.write("a", Tensor::from<double>({3}, Numbers{1, -2, 3}));
    variables_.write("b", Tensor::from<double>({1}, Numbers{0.5}));
    execution_ =
        std::make_unique<Execution>(plan_, variables_, std::make_shared<Arena>(cpu_device()));
  }

  void run(const Numbers& gradient_a, double gradient_b) {
    for (std::size_t i = 0; i < plan_->inputs().size(); ++i) {
      const bool is_a = plan_->inputs()[i].name == "gradient.a";
      execution_->bind_input(i, is_a ? gradient_a.data() : &gradient_b);
    }
    execution_->run();
  }

  /// The three numbers of a, then b's.
  Numbers parameters() const {
    const Tensor a = variables_.read("a");
    return {a.item(0), a.item(1), a.item(2), variables_.read("b").item()};
  }
  const Variables& variables() const { return variables_; }

 private:
  Variables variables_;
  std::shared_ptr<const Plan> plan_;
  std::unique_ptr<Execution> execution_;
};

constexpr double kRate = 0.25;  // exact in f32
const Numbers kStart = {1, -2, 3, 0.5};

/// Gradients of three steps, one row per step: a's three, then b's.
const std::vector<Numbers> kGradients = {{0.5, -1, 2, 0.25}, {0.1, 0.2, -0.3, -4}, {-1, 0, 0.5, 1}};

/// Applies an optimizer to those gradients.
Numbers optimize(const Optimizer& optimizer) {
  Updates updates(optimizer);
  for (const Numbers& g : kGradients) updates.run({g[0], g[1], g[2]}, g[3]);
  return updates.parameters();
}

/// Applies a rule, called with (parameter's index, w, g, step from 1), to the same.
template <class Rule>
Numbers expected(const Rule& rule) {
  Numbers w = kStart;
  double step = 0;
  for (const Numbers& gradients : kGradients) {
    ++step;
    for (std::size_t i = 0; i < w.size(); ++i) rule(i, w[i], gradients[i], step);
  }
  return w;
}

void expect_near(const Numbers& actual, const Numbers& wanted) {
  ASSERT_EQ(actual.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(actual[i], wanted[i], 1e-12) << i;
}

TEST(Optimizer, SgdFollowsTheGradient) {
  expect_near(optimize(Sgd()),
              expected([](std::size_t, double& w, double g, double) { w -= kRate * g; }));
}

TEST(Optimizer, MomentumKeepsAVelocity) {
  Numbers v(4);
  expect_near(optimize(Sgd(0.01, 0.9)), expected([&](std::size_t i, double& w, double g, double) {
                v[i] = 0.9 * v[i] - kRate * g;
                w += v[i];
              }));
}

TEST(Optimizer, NesterovLooksAhead) {
  Numbers v(4);
  expect_near(optimize(Sgd(0.01, 0.9, true)),
              expected([&](std::size_t i, double& w, double g, double) {
                v[i] = 0.9 * v[i] - kRate * g;
                w += 0.9 * v[i] - kRate * g;
              }));
}

/// Adam as its authors write it, but for Keras's epsilon.
struct AdamRule {
  double weight_decay = 0;
  Numbers m = Numbers(4), v = Numbers(4);
  void operator()(std::size_t i, double& w, double g, double t) {
    w -= kRate * weight_decay * w;
    m[i] = 0.9 * m[i] + 0.1 * g;
    v[i] = 0.99 * v[i] + 0.01 * g * g;
    const double rate = kRate * std::sqrt(1 - std::pow(0.99, t)) / (1 - std::pow(0.9, t));
    w -= rate * m[i] / (std::sqrt(v[i]) + 1e-3);
  }
};

TEST(Optimizer, AdamScalesByItsMoments) {
  AdamRule rule;
  expect_near(optimize(Adam(0.01, 0.9, 0.99, 1e-3)),
              expected([&](auto&&... arguments) { rule(arguments...); }));
}

TEST(Optimizer, AdamWDecaysWeightsBesides) {
  AdamRule rule{0.1};
  expect_near(optimize(AdamW(0.01, 0.1, 0.9, 0.99, 1e-3)),
              expected([&](auto&&... arguments) { rule(arguments...); }));
}

TEST(Optimizer, ClipsElementsParametersOrAllTogether) {
  const auto first_step = [](const OptimizerOptions& options) {
    Updates updates(Sgd(0.01, 0, false, options));
    updates.run({3, 0, 4}, 12);  // norms 5 and 12, together 13
    const Numbers w = updates.parameters();
    Numbers g;
    for (std::size_t i = 0; i < w.size(); ++i) g.push_back((kStart[i] - w[i]) / kRate);
    return g;
  };
  OptimizerOptions by_value, by_norm, by_global_norm;
  by_value.clip_value = 3.5;
  by_norm.clip_norm = 10;
  by_global_norm.global_clip_norm = 6.5;
  expect_near(first_step(by_value), {3, 0, 3.5, 3.5});
  expect_near(first_step(by_norm), {3, 0, 4, 10});
  expect_near(first_step(by_global_norm), {1.5, 0, 2, 6});
}

TEST(Optimizer, ANonFiniteGradientChangesNothing) {
  Updates updates{Adam()};
  updates.run({1, 1, 1}, 1);
  const Numbers before = updates.parameters();
  const double moment = updates.variables().read("optimizer.m.b").item();
  updates.run({1, std::numeric_limits<double>::quiet_NaN(), 1}, 1);
  EXPECT_EQ(updates.parameters(), before);
  EXPECT_EQ(updates.variables().read("optimizer.m.b").item(), moment);
  EXPECT_EQ(updates.variables().read_integer("applied"), 1);
}

TEST(Optimizer, NamesItsStateAfterTheParameter) {
  const Updates adam{Adam()};
  const Updates momentum{Sgd(0.01, 0.9)};
  const Updates sgd{Sgd()};
  EXPECT_TRUE(adam.variables().contains("optimizer.m.a"));
  EXPECT_TRUE(adam.variables().contains("optimizer.v.b"));
  EXPECT_TRUE(momentum.variables().contains("optimizer.momentum.a"));
  EXPECT_FALSE(sgd.variables().contains("optimizer.momentum.a"));
}

/// The variance of a gradient that stays the same is zero: rounding must not take its root's
/// argument below that.
TEST(Optimizer, CentredRmsPropStaysFiniteOnConstantGradients) {
  Updates updates(RmsProp(0.01, 0.8, 0, 1e-7, true));
  for (int i = 0; i < 1000; ++i) updates.run({1e5 / 3, -7e4, 123456.7}, 98765.4);
  for (const double parameter : updates.parameters()) EXPECT_TRUE(std::isfinite(parameter));
}

// ---- Names and JSON ----

TEST(Optimizer, ComesBackFromJson) {
  OptimizerOptions options;
  options.weight_decay = 1e-4;
  options.clip_norm = 2;
  options.ema_momentum = 0.9;
  OptimizerOptions clipped;
  clipped.global_clip_norm = 1;
  const std::vector<std::shared_ptr<const Optimizer>> optimizers = {
      Sgd(Schedule::cosine(0.1, 100), 0.8, true, options).clone(),
      Adam(0.01, 0.8, 0.95, 1e-5, options).clone(),
      AdamW(0.01, 0.05, 0.8, 0.95, 1e-5, clipped).clone(),
      Adagrad(0.1, 0.3, 1e-5, clipped).clone(),
      RmsProp(0.01, 0.8, 0.5, 1e-5, true, clipped).clone(),
      Adamax(0.01, 0.8, 0.95, 1e-5, clipped).clone(),
      Nadam(0.01, 0.8, 0.95, 1e-5, clipped).clone()};
  for (const auto& optimizer : optimizers) {
    const Json json = Json::parse(optimizer->to_json().to_string());
    const auto again = optimizer_from_json(json);
    EXPECT_EQ(again->to_json(), json);
    EXPECT_EQ(optimize(*again), optimize(*optimizer));
  }
}

TEST(Optimizer, IsKnownByName) {
  const std::set<std::string> of_sgd = {"sgd", "momentum", "nesterov"};
  for (const std::string& name : optimizer_names()) {
    const auto optimizer = make_optimizer(name);
    EXPECT_EQ(optimizer->learning_rate().at(0), of_sgd.count(name) > 0 ? 0.01 : 0.001) << name;
    EXPECT_EQ(make_optimizer(name, 0.5)->learning_rate().at(0), 0.5);
    EXPECT_EQ(optimizer_from_json(optimizer->to_json())->to_json(), optimizer->to_json());
  }
  EXPECT_TRUE(make_optimizer("nesterov")->to_json().at("nesterov").as_bool());
  EXPECT_EQ(make_optimizer("momentum")->to_json().at("momentum").as_double(), 0.9);
  EXPECT_EQ(AnyOptimizer("adamw").pointer()->options().weight_decay, 0.004);
}

TEST(Optimizer, AnUnknownNameListsTheValidOnes) {
  expect_error(ErrorCode::invalid_argument, "unknown optimizer 'adma'; did you mean 'adam'?",
               [] { make_optimizer("adma"); });
  expect_error(ErrorCode::invalid_argument, "'lion'; known: sgd, momentum, nesterov, adam, adamw",
               [] { make_optimizer("lion"); });
}

TEST(Optimizer, RefusesBadArguments) {
  expect_error(ErrorCode::invalid_argument, "momentum is in [0, 1), not 1", [] { Sgd(0.1, 1); });
  expect_error(ErrorCode::invalid_argument, "momentum is in [0, 1), not -0.1",
               [] { Sgd(0.1, -0.1); });
  expect_error(ErrorCode::invalid_argument, "nesterov needs a momentum", [] { Sgd(0.1, 0, true); });
  expect_error(ErrorCode::invalid_argument, "beta1 is in [0, 1), not 1", [] { Adam(0.1, 1); });
  expect_error(ErrorCode::invalid_argument, "beta2 is in [0, 1), not -1",
               [] { Adam(0.1, 0.9, -1); });
  expect_error(ErrorCode::invalid_argument, "epsilon is a finite number > 0, not 0",
               [] { Adam(0.1, 0.9, 0.99, 0); });
  expect_error(ErrorCode::invalid_argument, "weight_decay is a finite number >= 0, not -1",
               [] { AdamW(0.1, -1); });
  OptimizerOptions options;
  options.ema_momentum = 1;
  expect_error(ErrorCode::invalid_argument, "ema_momentum is in [0, 1), not 1",
               [&] { Sgd(0.1, 0, false, options); });
  options.ema_momentum = 0;
  options.weight_decay = 0.1;
  expect_error(ErrorCode::invalid_argument, "as an argument, not in its options",
               [&] { AdamW(0.1, 0.004, 0.9, 0.999, 1e-7, options); });
  options.clip_norm = 1;
  options.clip_value = 1;
  expect_error(ErrorCode::invalid_argument, "choose one of clip_value",
               [&] { Sgd(0.1, 0, false, options); });
}

TEST(Optimizer, RefusesBadJson) {
  Json json = Adam().to_json();
  json.set("name", "lion");
  expect_error(ErrorCode::parse, "unknown optimizer 'lion'", [&] { optimizer_from_json(json); });
  json = Adam().to_json();
  json.set("beta1", 2);
  expect_error(ErrorCode::parse, "beta1 is in [0, 1), not 2", [&] { optimizer_from_json(json); });
  expect_error(ErrorCode::parse, "the key \"name\" is missing",
               [] { optimizer_from_json(Json::object()); });
}

}  // namespace
}  // namespace fovea::test
