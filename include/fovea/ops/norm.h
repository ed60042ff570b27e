// Batch normalization over the last axis. Source: Ioffe, Szegedy 2015. Variances are the biased
// ones (divided by the count), as Keras keeps them. Where x is f16 or bf16, gamma, beta, mean, var
// and their gradients are f32.
#pragma once

#include "fovea/op.h"
#include "fovea/ops/activation.h"

namespace fovea::ops {

/// y = gamma (x - mean) / sqrt(var + epsilon) + beta with the batch's own statistics.
/// (x (..., C), gamma, beta, running_mean, running_var) -> (y, mean (C,), var (C,)).
/// A training step's update phase moves the running statistics (momentum: the share kept); a pass
/// turns the node into BatchNormInference where the model is not training or the layer is frozen.
struct FOVEA_API BatchNorm : OpBase<BatchNorm> {
  static constexpr std::string_view kName = "batch_norm";
  static constexpr double kFlopsPerElement = 6;
  double epsilon = 1e-3;
  double momentum = 0.99;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("epsilon", self.epsilon);
    visit("momentum", self.momentum);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// (dy, x, gamma, mean, var) -> (dx, dgamma, dbeta).
struct FOVEA_API BatchNormBackward : OpBase<BatchNormBackward> {
  static constexpr std::string_view kName = "batch_norm_backward";
  static constexpr double kFlopsPerElement = 8;
  double epsilon = 1e-3;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("epsilon", self.epsilon);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

/// As BatchNorm with given statistics. (x, gamma, beta, mean, var) -> (y).
struct FOVEA_API BatchNormInference : OpBase<BatchNormInference> {
  static constexpr std::string_view kName = "batch_norm_inference";
  static constexpr double kFlopsPerElement = 2;
  double epsilon = 1e-3;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("epsilon", self.epsilon);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// (dy, x, gamma, mean, var) -> (dx, dgamma, dbeta), the statistics being constants.
struct FOVEA_API BatchNormInferenceBackward : OpBase<BatchNormInferenceBackward> {
  static constexpr std::string_view kName = "batch_norm_inference_backward";
  static constexpr double kFlopsPerElement = 6;
  double epsilon = 1e-3;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("epsilon", self.epsilon);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

/// Fused: activation(batch_norm(x) [+ residual]).
/// (x, gamma, beta, running_mean, running_var[, residual]) -> (y, mean, var).
struct FOVEA_API BatchNormAct : OpBase<BatchNormAct> {
  static constexpr std::string_view kName = "batch_norm_act";
  static constexpr double kFlopsPerElement = 7;
  double epsilon = 1e-3;
  double momentum = 0.99;
  Activation activation;
  bool residual = false;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("epsilon", self.epsilon);
    visit("momentum", self.momentum);
    visit("activation", self.activation);
    visit("residual", self.residual);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::optional<std::vector<Value>> expand(Builder&, std::span<const Value>) const override;
};

/// Fused: the activation's backward pass, then batch norm's.
/// (dy, saved, x, gamma, mean, var) -> (d, dx, dgamma, dbeta), where `saved` is the activation's
/// (see ActivateBackward) and d = dy f'(saved), which a residual branch also wants.
struct FOVEA_API BatchNormActBackward : OpBase<BatchNormActBackward> {
  static constexpr std::string_view kName = "batch_norm_act_backward";
  static constexpr double kFlopsPerElement = 9;
  double epsilon = 1e-3;
  Activation activation;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("epsilon", self.epsilon);
    visit("activation", self.activation);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::optional<std::vector<Value>> expand(Builder&, std::span<const Value>) const override;
};

/// Folds a batch norm with given statistics into the convolution before it:
/// w' = w gamma / sqrt(var + epsilon), b' = beta + (b - mean) gamma / sqrt(var + epsilon).
/// (w (K,...), gamma, beta, mean, var[, b]) -> (w', b' (K,)), b and b' of w's type.
struct FOVEA_API FoldBatchNorm : OpBase<FoldBatchNorm> {
  static constexpr std::string_view kName = "fold_batch_norm";
  static constexpr double kFlopsPerElement = 1;
  double epsilon = 1e-3;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("epsilon", self.epsilon);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

}  // namespace fovea::ops
