// Losses and metrics by their Keras names.
#pragma once

#include <string>
#include <vector>

#include "fovea/graph.h"

namespace fovea {

/// A loss by name: sparse_categorical_crossentropy (labels i32 (N,)), categorical_crossentropy
/// (one-hot targets), binary_crossentropy, mean_squared_error or mse, mean_absolute_error or mae,
/// huber. The three cross-entropies read probabilities; where the model ends in softmax or sigmoid
/// they are computed from its logits, fused and stable.
struct Loss {
  std::string name;
  bool from_logits = false;    ///< the model's output is logits, not probabilities
  double label_smoothing = 0;  ///< of the cross-entropies
  double delta = 1;            ///< where huber turns from quadratic to linear

  Loss() = default;
  Loss(const char* loss_name) : name(loss_name) {}             // NOLINT
  Loss(std::string loss_name) : name(std::move(loss_name)) {}  // NOLINT
  Loss(std::string loss_name, bool logits, double smoothing = 0, double huber_delta = 1)
      : name(std::move(loss_name)),
        from_logits(logits),
        label_smoothing(smoothing),
        delta(huber_delta) {}

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("name", self.name);
    visit("from_logits", self.from_logits);
    visit("label_smoothing", self.label_smoothing);
    visit("delta", self.delta);
  }
};

/// Appends the loss of each sample, (N,). Targets may be u8 or of another floating type than the
/// predictions, and lack or have a last axis of size 1; binary_crossentropy also takes labels 0 and
/// 1, i32 (N,). Throws invalid_argument for an unknown name (listing the valid ones) or options
/// that make no sense, shape_mismatch when prediction and target do not fit, with what the loss
/// wants.
FOVEA_API Value append_loss(Builder& b, const Loss& loss, Value prediction, Value target);

/// Appends a metric's value of each sample, (N,): accuracy (against labels or one-hot targets; of a
/// single output, p > 0.5 or logit > 0), mean_squared_error or mse, mean_absolute_error or mae.
/// Throws as append_loss.
FOVEA_API Value append_metric(Builder& b, const std::string& metric, Value prediction, Value target,
                              bool from_logits = false);

/// The type of the targets that a loss wants for predictions of this type.
FOVEA_API ValueType target_type(const Loss& loss, const ValueType& prediction);

FOVEA_API std::vector<std::string> loss_names();
FOVEA_API std::vector<std::string> metric_names();

}  // namespace fovea
