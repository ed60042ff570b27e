// Scores over whole arrays. The averages' definitions are scikit-learn's.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "fovea/error.h"
#include "fovea/metrics.h"
#include "fovea/names.h"
#include "fovea/ops/statistics.h"
#include "host/base/utf8.h"
#include "host/graph/run_op.h"

namespace fovea {
namespace {

using Labels = std::vector<std::int32_t>;

std::span<const std::int32_t> labels_of(const Tensor& labels, const char* what) {
  FOVEA_REQUIRE(labels.defined() && labels.shape().rank() == 1 && labels.dtype() == DType::i32,
                shape_mismatch, what, " are labels, i32 (N,)",
                "; predicted_labels() makes them of a model's outputs");
  FOVEA_REQUIRE(labels.numel() > 0, invalid_argument, what, " are empty");
  return labels.span<std::int32_t>();
}

/// Both arrays, checked.
struct Pair {
  std::span<const std::int32_t> actual, predicted;
  Pair(const Tensor& y_true, const Tensor& y_pred)
      : actual(labels_of(y_true, "the true labels")),
        predicted(labels_of(y_pred, "the predicted labels")) {
    FOVEA_REQUIRE(actual.size() == predicted.size(), shape_mismatch, actual.size(),
                  " true labels, but ", predicted.size(), " predicted ones");
  }
  std::set<std::int32_t> present() const {
    std::set<std::int32_t> labels(actual.begin(), actual.end());
    labels.insert(predicted.begin(), predicted.end());
    return labels;
  }
};

/// The labels asked for, or all that are present, sorted.
Labels chosen_labels(const Pair& pair, const Labels& asked) {
  const std::set<std::int32_t> present = pair.present();
  if (asked.empty()) return {present.begin(), present.end()};
  const std::set<std::int32_t> different(asked.begin(), asked.end());
  FOVEA_REQUIRE(different.size() == asked.size(), invalid_argument,
                "a label is named twice among the labels to score");
  return asked;
}

/// What is counted of a class, or of all together.
struct Counts {
  double right = 0;
  double predicted = 0;
  double actual = 0;
};

std::vector<Counts> count(const Pair& pair, const Labels& labels) {
  std::vector<Counts> counts(labels.size());
  for (std::size_t c = 0; c < labels.size(); ++c) {
    for (std::size_t i = 0; i < pair.actual.size(); ++i) {
      const bool actual = pair.actual[i] == labels[c];
      const bool predicted = pair.predicted[i] == labels[c];
      counts[c].right += actual && predicted ? 1 : 0;
      counts[c].predicted += predicted ? 1 : 0;
      counts[c].actual += actual ? 1 : 0;
    }
  }
  return counts;
}

struct Scores {
  double precision = 0;
  double recall = 0;
  double f1 = 0;
};

Scores scores_of(const Counts& counts, double zero_division) {
  const auto divide = [=](double numerator, double denominator) {
    return denominator == 0 ? zero_division : numerator / denominator;
  };
  return {divide(counts.right, counts.predicted), divide(counts.right, counts.actual),
          divide(2 * counts.right, counts.predicted + counts.actual)};
}

/// The weighted mean of what is not NaN; the plain one where the weights are all 0.
double mean(const std::vector<double>& values, const std::vector<double>& weights) {
  double sum = 0, weighted_sum = 0, weight = 0, number = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) continue;
    sum += values[i];
    number += 1;
    weighted_sum += values[i] * weights[i];
    weight += weights[i];
  }
  return weight != 0 ? weighted_sum / weight : sum / number;  // 0 / 0 is NaN, as it should be
}

/// "micro", "macro" or "weighted".
Scores averaged(const std::vector<Counts>& counts, const std::string& average,
                double zero_division) {
  if (average == "micro") {
    Counts all;
    for (const Counts& c : counts) {
      all.right += c.right;
      all.predicted += c.predicted;
      all.actual += c.actual;
    }
    return scores_of(all, zero_division);
  }
  std::vector<double> precision, recall, f1, weights;
  for (const Counts& c : counts) {
    const Scores scores = scores_of(c, zero_division);
    precision.push_back(scores.precision);
    recall.push_back(scores.recall);
    f1.push_back(scores.f1);
    weights.push_back(average == "weighted" ? c.actual : 1);
  }
  return {mean(precision, weights), mean(recall, weights), mean(f1, weights)};
}

