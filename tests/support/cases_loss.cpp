// Cases of losses and metrics, with labels of every kind.
#include <limits>

#include "fovea/ops/loss.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

// ---- Softmax and cross-entropy in one ----

struct Classification {
  std::string label;
  std::int64_t samples, classes;
  double smoothing = 0;
  double largest_logit = 2;
};

std::vector<Classification> classifications() {
  return {{"one", 1, 1},
          {"odd", 7, 3},
          {"cifar10", 32, 10},
          {"smoothed", 5, 11, 0.1},
          {"wholly_smoothed", 3, 4, 1},
          {"steep", 13, 5, 0, 50},
          {"imagenet", 65, 1000, 0.1, 4}};
}

/// Numeric gradients of many elements are slow and lose digits in the sum of all losses.
bool is_small(const Shape& shape) { return shape.numel() <= 1000; }

void add_classification(const Classification& problem, std::vector<OpCase>& cases) {
  const Shape rows{problem.samples, problem.classes};
  const CaseInput sparse{{problem.samples}, integers(problem.classes), DType::i32};
  const CaseInput logits{rows, uniform(-problem.largest_logit, problem.largest_logit)};
  ops::SoftmaxCrossEntropy forward;
  forward.label_smoothing = problem.smoothing;
  ops::SoftmaxCrossEntropyBackward backward;
  backward.label_smoothing = problem.smoothing;
  const auto add = [&](const std::string& kind, const CaseInput& labels) {
    const std::string name = problem.label + "_" + kind;
    const OpCase forward_case(name, forward, {logits, labels});
    cases.push_back(is_small(rows) ? forward_case.differentiate({0}) : forward_case);
    cases.push_back(OpCase(name, backward, {{{problem.samples}}, {rows, probabilities()}, labels}));
  };
  add("sparse", sparse);
  add("one_hot", {rows, one_hot()});
  add("weighted", {rows, uniform(0, 2)});  // rows that do not sum to 1
}

/// Labels outside the classes: the losses and gradients of their samples, and of no others, are
/// NaN. So are those of a sample with a NaN among its logits. A class may be impossible.
void add_strange_classes(std::vector<OpCase>& cases) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Fill strange = elementwise([](std::uint64_t, std::int64_t index, const Shape&) {
    return static_cast<double>(index % 9 - 2);  // -2 ... 6, of 5 classes
  });
  const CaseInput labels{{18}, strange, DType::i32};
  const CaseInput rows{{18, 5}, uniform(-2, 2)};
  const CaseInput good_labels{{6}, constant(1), DType::i32};
  ops::SoftmaxCrossEntropy smoothed;
  smoothed.label_smoothing = 0.1;
  const ops::SoftmaxCrossEntropy forward;
  const ops::SoftmaxCrossEntropyBackward backward;
  cases.push_back(OpCase("strange_labels", forward, {rows, labels}));
  cases.push_back(OpCase("strange_labels_smoothed", smoothed, {rows, labels}));
  cases.push_back(OpCase("strange_labels", backward, {{{18}}, {{18, 5}, probabilities()}, labels}));
  const auto with_one = [](double value, std::int64_t row_of_it) {
    return elementwise([=](std::uint64_t, std::int64_t index, const Shape& shape) {
      const std::int64_t row = index / shape.c(), c = index % shape.c();
      const bool there = row_of_it < 0 ? c == 2 : row == row_of_it && c == row % shape.c();
      return there ? value : 0.25 * static_cast<double>(c);
    });
  };
  cases.push_back(OpCase("nan", forward, {{{6, 5}, with_one(kNaN, 3)}, good_labels}));
  cases.push_back(OpCase("nan_first", forward, {{{6, 5}, with_one(kNaN, 0)}, good_labels}));
  cases.push_back(OpCase("impossible", forward, {{{6, 5}, with_one(-kInfinity, -1)}, good_labels}));
  cases.push_back(OpCase("nobody", forward, {{{0, 5}}, {{0}, integers(5), DType::i32}}));
  cases.push_back(OpCase("nobody", backward, {{{0}}, {{0, 5}}, {{0, 5}}}));
  const ops::Accuracy accuracy;
  cases.push_back(OpCase("strange_labels", accuracy, {rows, labels}));
  cases.push_back(OpCase("nan", accuracy, {{{6, 5}, with_one(kNaN, 3)}, {{6, 5}, one_hot()}}));
  cases.push_back(
      OpCase("nan_first", accuracy, {{{6, 5}, with_one(kNaN, 0)}, {{6}, constant(0), DType::i32}}));
  cases.push_back(OpCase("nobody", accuracy, {{{0, 5}}, {{0, 5}}}));
  ops::Accuracy top;
  top.top_k = 2;
  cases.push_back(OpCase("top_nan", top, {{{6, 5}, with_one(kNaN, 3)}, {{6, 5}, one_hot()}}));
  cases.push_back(OpCase("top_strange", top, {rows, labels}));
  cases.push_back(OpCase("top_nobody", top, {{{0, 5}}, {{0, 5}}}));
}

