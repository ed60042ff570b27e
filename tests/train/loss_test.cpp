// Losses and metrics by name: which op each becomes, what it gives for numbers worked out by hand,
// and what is said when predictions and targets do not fit.
#include "fovea/loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fovea/device.h"
#include "fovea/ops.h"
#include "host/graph/execution.h"
#include "host/graph/plan.h"
#include "host/graph/rewrite.h"
#include "host/train/metric.h"
#include "tests/support/expect_error.h"

namespace fovea::test {
namespace {

/// What stands between the numbers given as a model's last values and its predictions.
enum class End { nothing, softmax, sigmoid };

/// A graph with a loss or metric at its end.
class Problem {
 public:
  Problem(ValueType last, ValueType target, End end = End::nothing) : b_(graph_, last.dtype) {
    prediction_ = b_.input("last", last);
    target_ = b_.input("target", target);
    if (end == End::softmax) prediction_ = b_.add(ops::Softmax{}, {prediction_});
    if (end == End::sigmoid) {
      prediction_ = b_.add(ops::Activate({Activation::Kind::sigmoid}), {prediction_});
    }
  }
  Problem(const Problem&) = delete;
  Problem& operator=(const Problem&) = delete;

  Value add_loss(const Loss& loss) { return append_loss(b_, loss, prediction_, target_); }
  Value add_metric(const std::string& metric, bool from_logits = false) {
    return append_metric(b_, {metric, prediction_, target_, from_logits}).front().values;
  }

  std::vector<double> run(Value value, const Tensor& last, const Tensor& target) {
    graph_.mark_output("result", value);
    const auto plan =
        std::make_shared<const Plan>(remove_dead(graph_), cpu_device(), PlanOptions{});
    Variables variables(cpu_device());
    variables.create_missing(plan->graph(), 0);
    Execution execution(plan, variables, std::make_shared<Arena>(cpu_device()));
    for (std::size_t i = 0; i < plan->inputs().size(); ++i) {
      execution.bind_input(i, (plan->inputs()[i].name == "last" ? last : target).raw());
    }
    execution.run();
    const Tensor result = execution.output(0);
    std::vector<double> numbers;
    for (std::int64_t i = 0; i < result.numel(); ++i) numbers.push_back(result.item(i));
    return numbers;
  }

  bool uses(std::string_view op) const {
    for (const Node& node : graph_.nodes()) {
      if (node.op->name() == op) return true;
    }
    return false;
  }