void require_zero_division(double value) {
  FOVEA_REQUIRE(value == 0 || value == 1 || std::isnan(value), invalid_argument,
                "zero_division is 0, 1 or NaN, not ", value);
}

Scores average_scores(const Tensor& y_true, const Tensor& y_pred, const ScoreOptions& options) {
  require_zero_division(options.zero_division);
  const Pair pair(y_true, y_pred);
  if (options.average != "binary") {
    const std::vector<std::string> known = {"binary", "micro", "macro", "weighted"};
    if (std::find(known.begin(), known.end(), options.average) == known.end()) {
      fail_unknown("average", options.average, known);
    }
    return averaged(count(pair, chosen_labels(pair, options.labels)), options.average,
                    options.zero_division);
  }
  const std::set<std::int32_t> present = pair.present();
  FOVEA_REQUIRE(present.size() <= 2, invalid_argument, "there are ", present.size(),
                " labels, but the average \"binary\" is of two; use \"macro\", \"micro\" or "
                "\"weighted\"");
  FOVEA_REQUIRE(present.count(options.pos_label) > 0 || present.size() < 2, invalid_argument,
                "no label is the positive one, ", options.pos_label, "; set pos_label");
  return scores_of(count(pair, {options.pos_label}).front(), options.zero_division);
}

// ---- The report ----

std::string padded(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, utf8_characters(text)), ' ') + text;
}

std::string fixed(double value, int digits) {
  if (std::isnan(value)) return "nan";
  std::ostringstream text;
  text.precision(digits);
  text << std::fixed << value;
  return text.str();
}

/// The lines of a classification report.
class Report {
 public:
  Report(std::size_t width, int digits, int support_digits)
      : width_(width), digits_(digits), support_digits_(support_digits) {}

  void head() {
    text_ += padded("", width_) + " ";
    for (const char* name : {"precision", "recall", "f1-score", "support"}) cell(name);
    text_ += "\n\n";
  }
  void row(const std::string& name, const Scores& scores, double support) {
    text_ += padded(name, width_) + " ";
    for (double score : {scores.precision, scores.recall, scores.f1}) cell(fixed(score, digits_));
    cell(fixed(support, support_digits_));
    text_ += "\n";
  }
  void accuracy_row(double accuracy, double support) {
    text_ += padded("accuracy", width_) + " ";
    for (const std::string& text : {std::string(), std::string(), fixed(accuracy, digits_)}) {
      cell(text);
    }
    cell(fixed(support, support_digits_));
    text_ += "\n";
  }
  void gap() { text_ += "\n"; }
  const std::string& text() const { return text_; }

 private:
  void cell(const std::string& text) { text_ += " " + padded(text, 9); }

  std::size_t width_;
  int digits_;
  int support_digits_;
  std::string text_;
};

std::vector<std::string> names_of(const Labels& labels, const ReportOptions& options) {
  FOVEA_REQUIRE(options.target_names.empty() || options.target_names.size() == labels.size(),
                invalid_argument, options.target_names.size(), " target_names, but ", labels.size(),
                " labels", options.labels.empty() ? " in the arrays; set labels" : "");
  if (!options.target_names.empty()) return options.target_names;
  std::vector<std::string> names;
  for (std::int32_t label : labels) names.push_back(std::to_string(label));
  return names;
}

void require_scores(const Tensor& scores, std::int64_t samples) {
  FOVEA_REQUIRE(scores.defined() && is_floating(scores.dtype()) && scores.shape().rank() >= 1,
                shape_mismatch, "scores are floating-point numbers, a row for each sample");
  FOVEA_REQUIRE(scores.shape()[0] == samples, shape_mismatch, samples,
                " true labels, but scores of ", scores.shape()[0], " samples");
}

}  // namespace