// ---- Losses of one prediction against one target ----

struct Pointwise {
  std::string label;
  ops::PointwiseLoss::Kind kind;
  Fill predictions, targets;
  double smoothing = 0;
};

std::vector<Pointwise> pointwise_losses() {
  using Kind = ops::PointwiseLoss::Kind;
  const Fill answers = integers(2);
  return {
      {"squared", Kind::squared, uniform(), uniform()},
      {"absolute_above", Kind::absolute, uniform(), uniform(-3, -1.1)},
      {"absolute_below", Kind::absolute, uniform(), uniform(1.1, 3)},
      {"huber", Kind::huber, uniform(-2, 2), uniform(-1, 1)},
      {"logits", Kind::sigmoid_cross_entropy, uniform(-4, 4), answers},
      {"logits_steep", Kind::sigmoid_cross_entropy, uniform(-90, 90), uniform(0, 1)},
      {"logits_smoothed", Kind::sigmoid_cross_entropy, uniform(-4, 4), answers, 0.2},
      {"binary", Kind::binary_cross_entropy, uniform(0.05, 0.95), answers},
      {"binary_smoothed", Kind::binary_cross_entropy, uniform(0.05, 0.95), uniform(0, 1), 0.1},
      {"classes", Kind::cross_entropy, uniform(0.1, 1), one_hot()},
      {"classes_normalized", Kind::cross_entropy, probabilities(), probabilities()},
      {"classes_smoothed", Kind::cross_entropy, uniform(0.1, 1), one_hot(), 0.1},
      {"hinge_inside", Kind::hinge, uniform(-0.6, 0.6), answers},
      {"hinge_outside", Kind::hinge, uniform(0.8, 2), answers},
      {"squared_hinge", Kind::squared_hinge, uniform(-2, 2), answers},
      {"cubed_hinge", Kind::cubed_hinge, uniform(-2, 2), answers},
      {"squared_log", Kind::squared_log, uniform(0.05, 0.95), uniform(0, 1)},
      {"kl_divergence", Kind::kl_divergence, uniform(0.05, 0.95), uniform(0.05, 0.95)},
      {"log_cosh", Kind::log_cosh, uniform(-4, 4), uniform()},
      {"log_cosh_far", Kind::log_cosh, uniform(-400, 400), uniform()},
      {"poisson", Kind::poisson, uniform(0.1, 3), uniform(0, 3)},
  };
}

OpCase pointwise(const Pointwise& loss, const std::string& label, const Shape& shape) {
  ops::PointwiseLoss op;
  op.kind = loss.kind;
  op.delta = 0.7;
  op.label_smoothing = loss.smoothing;
  return OpCase(loss.label + "_" + label, op, {{shape, loss.predictions}, {shape, loss.targets}});
}

