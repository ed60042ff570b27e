// Losses and metrics: the f64 reference against the formulas, written out one sample at a time, and
// what they make of bad labels and extreme numbers.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "fovea/ops/loss.h"
#include "tests/support/for_each_case.h"
#include "tests/support/numeric_gradient.h"

namespace fovea::test {
namespace {

constexpr double kTolerance = 1e-12;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
using Tensors = std::vector<Tensor>;

template <class DerivedOp>
Tensors run(const DerivedOp& op, const Tensors& inputs) {
  return run_op(std::make_shared<const DerivedOp>(op), inputs, {});
}

Tensor rows(std::int64_t count, const std::vector<double>& values) {
  return Tensor::from<double>({count, static_cast<std::int64_t>(values.size()) / count}, values);
}
Tensor sparse(const std::vector<std::int32_t>& labels) {
  return Tensor::from<std::int32_t>({static_cast<std::int64_t>(labels.size())}, labels);
}

/// Target of class c, sparse or not, made less certain; NaN where the label is no class.
double target(const Tensor& labels, std::int64_t n, std::int64_t c, std::int64_t classes,
              double smoothing) {
  if (labels.dtype() == DType::i32 &&
      (labels.item(n) < 0 || labels.item(n) >= static_cast<double>(classes))) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const double t = labels.dtype() == DType::i32 ? (labels.item(n) == static_cast<double>(c) ? 1 : 0)
                                                : labels.item(n * classes + c);
  return t * (1 - smoothing) + smoothing / static_cast<double>(classes);
}

/// Both NaN, or nearly equal.
void expect_same(double value, double expected, double tolerance) {
  if (std::isnan(value) && std::isnan(expected)) return;
  EXPECT_NEAR(value, expected, tolerance);
}

// ---- Softmax and cross-entropy in one ----

TEST(LossDefinitions, SoftmaxCrossEntropy) {
  for_each_case<ops::SoftmaxCrossEntropy>(
      [](const ops::SoftmaxCrossEntropy& op, const Tensors& in, const Tensors& out) {
        const std::int64_t classes = in[0].shape()[1];
        for (std::int64_t n = 0; n < in[0].shape()[0]; ++n) {
          double sum = 0, loss = 0;
          for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(in[0].item(n * classes + c));
          for (std::int64_t c = 0; c < classes; ++c) {
            const double logit = in[0].item(n * classes + c);
            expect_same(out[1].item(n * classes + c), std::exp(logit) / sum, kTolerance);
            const double t = target(in[1], n, c, classes, op.label_smoothing);
            if (t != 0) loss += t * (std::log(sum) - logit);
          }
          expect_same(out[0].item(n), loss, kTolerance * (1 + std::abs(loss)));
        }
      });
}

TEST(LossDefinitions, SoftmaxCrossEntropyStandsExtremeLogits) {
  const Tensor logits = rows(3, {1e4, 0, -1e4, 1e4, 0, -1e4, 3, -kInfinity, 3});
  const Tensors out = run(ops::SoftmaxCrossEntropy{}, {logits, sparse({0, 2, 0})});
  EXPECT_EQ(out[0].item(0), 0);
  EXPECT_EQ(out[0].item(1), 2e4);
  EXPECT_NEAR(out[0].item(2), std::log(2.0), kTolerance);  // an impossible class does no harm
}

TEST(LossDefinitions, ALabelThatIsNoClassMakesItsSampleNan) {
  const Tensor logits = rows(4, {1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3});
  const Tensor labels = sparse({0, 3, -1, 2});
  const Tensors out = run(ops::SoftmaxCrossEntropy{}, {logits, labels});
  const Tensors backward =
      run(ops::SoftmaxCrossEntropyBackward{}, {Tensor::full({4}, 1, DType::f64), out[1], labels});
  for (std::int64_t n = 0; n < 4; ++n) {
    const bool bad = n == 1 || n == 2;
    EXPECT_EQ(std::isnan(out[0].item(n)), bad) << n;
    for (std::int64_t c = 0; c < 3; ++c) {
      EXPECT_EQ(std::isnan(backward[0].item(3 * n + c)), bad) << n;
      EXPECT_FALSE(std::isnan(out[1].item(3 * n + c))) << n;
    }
  }
}

/// The probabilities are an output too, and what is built on them can be trained.
TEST(LossDefinitions, GradientsPassThroughTheProbabilities) {
  for (const bool with_losses : {false, true}) {
    const GradientReport report = check_gradients(
        [&](Builder& builder, const std::vector<Value>& inputs) {
          const Outputs both = builder.add(ops::SoftmaxCrossEntropy{}, {inputs[0], inputs[1]});
          return with_losses ? both.values() : std::vector<Value>{both[1]};
        },
        {rows(2, {0.3, -0.2, 1, 0.5, 0.1, -0.7}), sparse({2, 0})}, {0});
    EXPECT_LE(report.worst_error, 1e-6) << report.worst_place;
  }
}

// ---- Losses of one prediction against one target ----

double pointwise(const ops::PointwiseLoss& op, double p, double t) {
  using Kind = ops::PointwiseLoss::Kind;
  const double smooth = t * (1 - op.label_smoothing) + op.label_smoothing / 2;
  const double error = std::abs(p - t);
  switch (op.kind) {
    case Kind::squared:
      return error * error;
    case Kind::absolute:
      return error;
    case Kind::huber:
      return error <= op.delta ? error * error / 2 : op.delta * error - op.delta * op.delta / 2;
    case Kind::sigmoid_cross_entropy:
      return smooth * std::log1p(std::exp(-p)) + (1 - smooth) * std::log1p(std::exp(p));
    case Kind::binary_cross_entropy: {
      const double q = std::min(std::max(p, 1e-7), 1 - 1e-7);
      return -smooth * std::log(q) - (1 - smooth) * std::log(1 - q);
    }
    case Kind::cross_entropy:
      break;  // of whole rows
    case Kind::hinge:
    case Kind::squared_hinge:
    case Kind::cubed_hinge: {
      const double missing = std::max(0.0, op.delta - (t > 0 ? p : -p));
      return std::pow(missing, op.kind == Kind::hinge ? 1 : op.kind == Kind::squared_hinge ? 2 : 3);
    }
    case Kind::squared_log:
      return std::pow(t * std::log(p), 2);
    case Kind::kl_divergence:
      return t * (std::log(t) - std::log(p));
    case Kind::log_cosh:
      return error < 300 ? std::log(std::cosh(error)) : error - std::log(2);
    case Kind::poisson:
      return p - t * std::log(p + 1e-7);
  }
  return std::numeric_limits<double>::quiet_NaN();
}

/// -sum t log p over one row, p normalized and clipped.
double row_cross_entropy(const ops::PointwiseLoss& op, const Tensor& p, const Tensor& t,
                         std::int64_t first) {
  const std::int64_t classes = p.shape().c();
  double sum = 0, loss = 0;
  for (std::int64_t i = first; i < first + classes; ++i) sum += p.item(i);
  for (std::int64_t i = first; i < first + classes; ++i) {
    const double smooth =
        t.item(i) * (1 - op.label_smoothing) + op.label_smoothing / static_cast<double>(classes);
    loss -= smooth * std::log(std::min(std::max(p.item(i) / sum, 1e-7), 1 - 1e-7));
  }
  return loss;
}

TEST(LossDefinitions, PointwiseLoss) {
  using Kind = ops::PointwiseLoss::Kind;
  std::set<Kind> seen;
  for_each_case<ops::PointwiseLoss>(
      [&](const ops::PointwiseLoss& op, const Tensors& in, const Tensors& out) {
        const std::int64_t size = in[0].shape().drop_front().numel();
        const bool whole_rows = op.kind == Kind::cross_entropy;
        const std::int64_t step = whole_rows ? in[0].shape().c() : 1;
        for (std::int64_t n = 0; n < in[0].shape()[0]; ++n) {
          double sum = 0;
          for (std::int64_t i = n * size; i < (n + 1) * size; i += step) {
            sum += whole_rows ? row_cross_entropy(op, in[0], in[1], i)
                              : pointwise(op, in[0].item(i), in[1].item(i));
          }
          const double mean = sum / static_cast<double>(size / step);
          ASSERT_NEAR(out[0].item(n), mean, kTolerance * (1 + std::abs(mean)));
        }
        seen.insert(op.kind);
      });
  EXPECT_EQ(seen.size(), 13U);
}

/// Values that Keras documents or that follow from its formulas.
TEST(LossDefinitions, PointwiseLossesOfKnownValue) {
  const auto loss = [](ops::PointwiseLoss::Kind kind, std::vector<double> p,
                       std::vector<double> t) {
    ops::PointwiseLoss op;
    op.kind = kind;
    return run(op, {rows(1, p), rows(1, t)})[0].item();
  };
  using Kind = ops::PointwiseLoss::Kind;
  EXPECT_EQ(loss(Kind::squared, {1, 3}, {0, 1}), 2.5);
  EXPECT_EQ(loss(Kind::absolute, {1, -3}, {0, 1}), 2.5);
  EXPECT_EQ(loss(Kind::huber, {0.5, 4}, {0, 1}), (0.125 + 2.5) / 2);
  EXPECT_NEAR(loss(Kind::sigmoid_cross_entropy, {0}, {1}), std::log(2.0), kTolerance);
  EXPECT_EQ(loss(Kind::sigmoid_cross_entropy, {-1e6}, {1}), 1e6);
  EXPECT_EQ(loss(Kind::sigmoid_cross_entropy, {1e6}, {1}), 0);
  EXPECT_NEAR(loss(Kind::binary_cross_entropy, {0, 1}, {1, 0}), -std::log(1e-7), 1e-8);
  EXPECT_NEAR(loss(Kind::cross_entropy, {0.1, 1.6, 0.3}, {0, 1, 0}), -std::log(0.8), kTolerance);
  EXPECT_NEAR(loss(Kind::cross_entropy, {1, 0}, {0, 1}), -std::log(1e-7), 1e-8);
}

TEST(LossDefinitions, RowLoss) {
  using Kind = ops::RowLoss::Kind;
  std::set<Kind> seen;
  for_each_case<ops::RowLoss>([&](const ops::RowLoss& op, const Tensors& in, const Tensors& out) {
    const std::int64_t classes = in[0].shape()[1];
    for (std::int64_t n = 0; n < in[0].shape()[0]; ++n) {
      double pt = 0, pp = 0, tt = 0, worst = 0, rival = -kInfinity;
      for (std::int64_t i = n * classes; i < (n + 1) * classes; ++i) {
        const double p = in[0].item(i), t = in[1].item(i);
        pt += p * t, pp += p * p, tt += t * t;
        worst = std::max(worst, std::abs(p - t));
        rival = std::max(rival, (1 - t) * p);
      }
      const double loss = op.kind == Kind::chebyshev           ? worst
                          : op.kind == Kind::tanimoto          ? -pt / (pp + tt - pt)
                          : op.kind == Kind::cauchy_schwarz    ? -std::log(pt / std::sqrt(pp * tt))
                          : op.kind == Kind::cosine_similarity ? -pt / std::sqrt(pp * tt)
                                                               : std::max(0.0, 1 + rival - pt);
      ASSERT_NEAR(out[0].item(n), loss, kTolerance * (1 + std::abs(loss)));
    }
    seen.insert(op.kind);
  });
  EXPECT_EQ(seen.size(), 5U);
}

/// Where the loss is clipped it is flat.
TEST(LossDefinitions, ClippedProbabilitiesHaveNoGradient) {
  ops::PointwiseLossBackward op;
  op.kind = ops::PointwiseLoss::Kind::binary_cross_entropy;
  const Tensors out = run(
      op, {Tensor::full({1}, 1, DType::f64), rows(1, {0, 1, 1e-8, 0.5}), rows(1, {1, 0, 1, 1})});
  EXPECT_EQ(out[0].item(0), 0);
  EXPECT_EQ(out[0].item(1), 0);
  EXPECT_EQ(out[0].item(2), 0);
  EXPECT_EQ(out[0].item(3), -0.5);
}

// ---- Labels and metrics ----

TEST(LossDefinitions, OneHot) {
  ops::OneHot op;
  op.classes = 3;
  op.dtype = DType::f64;
  const Tensors out = run(op, {sparse({2, 0, 3})});
  const std::vector<double> expected = {0, 0, 1, 1, 0, 0};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(out[0].item(static_cast<std::int64_t>(i)), expected[i]);
  }
  for (std::int64_t i = 6; i < 9; ++i) EXPECT_TRUE(std::isnan(out[0].item(i)));  // no such class
}

std::vector<double> accuracy(const ops::Accuracy& op, const Tensor& predictions,
                             const Tensor& labels) {
  const Tensor matches = run(op, {predictions, labels})[0];
  return {matches.span<double>().begin(), matches.span<double>().end()};
}

TEST(LossDefinitions, AccuracyComparesTheLargest) {
  const Tensor predictions = rows(4, {1, 5, 2, 7, 7, 0, 0, 7, 7, -3, -2, -1});
  using Matches = std::vector<double>;
  // Of equal predictions the first counts.
  EXPECT_EQ(accuracy({}, predictions, sparse({1, 0, 2, 2})), (Matches{1, 1, 0, 1}));
  EXPECT_EQ(accuracy({}, predictions, rows(4, {0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0})),
            (Matches{1, 0, 1, 0}));
}

TEST(LossDefinitions, BinaryAccuracyComparesWithTheThreshold) {
  using Matches = std::vector<double>;
  ops::Accuracy logits;
  logits.binary = true;
  logits.threshold = 0;
  EXPECT_EQ(accuracy(logits, rows(2, {1, -1, 3, 0, 2, -2}), rows(2, {1, 0, 0, 0, 1, 1})),
            (Matches{2.0 / 3, 2.0 / 3}));
  EXPECT_EQ(accuracy(logits, rows(3, {0.1, -0.1, 0}), sparse({1, 1, 0})), (Matches{1, 0, 1}));
  // One column is a yes-or-no answer even where nobody says so.
  EXPECT_EQ(accuracy({}, rows(3, {0.6, 0.4, 0.5}), sparse({1, 1, 0})), (Matches{1, 0, 1}));
}

}  // namespace
}  // namespace fovea::test
