// Metrics by name.
#include "host/train/metric.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "fovea/loss.h"
#include "fovea/names.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/basic.h"
#include "fovea/ops/loss.h"
#include "host/train/targets.h"

namespace fovea {
namespace {

using Terms = std::vector<MetricTerm>;
using Totals = std::vector<Tensor>;

// ---- What the sums come to ----

double ratio(double numerator, double denominator) {
  return denominator != 0 ? numerator / denominator : 0;
}
double mean(const Totals& totals) { return ratio(totals[0].item(), totals[1].item()); }
double root_mean(const Totals& totals) { return std::sqrt(mean(totals)); }

/// F1 = 2 P R / (P + R), from true positives, what was predicted and what there was.
double f1(const Totals& totals) {
  return ratio(2 * totals[0].item(), totals[1].item() + totals[2].item());
}

/// The area under the curve of true over false positive rates, by the trapezoidal rule.
double area_under_curve(const Totals& totals) {
  const Tensor& positives = totals[0];
  const Tensor& negatives = totals[1];
  double area = 0;
  for (std::int64_t k = 0; k + 1 < positives.numel(); ++k) {
    const double width = negatives.item(k) - negatives.item(k + 1);
    area += width * (positives.item(k) + positives.item(k + 1)) / 2;
  }
  return ratio(area, positives.item(0) * negatives.item(0));
}

// Names of sums. Constants, so that loading the library runs no code for them.
constexpr const char* kValues[] = {"values"};
constexpr const char* kTrueOfPredicted[] = {"true_positives", "predicted"};
constexpr const char* kTrueOfActual[] = {"true_positives", "actual"};
constexpr const char* kTrueOfBoth[] = {"true_positives", "predicted", "actual"};
constexpr const char* kAboveThresholds[] = {"positives_above", "negatives_above"};

constexpr MetricFormula kMeanError{false, kValues, mean};
constexpr MetricFormula kRootMeanError{false, kValues, root_mean};
constexpr MetricFormula kShare{true, kValues, mean};
constexpr MetricFormula kPrecision{true, kTrueOfPredicted, mean};
constexpr MetricFormula kRecall{true, kTrueOfActual, mean};
constexpr MetricFormula kF1{true, kTrueOfBoth, f1};
constexpr MetricFormula kAuc{true, kAboveThresholds, area_under_curve};

// ---- Accuracies ----

Terms append_accuracy_op(Builder& b, const MetricInputs& in, const ops::Accuracy& op) {
  require_class_scores(in.metric, b.type(in.prediction), 1);
  require_same_batch(in.metric, b.type(in.prediction), b.type(in.target));
  const bool sparse = is_sparse(b.type(in.target));
  const Value target = sparse ? in.target : match_target(b, in.metric, in.prediction, in.target);
  return {{b.add(op, {in.prediction, target})}};
}

ops::Accuracy answers_op(const MetricInputs& in) {
  ops::Accuracy op;
  op.binary = true;
  op.threshold = in.from_logits ? 0 : 0.5;
  return op;
}

/// Of arg-maxes for several outputs; of yes and no for one.
Terms append_accuracy(Builder& b, const MetricInputs& in) {
  const Shape shape = b.shape(in.prediction);
  const bool single = shape.rank() == 2 && shape.c() == 1;
  return append_accuracy_op(b, in, single ? answers_op(in) : ops::Accuracy{});
}

Terms append_binary_accuracy(Builder& b, const MetricInputs& in) {
  return append_accuracy_op(b, in, answers_op(in));
}

Terms append_class_accuracy(Builder& b, const MetricInputs& in, bool sparse, std::int64_t top_k) {
  require_class_scores(in.metric, b.type(in.prediction), 2);
  FOVEA_REQUIRE(is_sparse(b.type(in.target)) == sparse, shape_mismatch, "'", in.metric, "' takes ",
                sparse ? "labels, i32 (N,)" : "one-hot targets (N, classes)", ", not ",
                to_string(b.type(in.target)), "; 'accuracy' and 'top_5_accuracy' take both");
  ops::Accuracy op;
  op.top_k = top_k;
  return append_accuracy_op(b, in, op);
}

constexpr std::int64_t kDefaultTop = 5;

Terms append_categorical(Builder& b, const MetricInputs& in) {
  return append_class_accuracy(b, in, false, 0);
}
Terms append_sparse_categorical(Builder& b, const MetricInputs& in) {
  return append_class_accuracy(b, in, true, 0);
}
Terms append_top_categorical(Builder& b, const MetricInputs& in) {
  return append_class_accuracy(b, in, false, kDefaultTop);
}
Terms append_sparse_top_categorical(Builder& b, const MetricInputs& in) {
  return append_class_accuracy(b, in, true, kDefaultTop);
}

/// The k of "top_3_accuracy"; 0 for another name.
std::int64_t top_of(std::string_view metric) {
  constexpr std::string_view kBegin = "top_";
  constexpr std::string_view kEnd = "_accuracy";
  if (!metric.starts_with(kBegin) || !metric.ends_with(kEnd)) return 0;
  metric.remove_prefix(kBegin.size());
  metric.remove_suffix(std::min(kEnd.size(), metric.size()));
  std::int64_t k = 0;
  const auto [end, error] = std::from_chars(metric.data(), metric.data() + metric.size(), k);
  return error == std::errc() && end == metric.data() + metric.size() && k > 0 ? k : 0;
}

Terms append_top(Builder& b, const MetricInputs& in) {
  return append_class_accuracy(b, in, is_sparse(b.type(in.target)), top_of(in.metric));
}

// ---- Errors ----

template <ops::PointwiseLoss::Kind kKind>
Terms append_error(Builder& b, const MetricInputs& in) {
  ops::PointwiseLoss op;
  op.kind = kKind;
  const Value target = match_target(b, in.metric, in.prediction, in.target);
  return {{b.add(op, {in.prediction, target})}};
}

constexpr auto append_squared = append_error<ops::PointwiseLoss::Kind::squared>;
constexpr auto append_absolute = append_error<ops::PointwiseLoss::Kind::absolute>;

// ---- Counts of yes and no ----

/// 1 where x > threshold, else 0.
Value above(Builder& b, Value x, double threshold) {
  ops::Rescale shift;
  shift.offset = {-threshold};
  shift.dtype = b.type(x).dtype;
  if (threshold != 0) x = b.add(shift, {x});
  return b.add(ops::Activate({Activation::Kind::step}), {x});
}

/// The targets as yes and no for each output.
Value answers(Builder& b, const MetricInputs& in) {
  const ValueType type = b.type(in.prediction);
  require_class_scores(in.metric, type, 1);
  require_same_batch(in.metric, type, b.type(in.target));
  FOVEA_REQUIRE(!in.from_logits || type.shape.c() == 1, unsupported, "'", in.metric,
                "' of several outputs takes probabilities: end the model in softmax or sigmoid "
                "instead of from_logits");
  if (!is_sparse(b.type(in.target))) return match_target(b, in.metric, in.prediction, in.target);
  if (type.shape.c() == 1) return answers_from_labels(b, type.dtype, in.target);
  ops::OneHot one_hot;
  one_hot.classes = type.shape.c();
  one_hot.dtype = type.dtype;
  return b.add(one_hot, {in.target});
}

/// (N, C) -> (N,): the sum of each row of numbers >= 0.
Value sum_rows(Builder& b, Value x) {
  const ValueType type = b.type(x);
  const std::int64_t columns = type.shape.c();
  if (columns == 1) return b.add(ops::Reshape(Shape{}), {x});
  ops::PointwiseLoss mean_size;
  mean_size.kind = ops::PointwiseLoss::Kind::absolute;
  ops::Scale scale;
  scale.factor = static_cast<double>(columns);
  return b.add(scale, {b.add(mean_size, {x, b.constant(type, 0)})});
}

enum Count { kTruePositives, kPredicted, kActual };

template <Count... kCounts>
Terms append_counts(Builder& b, const MetricInputs& in) {
  const Value actual = answers(b, in);
  const Value predicted = above(b, in.prediction, in.from_logits ? 0 : 0.5);
  const auto count = [&](Count which) -> Value {
    if (which == kPredicted) return predicted;
    return which == kActual ? actual : Value(b.add(ops::Multiply{}, {predicted, actual}));
  };
  return {{sum_rows(b, count(kCounts))}...};
}

Terms append_auc(Builder& b, const MetricInputs& in) {
  FOVEA_REQUIRE(b.shape(in.prediction).rank() == 2 && b.shape(in.prediction).c() == 1,
                shape_mismatch, "'auc' takes a model with one output, (N, 1), not ",
                to_string(b.type(in.prediction)), "; roc_auc_score() is for arrays");
  const Value positive = sum_rows(b, answers(b, in));
  ops::Rescale one_minus;
  one_minus.scale = {-1};
  one_minus.offset = {1};
  one_minus.dtype = b.type(positive).dtype;
  Value score = in.prediction;
  if (in.from_logits) score = b.add(ops::Activate({Activation::Kind::sigmoid}), {score});
  score = sum_rows(b, score);
  return {{positive, score}, {b.add(one_minus, {positive}), score}};
}

// ---- By name: a new metric is one line here ----

struct Entry {
  const char* name;
  const MetricFormula* formula;
  Terms (*append)(Builder& b, const MetricInputs& in);
};

constexpr const char* kTopExample = "top_3_accuracy";

const std::vector<Entry>& metrics() {
  static const std::vector<Entry> kMetrics = {
      {"accuracy", &kShare, append_accuracy},
      {"binary_accuracy", &kShare, append_binary_accuracy},
      {"categorical_accuracy", &kShare, append_categorical},
      {"sparse_categorical_accuracy", &kShare, append_sparse_categorical},
      {"top_k_categorical_accuracy", &kShare, append_top_categorical},
      {"sparse_top_k_categorical_accuracy", &kShare, append_sparse_top_categorical},
      {kTopExample, &kShare, append_top},
      {"mean_squared_error", &kMeanError, append_squared},
      {"mse", &kMeanError, append_squared},
      {"mean_absolute_error", &kMeanError, append_absolute},
      {"mae", &kMeanError, append_absolute},
      {"root_mean_squared_error", &kRootMeanError, append_squared},
      {"rmse", &kRootMeanError, append_squared},
      {"precision", &kPrecision, append_counts<kTruePositives, kPredicted>},
      {"recall", &kRecall, append_counts<kTruePositives, kActual>},
      {"f1", &kF1, append_counts<kTruePositives, kPredicted, kActual>},
      {"auc", &kAuc, append_auc},
  };
  return kMetrics;
}

const Entry& find_metric(const std::string& name) {
  const std::string_view wanted = top_of(name) > 0 ? std::string_view(kTopExample) : name;
  for (const Entry& entry : metrics()) {
    if (wanted == entry.name) return entry;
  }
  fail_unknown("metric", name, metric_names());
}

}  // namespace

std::vector<std::string> MetricColumn::terms() const {
  std::vector<std::string> names(formula->terms.begin(), formula->terms.end());
  if (weighted && formula->is_mean()) names.emplace_back("weights");
  return names;
}

const MetricFormula& mean_loss_formula() { return kMeanError; }

const MetricFormula& metric_formula(const std::string& metric) {
  return *find_metric(metric).formula;
}

std::vector<MetricTerm> append_metric(Builder& b, const MetricInputs& inputs) {
  return find_metric(inputs.metric).append(b, inputs);
}

void weigh(Builder& b, const MetricColumn& column, Value weights, std::vector<MetricTerm>& terms) {
  if (weights.defined()) {
    for (MetricTerm& term : terms) term.values = b.add(ops::Multiply{}, {term.values, weights});
  }
  if (!column.formula->is_mean()) return;
  terms.push_back({weights.defined() ? weights : b.constant(b.type(terms.front().values), 1)});
}

std::vector<std::string> metric_names() {
  std::vector<std::string> names;
  names.reserve(metrics().size());
  for (const Entry& entry : metrics()) names.emplace_back(entry.name);
  return names;
}

}  // namespace fovea
