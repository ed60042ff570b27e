// Losses and metrics. Each gives one number per sample, (N,); Mean makes the batch's number.
#pragma once

#include "fovea/op.h"

namespace fovea::ops {

/// Softmax and cross-entropy in one, stable for any logits.
/// (logits (N,C), labels i32 (N,) or floating (N,C)) -> (losses (N,), probabilities (N,C)).
/// Label smoothing s replaces the target t by t (1 - s) + s / C. Labels outside [0, C) give NaN
/// losses (data sets are checked before they get here).
struct FOVEA_API SoftmaxCrossEntropy : OpBase<SoftmaxCrossEntropy> {
  static constexpr std::string_view kName = "softmax_cross_entropy";
  static constexpr double kFlopsPerElement = 5;
  double label_smoothing = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("label_smoothing", self.label_smoothing);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// dlogits = dlosses[n] (p sum(t) - t). (dlosses (N,), probabilities, labels) -> (dlogits).
struct FOVEA_API SoftmaxCrossEntropyBackward : OpBase<SoftmaxCrossEntropyBackward> {
  static constexpr std::string_view kName = "softmax_cross_entropy_backward";
  static constexpr double kFlopsPerElement = 2;
  double label_smoothing = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("label_smoothing", self.label_smoothing);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

/// A loss of one prediction against one target of the same shape, averaged over each sample:
/// squared (p - t)^2; absolute |p - t|; huber (delta: quadratic inside, linear outside);
/// sigmoid_cross_entropy: binary cross-entropy of logits, max(p,0) - p t + log(1 + e^-|p|);
/// binary_cross_entropy: of probabilities clipped to [1e-7, 1 - 1e-7];
/// cross_entropy: -sum t log p over the last axis, of probabilities normalized to sum 1 and clipped
/// likewise, as Keras (averaged over any axes between);
/// hinge max(0, m - y p), its square and its cube, where y is 1 for t > 0, else -1, and m is delta;
/// squared_log (t log q)^2 with q = p clipped likewise; kl_divergence t log(u / q) with u and q = t
/// and p clipped to [1e-7, 1]; log_cosh log(cosh(p - t)); poisson p - t log(p + 1e-7).
/// (p (N,...), t (N,...)) -> (losses (N,)).
struct FOVEA_API PointwiseLoss : OpBase<PointwiseLoss> {
  static constexpr std::string_view kName = "pointwise_loss";
  static constexpr double kFlopsPerElement = 3;
  enum class Kind {
    squared,
    absolute,
    huber,
    sigmoid_cross_entropy,
    binary_cross_entropy,
    cross_entropy,
    hinge,
    squared_hinge,
    cubed_hinge,
    squared_log,
    kl_divergence,
    log_cosh,
    poisson
  };
  Kind kind = Kind::squared;
  double delta = 1;            ///< huber's; the hinges' margin
  double label_smoothing = 0;  ///< of the three cross-entropies (binary: t (1 - s) + s / 2)
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
    visit("delta", self.delta);
    visit("label_smoothing", self.label_smoothing);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// (dlosses (N,), p, t) -> (dp).
struct FOVEA_API PointwiseLossBackward : OpBase<PointwiseLossBackward> {
  static constexpr std::string_view kName = "pointwise_loss_backward";
  static constexpr double kFlopsPerElement = 2;
  PointwiseLoss::Kind kind = PointwiseLoss::Kind::squared;
  double delta = 1;
  double label_smoothing = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
    visit("delta", self.delta);
    visit("label_smoothing", self.label_smoothing);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

/// A loss of a whole row of predictions p against targets t: chebyshev max |p - t|;
/// tanimoto -a / (b + c - a), cauchy_schwarz -log(a / sqrt(b c)) and cosine_similarity
/// -a / sqrt(b c), as Keras with b and c at least 1e-12, where a = sum p t, b = sum p^2,
/// c = sum t^2; categorical_hinge max(0, 1 + max (1 - t) p - a). (p (N,C), t (N,C)) -> (losses
/// (N,)). Of equal maxima the first one gets the gradient. Source of the first three: Janocha,
/// Czarnecki, "On Loss Functions for Deep Neural Networks in Classification" (2017).
struct FOVEA_API RowLoss : OpBase<RowLoss> {
  static constexpr std::string_view kName = "row_loss";
  enum class Kind { chebyshev, tanimoto, cauchy_schwarz, cosine_similarity, categorical_hinge };
  Kind kind = Kind::chebyshev;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// (dlosses (N,), p, t) -> (dp).
struct FOVEA_API RowLossBackward : OpBase<RowLossBackward> {
  static constexpr std::string_view kName = "row_loss_backward";
  RowLoss::Kind kind = RowLoss::Kind::chebyshev;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// Sparse labels as one-hot rows. (labels i32 (N,)) -> (floating (N, classes)).
struct FOVEA_API OneHot : OpBase<OneHot> {
  static constexpr std::string_view kName = "one_hot";
  std::int64_t classes = 2;
  DType dtype = DType::f32;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("classes", self.classes);
    visit("dtype", self.dtype);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

/// 1 where the prediction is right, else 0: (predictions (N,C), labels i32 (N,) or floating (N,C))
/// compares arg-maxes (first of ties); with C = 1 or labels of the predictions' shape and `binary`,
/// compares p > threshold with t > 0.5, averaged over the sample. With top_k, the right class's
/// prediction need only be among the k largest: fewer than k are larger. -> (matches (N,),
/// floating).
struct FOVEA_API Accuracy : OpBase<Accuracy> {
  static constexpr std::string_view kName = "accuracy";
  bool binary = false;
  double threshold = 0.5;
  std::int64_t top_k = 0;  ///< 0: the arg-maxes are compared
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("binary", self.binary);
    visit("threshold", self.threshold);
    visit("top_k", self.top_k);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

/// Sums of those values whose score s in [0, 1] lies above a threshold, for evenly spaced ones:
/// sums[k] of the values with s (thresholds - 1) > k, but sums[0] of all. What a ROC curve is made
/// of. (scores (N,), values (N,)) -> (sums (thresholds,)).
struct FOVEA_API SumAbove : OpBase<SumAbove> {
  static constexpr std::string_view kName = "sum_above";
  std::int64_t thresholds = 200;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("thresholds", self.thresholds);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

}  // namespace fovea::ops

namespace fovea {
template <>
struct EnumNames<ops::PointwiseLoss::Kind> {
  static constexpr const char* values[] = {
      "squared",       "absolute", "huber",         "sigmoid_cross_entropy", "binary_cross_entropy",
      "cross_entropy", "hinge",    "squared_hinge", "cubed_hinge",           "squared_log",
      "kl_divergence", "log_cosh", "poisson"};
};
template <>
struct EnumNames<ops::RowLoss::Kind> {
  static constexpr const char* values[] = {"chebyshev", "tanimoto", "cauchy_schwarz",
                                           "cosine_similarity", "categorical_hinge"};
};
}  // namespace fovea