Tensor predicted_labels(const Tensor& outputs, double threshold) {
  const Shape& shape = outputs.shape();
  FOVEA_REQUIRE(outputs.defined() && is_floating(outputs.dtype()) &&
                    (shape.rank() == 1 || shape.rank() == 2) && shape.c() >= 1,
                shape_mismatch, "a model's outputs are (N, classes), (N, 1) or (N,), not ",
                outputs.shape());
  const Tensor values = outputs.to(DType::f64);
  const std::int64_t columns = shape.rank() == 1 ? 1 : shape[1];
  Tensor labels({shape[0]}, DType::i32);
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    const double* row = values.data<double>() + n * columns;
    labels.data<std::int32_t>()[n] =
        columns == 1 ? (row[0] > threshold ? 1 : 0)
                     : static_cast<std::int32_t>(std::max_element(row, row + columns) - row);
  }
  return labels;
}

double accuracy_score(const Tensor& y_true, const Tensor& y_pred) {
  const Pair pair(y_true, y_pred);
  double right = 0;
  for (std::size_t i = 0; i < pair.actual.size(); ++i) {
    right += pair.actual[i] == pair.predicted[i] ? 1 : 0;
  }
  return right / static_cast<double>(pair.actual.size());
}

Tensor confusion_matrix(const Tensor& y_true, const Tensor& y_pred, const Labels& labels,
                        const std::string& device) {
  const Pair pair(y_true, y_pred);
  const Labels chosen = chosen_labels(pair, labels);
  std::map<std::int32_t, std::int32_t> places;
  for (const std::int32_t label : chosen) {
    places.emplace(label, static_cast<std::int32_t>(places.size()));
  }
  bool any = false;
  const auto places_of = [&](std::span<const std::int32_t> own) {  // -1: not asked for
    Tensor result({static_cast<std::int64_t>(own.size())}, DType::i32);
    std::transform(own.begin(), own.end(), result.data<std::int32_t>(), [&](std::int32_t label) {
      const auto found = places.find(label);
      return found == places.end() ? -1 : found->second;
    });
    return result;
  };
  const std::vector<Tensor> arrays = {places_of(pair.actual), places_of(pair.predicted)};
  for (const std::int32_t place : arrays[0].span<std::int32_t>()) any = any || place >= 0;
  FOVEA_REQUIRE(any, invalid_argument, "none of the labels asked for is among the true ones");
  ops::CountLabels count_pairs;
  count_pairs.classes = static_cast<std::int64_t>(chosen.size());
  return run_on(device, count_pairs, arrays).front();
}

ClassScores precision_recall_fscore_support(const Tensor& y_true, const Tensor& y_pred,
                                            const ScoreOptions& options) {
  require_zero_division(options.zero_division);
  const Pair pair(y_true, y_pred);
  ClassScores result;
  result.labels = chosen_labels(pair, options.labels);
  for (const Counts& counts : count(pair, result.labels)) {
    const Scores scores = scores_of(counts, options.zero_division);
    result.precision.push_back(scores.precision);
    result.recall.push_back(scores.recall);
    result.f1.push_back(scores.f1);
    result.support.push_back(static_cast<std::int64_t>(counts.actual));
  }
  return result;
}

double precision_score(const Tensor& y_true, const Tensor& y_pred, const ScoreOptions& options) {
  return average_scores(y_true, y_pred, options).precision;
}
double recall_score(const Tensor& y_true, const Tensor& y_pred, const ScoreOptions& options) {
  return average_scores(y_true, y_pred, options).recall;
}
double f1_score(const Tensor& y_true, const Tensor& y_pred, const ScoreOptions& options) {
  return average_scores(y_true, y_pred, options).f1;
}