 private:
  Graph graph_;
  Builder b_;
  Value prediction_;
  Value target_;
};

ValueType type_of(const Tensor& tensor) { return {tensor.shape(), tensor.dtype()}; }

Tensor numbers(Shape shape, const std::vector<double>& values) {
  return Tensor::from<double>(shape, values);
}

Tensor labels(const std::vector<std::int32_t>& values) {
  return Tensor::from<std::int32_t>({static_cast<std::int64_t>(values.size())}, values);
}

std::vector<double> loss_of(const Loss& loss, const Tensor& last, const Tensor& target,
                            End end = End::nothing) {
  Problem problem(type_of(last), type_of(target), end);
  return problem.run(problem.add_loss(loss), last, target);
}

std::vector<double> metric_of(const std::string& metric, const Tensor& last, const Tensor& target,
                              bool from_logits = false) {
  Problem problem(type_of(last), type_of(target));
  return problem.run(problem.add_metric(metric, from_logits), last, target);
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& wanted) {
  ASSERT_EQ(actual.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(actual[i], wanted[i], 1e-6) << i;
}

// ---- Classes ----

const Tensor kLogits = numbers({2, 3}, {1, 2, 0, -1, 0.5, 3});
/// -log softmax of class 1 of the first row and class 0 of the second.
const std::vector<double> kLosses = {std::log(std::exp(-1.0) + 1 + std::exp(-2.0)),
                                     std::log(1 + std::exp(1.5) + std::exp(4.0))};
const Tensor kLabels = labels({1, 0});
const Tensor kOneHot = numbers({2, 3}, {0, 1, 0, 1, 0, 0});

TEST(Loss, CrossEntropyOfASoftmaxReadsItsLogits) {
  for (const auto& [name, target] : {std::pair("sparse_categorical_crossentropy", kLabels),
                                     std::pair("categorical_crossentropy", kOneHot)}) {
    Problem problem(type_of(kLogits), type_of(target), End::softmax);
    const Value loss = problem.add_loss(name);
    EXPECT_TRUE(problem.uses("softmax_cross_entropy")) << name;
    expect_near(problem.run(loss, kLogits, target), kLosses);
    // The fused op is exact where probabilities underflow.
    expect_near(loss_of(name, numbers({2, 3}, {500, 0, 0, -500, 0, 0}), target, End::softmax),
                {500, 500 + std::log(2)});
  }
}

TEST(Loss, CrossEntropyFromLogitsNeedsNoSoftmax) {
  expect_near(loss_of({"sparse_categorical_crossentropy", true}, kLogits, kLabels), kLosses);
  expect_near(loss_of({"categorical_crossentropy", true}, kLogits, kOneHot), kLosses);
}

TEST(Loss, CrossEntropyOfProbabilities) {
  const Tensor probabilities = numbers({2, 3}, {0.2, 0.7, 0.1, 0.25, 0.25, 0.5});
  const std::vector<double> wanted = {-std::log(0.7), -std::log(0.25)};
  expect_near(loss_of("sparse_categorical_crossentropy", probabilities, kLabels), wanted);
  expect_near(loss_of("categorical_crossentropy", probabilities, kOneHot), wanted);
}

TEST(Loss, LabelSmoothingMovesTargetsTowardsTheMean) {
  const Loss sparse("sparse_categorical_crossentropy", false, 0.3);
  const Loss dense("categorical_crossentropy");
  const Tensor smooth = numbers({2, 3}, {0.1, 0.8, 0.1, 0.8, 0.1, 0.1});
  expect_near(loss_of(sparse, kLogits, kLabels, End::softmax),
              loss_of(dense, kLogits, smooth, End::softmax));
}

TEST(Loss, SaysWhichLossFitsTheLabels) {
  expect_error(ErrorCode::shape_mismatch, "use 'categorical_crossentropy' with one-hot targets",
               [] { loss_of("sparse_categorical_crossentropy", kLogits, kOneHot); });
  expect_error(ErrorCode::shape_mismatch,
               "use 'sparse_categorical_crossentropy' with class indices",
               [] { loss_of("categorical_crossentropy", kLogits, kLabels); });
  expect_error(ErrorCode::shape_mismatch, "i32 (N,), not f64(2, 1)", [] {
    loss_of("sparse_categorical_crossentropy", kLogits, numbers({2, 1}, {1, 0}));
  });
  expect_error(ErrorCode::shape_mismatch, "2 predictions, but 3 targets", [] {
    loss_of("sparse_categorical_crossentropy", kLogits, labels({0, 1, 2}));
  });
  expect_error(ErrorCode::shape_mismatch, "use 'binary_crossentropy' with it", [] {
    loss_of("sparse_categorical_crossentropy", numbers({2, 1}, {1, 2}), kLabels);
  });
  expect_error(
      ErrorCode::shape_mismatch, "predictions of shape (N, classes), not f64(1, 2, 3)", [] {
        loss_of("sparse_categorical_crossentropy", kLogits.reshape({1, 2, 3}), labels({0}));
      });
  expect_error(ErrorCode::shape_mismatch, "of one shape, not f64(2, 3) and f64(2, 2)", [] {
    loss_of("categorical_crossentropy", kLogits, numbers({2, 2}, {0, 1, 1, 0}));
  });
}

TEST(Loss, ActivationsAreNoLogits) {
  expect_error(ErrorCode::invalid_argument, "the model ends in softmax", [] {
    loss_of({"sparse_categorical_crossentropy", true}, kLogits, kLabels, End::softmax);
  });
  expect_error(ErrorCode::invalid_argument, "the model ends in sigmoid", [] {
    loss_of({"binary_crossentropy", true}, kLogits, kOneHot, End::sigmoid);
  });
}

// ---- Yes or no ----

const Tensor kScores = numbers({3, 1}, {2, -1, 0.5});
const Tensor kAnswers = numbers({3, 1}, {1, 1, 0});
const std::vector<double> kBinaryLosses = {
    std::log(1 + std::exp(-2.0)), std::log(1 + std::exp(1.0)), std::log(1 + std::exp(0.5))};

TEST(Loss, BinaryCrossEntropyOfASigmoidReadsItsLogits) {
  Problem problem(type_of(kScores), type_of(kAnswers), End::sigmoid);
  expect_near(problem.run(problem.add_loss("binary_crossentropy"), kScores, kAnswers),
              kBinaryLosses);
  expect_near(loss_of({"binary_crossentropy", true}, kScores, kAnswers), kBinaryLosses);
  expect_near(
      loss_of("binary_crossentropy", numbers({1, 1}, {-800}), numbers({1, 1}, {1}), End::sigmoid),
      {800});
  expect_near(loss_of("binary_crossentropy", numbers({1, 1}, {0.9}), numbers({1, 1}, {1})),
              {0.1053605});
}

TEST(Loss, BinaryCrossEntropyTakesLabelsAndColumns) {
  expect_near(loss_of("binary_crossentropy", kScores, labels({1, 1, 0}), End::sigmoid),
              kBinaryLosses);
  expect_near(loss_of("binary_crossentropy", kScores, kAnswers.reshape({3}), End::sigmoid),
              kBinaryLosses);
  expect_near(
      loss_of("binary_crossentropy", kScores,
              Tensor::from<std::uint8_t>({3}, std::vector<std::uint8_t>{1, 1, 0}), End::sigmoid),
      kBinaryLosses);
  EXPECT_TRUE(
      std::isnan(loss_of("binary_crossentropy", kScores, labels({2, 1, 0}), End::sigmoid).front()))
      << "a label of 2 must not pass for a 0";
  expect_error(ErrorCode::shape_mismatch, "for a model with one output, not for f64(2, 3)",
               [] { loss_of("binary_crossentropy", kLogits, kLabels); });
}

// ---- Numbers ----

const Tensor kPredicted = numbers({2, 2}, {1, 4, -1, 0});
const Tensor kMeasured = numbers({2, 2}, {1.5, 1, -1, 2});

TEST(Loss, ErrorsAreAveragedOverEachSample) {
  expect_near(loss_of("mse", kPredicted, kMeasured), {(0.25 + 9) / 2, 2});
  expect_near(loss_of("mae", kPredicted, kMeasured), {1.75, 1});
  expect_near(loss_of("huber", kPredicted, kMeasured), {(0.125 + 2.5) / 2, 0.75});
  expect_near(loss_of({"huber", false, 0, 2}, kPredicted, kMeasured), {(0.125 + 4) / 2, 1});
  expect_near(loss_of("mean_squared_error", kPredicted, kMeasured),
              loss_of("mse", kPredicted, kMeasured));
  expect_near(loss_of("mean_absolute_error", kPredicted, kMeasured),
              loss_of("mae", kPredicted, kMeasured));
}

TEST(Loss, TargetsAreConvertedToThePredictionsType) {
  expect_near(loss_of("mse", kPredicted, kMeasured.to(DType::f32)),
              loss_of("mse", kPredicted, kMeasured));
  expect_error(ErrorCode::shape_mismatch, "floating-point targets, f64(2, 2), not i32(2, 2)",
               [] { loss_of("mse", kPredicted, kMeasured.to(DType::i32)); });
}

// ---- Names and options ----

TEST(Loss, UnknownNamesListTheValidOnes) {
  expect_error(ErrorCode::invalid_argument,
               "unknown loss 'sparse_crossentropy'; known: sparse_categorical_crossentropy, ",
               [] { loss_of("sparse_crossentropy", kLogits, kLabels); });
  expect_error(ErrorCode::invalid_argument, "did you mean 'huber'?",
               [] { loss_of("hubert", kLogits, kLabels); });
  expect_error(ErrorCode::invalid_argument, "no loss was chosen",
               [] { loss_of(Loss{}, kLogits, kLabels); });
  expect_error(ErrorCode::invalid_argument, "unknown metric 'acc'; did you mean 'accuracy'?",
               [] { metric_of("acc", kLogits, kLabels); });
  for (const std::string& name : loss_names()) EXPECT_NO_THROW(target_type(name, {{2, 3}})) << name;
}

TEST(Loss, RefusesOptionsThatMakeNoSense) {
  expect_error(ErrorCode::invalid_argument, "label smoothing is in [0, 1], not 1.5", [] {
    loss_of({"categorical_crossentropy", false, 1.5}, kLogits, kOneHot);
  });
  expect_error(ErrorCode::invalid_argument, "only cross-entropies smooth labels, not 'mse'", [] {
    loss_of({"mse", false, 0.1}, kPredicted, kMeasured);
  });
  expect_error(ErrorCode::invalid_argument, "leave out from_logits", [] {
    loss_of({"mse", true}, kPredicted, kMeasured);
  });
  expect_error(ErrorCode::invalid_argument, "delta is > 0, not 0", [] {
    loss_of({"huber", false, 0, 0}, kPredicted, kMeasured);
  });
}

TEST(Loss, SaysWhichTargetsItWants) {
  const ValueType predictions{{32, 10}, DType::f32};
  EXPECT_EQ(target_type("sparse_categorical_crossentropy", predictions),
            (ValueType{{32}, DType::i32}));
  EXPECT_EQ(target_type("categorical_crossentropy", predictions), predictions);
  EXPECT_EQ(target_type("mse", predictions), predictions);
}

// ---- The twelve of Janocha and Czarnecki, and sums ----

TEST(Loss, TwelveLossesForClassification) {
  const std::vector<double> o = {1, 2, 0}, y = {0, 1, 0};
  std::vector<double> s;
  for (double value : o) s.push_back(std::exp(value) / (std::exp(1) + std::exp(2) + 1));
  const auto sum = [&](auto term) {
    double total = 0;
    for (std::size_t j = 0; j < 3; ++j) total += term(o[j], s[j], y[j]);
    return total;
  };
  const auto margin = [&](int power) {
    return sum([&](double out, double, double target) {
      return std::pow(std::max(0.0, 0.5 - (target > 0 ? out : -out)), power);
    });
  };
  const double sy = s[1], ss = sum([](double, double p, double) { return p * p; });
  const std::vector<std::pair<Loss, double>> wanted = {
      {"l1", sum([](double out, double, double t) { return std::abs(t - out); })},
      {"l2", sum([](double out, double, double t) { return (t - out) * (t - out); })},
      {{"expectation", true}, sum([](double, double p, double t) { return std::abs(t - p); })},
      {{"regularized_expectation", true},
       sum([](double, double p, double t) { return (t - p) * (t - p); })},
      {{"chebyshev", true}, 1 - s[1]},
      {"margin", margin(1)},
      {"squared_margin", margin(2)},
      {"cubed_margin", margin(3)},
      {{"log", true}, -std::log(s[1])},
      {{"squared_log", true}, std::log(s[1]) * std::log(s[1])},
      {{"tanimoto", true}, -sy / (ss + 1 - sy)},
      {{"cauchy_schwarz", true}, -std::log(sy / std::sqrt(ss))}};
  for (const auto& [loss, value] : wanted) {
    SCOPED_TRACE(loss.name);
    expect_near(loss_of(loss, numbers({1, 3}, o), numbers({1, 3}, y)), {value});
    if (loss.from_logits) {
      expect_near(loss_of(loss.name, numbers({1, 3}, s), numbers({1, 3}, y)), {value});
      expect_error(ErrorCode::invalid_argument, "leave out from_logits",
                   [&, l = loss] { loss_of(l, kLogits, kOneHot, End::softmax); });
    }
  }
}

TEST(Loss, HalfTheSquaredErrorAndTheMeanOfIt) {
  const Tensor y = numbers({1, 10}, {.1, .05, .6, 0, .05, .1, 0, .1, 0, 0});
  const Tensor two = numbers({1, 10}, {0, 0, 1, 0, 0, 0, 0, 0, 0, 0});
  const Tensor seven = numbers({1, 10}, {0, 0, 0, 0, 0, 0, 0, 1, 0, 0});
  expect_near(loss_of("half_squared_error", y, two), {0.0975});
  expect_near(loss_of("half_squared_error", y, seven), {0.5975});
  expect_near(loss_of("mse", y, two), {0.0195});
  expect_near(loss_of("categorical_crossentropy", y, two), {-std::log(0.6)});
}

// ---- Metrics ----

TEST(Metric, AccuracyComparesArgMaxes) {
  const Tensor scores = numbers({3, 3}, {0.1, 0.8, 0.1, 0.4, 0.4, 0.2, 0, 0, 1});
  const std::vector<double> wanted = {1, 1, 0};  // the first of ties
  expect_near(metric_of("accuracy", scores, labels({1, 0, 1})), wanted);
  expect_near(metric_of("accuracy", scores, numbers({3, 3}, {0, 1, 0, 1, 0, 0, 0, 1, 0})), wanted);
}

TEST(Metric, AccuracyOfOneOutputAsksWhetherItPassesTheThreshold) {
  const Tensor scores = numbers({3, 1}, {0.6, 0.5, 0.2});
  expect_near(metric_of("accuracy", scores, labels({1, 1, 0})), {1, 0, 1});
  expect_near(metric_of("accuracy", scores, numbers({3}, {1, 1, 0})), {1, 0, 1});
  expect_near(metric_of("accuracy", scores, labels({1, 1, 0}), true), {1, 1, 0});
}

TEST(Metric, ErrorsAreThoseOfTheLosses) {
  expect_near(metric_of("mse", kPredicted, kMeasured), loss_of("mse", kPredicted, kMeasured));
  expect_near(metric_of("mae", kPredicted, kMeasured), loss_of("mae", kPredicted, kMeasured));
}

TEST(Metric, RefusesWhatDoesNotFit) {
  expect_error(ErrorCode::shape_mismatch, "2 predictions, but 1 targets",
               [] { metric_of("accuracy", kLogits, labels({1})); });
  expect_error(ErrorCode::shape_mismatch, "accuracy takes predictions of shape (N, classes)", [] {
    metric_of("accuracy", numbers({2}, {1, 2}), kLabels);
  });
}

}  // namespace
}  // namespace fovea::test
