// Metrics by name.
#include <array>

#include "fovea/loss.h"
#include "fovea/names.h"
#include "fovea/ops/loss.h"
#include "host/train/targets.h"

namespace fovea {
namespace {

/// Of arg-maxes for several outputs; of yes and no for one.
Value append_accuracy(Builder& b, const std::string& metric, Value prediction, Value target,
                      bool from_logits) {
  require_class_scores(metric, b.type(prediction), 1);
  require_same_batch(metric, b.type(prediction), b.type(target));
  if (!is_sparse(b.type(target))) target = match_target(b, metric, prediction, target);
  ops::Accuracy op;
  op.binary = b.shape(prediction).c() == 1;
  op.threshold = from_logits ? 0 : 0.5;
  return b.add(op, {prediction, target});
}

template <ops::PointwiseLoss::Kind kKind>
Value append_error(Builder& b, const std::string& metric, Value prediction, Value target, bool) {
  ops::PointwiseLoss op;
  op.kind = kKind;
  return b.add(op, {prediction, match_target(b, metric, prediction, target)});
}

constexpr auto append_squared = append_error<ops::PointwiseLoss::Kind::squared>;
constexpr auto append_absolute = append_error<ops::PointwiseLoss::Kind::absolute>;

struct Entry {
  const char* name;
  Value (*append)(Builder& b, const std::string& metric, Value prediction, Value target,
                  bool from_logits);
};
constexpr std::array kMetrics = {
    Entry{"accuracy", append_accuracy}, Entry{"mean_squared_error", append_squared},
    Entry{"mse", append_squared},       Entry{"mean_absolute_error", append_absolute},
    Entry{"mae", append_absolute},
};

}  // namespace

Value append_metric(Builder& b, const std::string& metric, Value prediction, Value target,
                    bool from_logits) {
  for (const Entry& entry : kMetrics) {
    if (metric == entry.name) return entry.append(b, metric, prediction, target, from_logits);
  }
  fail_unknown("metric", metric, metric_names());
}

std::vector<std::string> metric_names() {
  std::vector<std::string> names;
  names.reserve(kMetrics.size());
  for (const Entry& entry : kMetrics) names.emplace_back(entry.name);
  return names;
}

}  // namespace fovea
