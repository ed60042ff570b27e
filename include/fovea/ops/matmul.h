// Matrix products and biases.
#pragma once

#include "fovea/op.h"
#include "fovea/ops/activation.h"

namespace fovea::ops {

/// C = op(A) op(B), rank 2. (a, b) -> (c).
struct FOVEA_API MatMul : OpBase<MatMul> {
  static constexpr std::string_view kName = "matmul";
  bool transpose_a = false;
  bool transpose_b = false;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("transpose_a", self.transpose_a);
    visit("transpose_b", self.transpose_b);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// y = x + b along the last axis. (x (..., C), b (C,)) -> (y).
struct FOVEA_API AddBias : OpBase<AddBias> {
  static constexpr std::string_view kName = "add_bias";
  static constexpr double kFlopsPerElement = 1;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// db = sum of dy over all axes but the last. (dy) -> (db (C,)).
struct FOVEA_API BiasGrad : OpBase<BiasGrad> {
  static constexpr std::string_view kName = "bias_grad";
  static constexpr double kFlopsPerElement = 1;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

/// Fused: activation(x w + b). (x (N,in), w (in,out), b (out,)) -> (y).
struct FOVEA_API MatMulBiasAct : OpBase<MatMulBiasAct> {
  static constexpr std::string_view kName = "matmul_bias_act";
  Activation activation;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("activation", self.activation);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::optional<std::vector<Value>> expand(Builder&, std::span<const Value>) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// Fused: what a dense layer's weights and bias get of its output's gradient, dw = x^T dy and db =
/// the sum of dy's rows. (x (N,in), dy (N,out)) -> (dw (in,out), db (out,)).
struct FOVEA_API MatMulBackwardWeightBias : OpBase<MatMulBackwardWeightBias> {
  static constexpr std::string_view kName = "matmul_backward_weight_bias";
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::optional<std::vector<Value>> expand(Builder&, std::span<const Value>) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

}  // namespace fovea::ops
