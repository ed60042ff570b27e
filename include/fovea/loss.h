// Losses and metrics by their Keras names.
#pragma once

#include <string>
#include <vector>

#include "fovea/graph.h"

namespace fovea {

/// A loss by name. With y the targets (one-hot where they tell classes), o the model's output and s
/// its probabilities:
///   sparse_categorical_crossentropy (labels i32 (N,)), categorical_crossentropy or log
///   -sum y log s, binary_crossentropy: where the model ends in softmax or sigmoid they are
///   computed from its logits, fused and stable; mean_squared_error or mse, mean_absolute_error or
///   mae, huber, log_cosh, poisson mean o - y log o, hinge mean max(0, 1 - Y o) with Y = 1 for y >
///   0, else -1, and squared_hinge: means over a sample's numbers, as Keras; categorical_hinge
///   max(0, 1 + max (1 - y) o - sum y o), cosine_similarity -cos(o, y), kl_divergence sum y log(y /
///   s), as Keras, too; half_squared_error sum (o - y)^2 / 2; of Janocha and Czarnecki, "On Loss
///   Functions for Deep Neural Networks in Classification" (2017): l1 sum |o - y|, l2 sum (o -
///   y)^2, expectation sum |s - y|, regularized_expectation sum (s - y)^2, chebyshev max |s - y|,
///   margin sum max(0, 1/2 - Y o), squared_margin and cubed_margin (of each term), squared_log sum
///   (y log s)^2, tanimoto -sum s y / (sum s^2 + sum y^2 - sum s y), cauchy_schwarz -log(sum s y /
///   (|s| |y|)).
/// Losses that are written with s read the model's output as probabilities, or with from_logits as
/// logits.
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

/// The type of the targets that a loss wants for predictions of this type.
FOVEA_API ValueType target_type(const Loss& loss, const ValueType& prediction);

FOVEA_API std::vector<std::string> loss_names();

/// The metrics that CompileOptions may name, computed over all samples of an epoch:
///   accuracy: against labels i32 (N,) or one-hot targets; of a single output, whether p > 0.5 (or
///   logit > 0). sparse_categorical_accuracy (labels), categorical_accuracy (one-hot targets),
///   binary_accuracy (each output for itself), top_k_categorical_accuracy and
///   sparse_top_k_categorical_accuracy (k = 5); top_3_accuracy and so on for any k and either kind
///   of targets;
///   mean_squared_error or mse, mean_absolute_error or mae, root_mean_squared_error or rmse;
///   precision, recall and f1: of all answers p > 0.5, where each output of each sample is one;
///   auc: the area under the ROC curve of a single output, from 200 thresholds as Keras;
///   counts are exact up to 2^24 samples of a kind.
FOVEA_API std::vector<std::string> metric_names();

}  // namespace fovea