/// `dlosses` are to be so large that in f16 the gradients are more than subnormal numbers, as loss
/// scaling makes them.
OpCase pointwise_backward(const Pointwise& loss, const std::string& label, const Shape& shape,
                          const Fill& dlosses = uniform()) {
  ops::PointwiseLossBackward op;
  op.kind = loss.kind;
  op.delta = 0.7;
  op.label_smoothing = loss.smoothing;
  return OpCase(loss.label + "_" + label, op,
                {{{shape[0]}, dlosses}, {shape, loss.predictions}, {shape, loss.targets}});
}

void add_pointwise(const Pointwise& loss, std::vector<OpCase>& cases) {
  const std::vector<std::pair<std::string, Shape>> shapes = {
      {"pair", {1, 2}}, {"odd", {5, 7}}, {"pictures", {3, 5, 2, 3}}, {"many", {32, 3, 1025}}};
  for (const auto& [label, shape] : shapes) {
    const OpCase forward = pointwise(loss, label, shape);
    cases.push_back(is_small(shape) ? forward.differentiate({0}) : forward);
    cases.push_back(pointwise_backward(loss, label, shape));
  }
}

/// Samples of so many elements that several blocks share each, aligned to 16 bytes and not; single
/// samples; none.
void add_large_samples(const Pointwise& loss, std::vector<OpCase>& cases) {
  const std::vector<std::pair<std::string, Shape>> shapes = {{"large", {2, 19, 433}},
                                                             {"large_aligned", {3, 16, 520}},
                                                             {"large_alone", {1, 3, 2731}},
                                                             {"long_row", {2, 8203}},
                                                             {"nobody", {0, 3, 5}}};
  for (const auto& [label, shape] : shapes) {
    cases.push_back(pointwise(loss, label, shape));
    cases.push_back(pointwise_backward(loss, label, shape, uniform(-1000, 1000)));
  }
}

/// Probabilities beyond the bounds at which they are clipped. In f32 the upper bound is 1 - 1.2e-7,
/// not 1 - 1e-7, and its logarithms differ by as much.
void add_clipped(std::vector<OpCase>& cases) {
  using Kind = ops::PointwiseLoss::Kind;
  for (const Kind kind : {Kind::binary_cross_entropy, Kind::cross_entropy}) {
    const std::string label = kind == Kind::cross_entropy ? "classes" : "binary";
    const Pointwise certain{label + "_certain", kind, one_hot(), uniform(0, 1)};
    cases.push_back(pointwise(certain, "odd", {5, 7}).tolerance(0.01));
    cases.push_back(pointwise_backward(certain, "odd", {5, 7}));
  }
}

// ---- Losses of whole rows ----

void add_row_losses(std::vector<OpCase>& cases) {
  using Kind = ops::RowLoss::Kind;
  for (const Kind kind : {Kind::chebyshev, Kind::tanimoto, Kind::cauchy_schwarz,
                          Kind::cosine_similarity, Kind::categorical_hinge}) {
    const std::string name = EnumNames<Kind>::values[static_cast<std::size_t>(kind)];
    ops::RowLoss forward;
    forward.kind = kind;
    ops::RowLossBackward backward;
    backward.kind = kind;
    for (const auto& [label, shape] :
         {std::pair("one", Shape{3, 1}), std::pair("odd", Shape{7, 5}),
          std::pair("cifar10", Shape{33, 10}), std::pair("many", Shape{5, 1025}),
          std::pair("nobody", Shape{0, 4})}) {
      // Numbers that are all different: no two are the largest.
      const CaseInput p{shape, kind == Kind::categorical_hinge ? distinct() : probabilities()};
      const CaseInput t{shape, one_hot()};
      const OpCase forward_case(name + "_" + label, forward, {p, t});
      const bool smooth = is_small(shape) && shape.numel() > 3;
      cases.push_back(smooth ? forward_case.differentiate({0}) : forward_case);
      cases.push_back(OpCase(name + "_" + label, backward, {{{shape[0]}}, p, t}));
    }
  }
}

