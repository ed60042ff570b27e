// Metrics: the sums over samples that steps add to, and what the sums come to.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "fovea/graph.h"
#include "fovea/tensor.h"

namespace fovea {

/// What a metric is computed from.
struct MetricInputs {
  std::string metric;  ///< its name, for messages and for the k of top_3_accuracy
  Value prediction;
  Value target;
  bool from_logits = false;
};

/// One of the sums that a metric is made of: the values of all samples, or, with scores, for each
/// threshold the values of those samples whose score lies above it (see ops::SumAbove).
struct MetricTerm {
  Value values;    ///< (N,)
  Value scores{};  ///< (N,) in [0, 1]
};

/// How a metric is made of its sums.
struct MetricFormula {
  bool higher_is_better = false;
  std::span<const char* const> terms;
  /// From each term's total, a scalar or one per threshold. A mean is made of one term and then has
  /// a second total, what to divide by: the number of values, or the sum of their weights.
  double (*finish)(const std::vector<Tensor>& totals) = nullptr;
  bool is_mean() const { return terms.size() == 1; }
};

/// A metric of a model, under the name that logs show.
struct MetricColumn {
  std::string name;
  const MetricFormula* formula = nullptr;
  bool weighted = false;  ///< by the weights of the samples
  /// The names of the sums: the formula's, and the weights of a weighted mean.
  std::vector<std::string> terms() const;
};

/// A mean of one value per sample, the lower the better, as losses are.
const MetricFormula& mean_loss_formula();
/// Throws invalid_argument for an unknown metric, listing the known ones.
FOVEA_INTERNAL const MetricFormula& metric_formula(const std::string& metric);

/// Appends the values of the formula's terms. Throws shape_mismatch when prediction and target do
/// not fit, with what the metric wants.
FOVEA_INTERNAL std::vector<MetricTerm> append_metric(Builder& b, const MetricInputs& inputs);
/// Multiplies the terms' values by `weights` (N,), where they are defined, and appends the sum that
/// a weighted mean is divided by.
void weigh(Builder& b, const MetricColumn& column, Value weights, std::vector<MetricTerm>& terms);

/// As many thresholds as Keras.
inline constexpr std::int64_t kMetricThresholds = 200;

}  // namespace fovea