std::string classification_report(const Tensor& y_true, const Tensor& y_pred,
                                  const ReportOptions& options) {
  require_zero_division(options.zero_division);
  FOVEA_REQUIRE(options.digits >= 0, invalid_argument, "digits are >= 0, not ", options.digits);
  const Pair pair(y_true, y_pred);
  const Labels labels = chosen_labels(pair, options.labels);
  const std::vector<std::string> names = names_of(labels, options);
  std::size_t width =
      std::max(std::string("weighted avg").size(), static_cast<std::size_t>(options.digits));
  for (const std::string& name : names) width = std::max(width, utf8_characters(name));

  const std::vector<Counts> counts = count(pair, labels);
  double support = 0;
  // Where not one prediction is right, scikit-learn counts the support in floating point: "3.0".
  const bool any_right = accuracy_score(y_true, y_pred) > 0;
  Report report(width, options.digits, any_right ? 0 : 1);
  report.head();
  for (std::size_t c = 0; c < labels.size(); ++c) {
    report.row(names[c], scores_of(counts[c], options.zero_division), counts[c].actual);
    support += counts[c].actual;
  }
  report.gap();
  const std::set<std::int32_t> present = pair.present();
  const std::set<std::int32_t> scored(labels.begin(), labels.end());
  const bool all_scored =
      std::includes(scored.begin(), scored.end(), present.begin(), present.end());
  for (const std::string average : {"micro", "macro", "weighted"}) {
    const Scores scores = averaged(counts, average, options.zero_division);
    if (average == "micro" && all_scored) {
      report.accuracy_row(scores.f1, support);
    } else {
      report.row(average + " avg", scores, support);
    }
  }
  return report.text();
}

double roc_auc_score(const Tensor& y_true, const Tensor& scores, const std::string& device) {
  const auto labels = labels_of(y_true, "the true labels");
  require_scores(scores, y_true.numel());
  FOVEA_REQUIRE(scores.numel() == y_true.numel(), shape_mismatch,
                "the area under the ROC curve is of one score per sample, (N,) or (N, 1), not ",
                scores.shape());
  // Sorted as they are; 16 bits as f32, which holds them all.
  const Tensor values =
      scores.to(scores.dtype() == DType::f64 ? DType::f64 : DType::f32).reshape({y_true.numel()});
  double positives = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    FOVEA_REQUIRE(labels[i] == 0 || labels[i] == 1, invalid_argument,
                  "the area under the ROC curve is of labels 0 and 1, not ", labels[i]);
    FOVEA_REQUIRE(!std::isnan(values.item(static_cast<std::int64_t>(i))), invalid_argument,
                  "the score of sample ", i, " is NaN");
    positives += labels[i];
  }
  const double negatives = static_cast<double>(labels.size()) - positives;
  FOVEA_REQUIRE(positives > 0 && negatives > 0, invalid_argument,
                "the area under the ROC curve needs samples of both labels, 0 and 1");
  const std::vector<Tensor> ranks =
      run_on(device, ops::RankedPairs{}, std::vector<Tensor>{y_true, values});
  return static_cast<double>(*ranks[0].data<std::int64_t>()) / 2 / (positives * negatives);
}

double top_k_accuracy_score(const Tensor& y_true, const Tensor& scores, std::int64_t k) {
  const auto labels = labels_of(y_true, "the true labels");
  require_scores(scores, y_true.numel());
  FOVEA_REQUIRE(scores.shape().rank() == 2, shape_mismatch,
                "top-k accuracy is of scores (N, classes), not ", scores.shape());
  FOVEA_REQUIRE(k >= 1, invalid_argument, "k is at least 1, not ", k);
  const std::int64_t classes = scores.shape()[1];
  const Tensor values = scores.to(DType::f64);
  double right = 0;
  for (std::size_t n = 0; n < labels.size(); ++n) {
    FOVEA_REQUIRE(labels[n] >= 0 && labels[n] < classes, invalid_argument, "label ", labels[n],
                  " of sample ", n, " is out of range: there are scores of ", classes, " classes");
    const double* row = values.data<double>() + static_cast<std::int64_t>(n) * classes;
    std::int64_t ahead = 0;
    for (std::int64_t c = 0; c < classes; ++c) {
      ahead += row[c] > row[labels[n]] || (row[c] == row[labels[n]] && c > labels[n]) ? 1 : 0;
    }
    right += ahead < k ? 1 : 0;
  }
  return right / static_cast<double>(labels.size());
}

}  // namespace fovea