// ---- Labels and metrics ----

void add_one_hot(const std::string& label, std::int64_t samples, std::int64_t classes,
                 std::vector<OpCase>& cases) {
  const auto make = [=](DType dtype) -> OpPtr {
    auto op = std::make_shared<ops::OneHot>();
    op->classes = classes;
    op->dtype = dtype;
    return op;
  };
  cases.push_back(OpCase(label, make, {{{samples}, integers(classes), DType::i32}}));
}

void add_accuracy(std::vector<OpCase>& cases) {
  const ops::Accuracy classes;
  ops::Accuracy binary;
  binary.binary = true;
  binary.threshold = 0.25;
  const CaseInput sparse{{17}, integers(5), DType::i32};
  cases.push_back(OpCase("sparse", classes, {{{17, 5}}, sparse}));
  cases.push_back(OpCase("one_hot", classes, {{{17, 5}}, {{17, 5}, one_hot()}}));
  cases.push_back(OpCase("ties", classes, {{{17, 5}, integers(2)}, sparse}));
  cases.push_back(OpCase("cifar10", classes, {{{32, 10}}, {{32}, integers(10), DType::i32}}));
  cases.push_back(OpCase("one_answer", classes, {{{9, 1}}, {{9}, integers(2), DType::i32}}));
  cases.push_back(OpCase("one_answer_binary", binary, {{{9, 1}}, {{9, 1}, integers(2)}}));
  cases.push_back(OpCase("answers", binary, {{{11, 3}}, {{11, 3}, integers(2)}}));
  cases.push_back(OpCase("many_answers", binary, {{{2, 8205}}, {{2, 8205}, integers(2)}}));
  cases.push_back(OpCase("many_classes", classes, {{{3, 1025}}, {{3, 1025}}}));
  ops::Accuracy top;
  top.top_k = 2;
  cases.push_back(OpCase("top_sparse", top, {{{17, 5}}, sparse}));
  cases.push_back(OpCase("top_one_hot", top, {{{17, 5}}, {{17, 5}, one_hot()}}));
  cases.push_back(OpCase("top_ties", top, {{{17, 5}, integers(2)}, sparse}));
  top.top_k = 100;
  cases.push_back(OpCase("top_many_classes", top, {{{3, 1025}}, {{3, 1025}}}));
}

void add_sum_above(std::vector<OpCase>& cases) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  const Fill eighths = elementwise([](std::uint64_t, std::int64_t index, const Shape&) {
    return static_cast<double>(index * 5 % 9) / 8;
  });
  ops::SumAbove op;
  cases.push_back(OpCase("nobody", op, {{{0}}, {{0}}}));
  op.thresholds = 9;  // scores on the thresholds themselves, exact in every type
  cases.push_back(OpCase("eighths", op, {{{37}, eighths}, {{37}, integers(2)}}));
  cases.push_back(OpCase("nan", op, {{{5}, constant(kNaN)}, {{5}, integers(2)}}));
  op.thresholds = 3;
  cases.push_back(OpCase("many", op, {{{5003}, eighths}, {{5003}, uniform(0, 1)}}));
}

}  // namespace

std::vector<OpCase> loss_cases() {
  std::vector<OpCase> cases;
  for (const Classification& problem : classifications()) add_classification(problem, cases);
  add_strange_classes(cases);
  for (const Pointwise& loss : pointwise_losses()) {
    add_pointwise(loss, cases);
    if (loss.label == "huber" || loss.label == "classes") add_large_samples(loss, cases);
  }
  add_clipped(cases);
  add_row_losses(cases);
  add_one_hot("one", 1, 1, cases);
  add_one_hot("odd", 13, 7, cases);
  add_one_hot("wide", 3, 301, cases);
  add_one_hot("nobody", 0, 5, cases);
  add_accuracy(cases);
  add_sum_above(cases);
  return cases;
}

}  // namespace fovea::test
