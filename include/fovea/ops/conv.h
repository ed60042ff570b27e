// Convolutions over (N, H, W, C) pictures with (out, kh, kw, C / groups) weights.
#pragma once

#include "fovea/op.h"
#include "fovea/ops/activation.h"

namespace fovea {

/// How a window is laid over a picture's edge.
struct Padding {
  /// valid: none. same: output ceil(in / stride), the odd cell at bottom and right, as Keras.
  enum class Kind { valid, same, explicit_cells };
  Kind kind = Kind::valid;
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;  ///< cells, for explicit_cells
  friend bool operator==(const Padding&, const Padding&) = default;

  static Padding valid() { return {}; }
  static Padding same() { return {Kind::same}; }
  static Padding cells(std::int64_t all) { return {Kind::explicit_cells, all, all, all, all}; }
  static Padding cells(std::int64_t top, std::int64_t bottom, std::int64_t left,
                       std::int64_t right) {
    return {Kind::explicit_cells, top, bottom, left, right};
  }
};

template <>
struct EnumNames<Padding::Kind> {
  static constexpr const char* values[] = {"valid", "same", "explicit"};
};

inline Json to_json(const Padding& p) {
  return Json::Object{{"kind", to_json(p.kind)},
                      {"cells", Json::Array{p.top, p.bottom, p.left, p.right}}};
}
inline void from_json(const Json& json, Padding& p) {
  from_json(json.at("kind"), p.kind);
  const Json& cells = json.at("cells");
  p.top = cells[0].as_int();
  p.bottom = cells[1].as_int();
  p.left = cells[2].as_int();
  p.right = cells[3].as_int();
}

/// A window's size, step and padding over one picture, resolved to numbers.
struct WindowGeometry {
  Size2 input, kernel, stride, dilation, output;
  std::int64_t pad_top = 0, pad_bottom = 0, pad_left = 0, pad_right = 0;
};

/// output = floor((in + pads - (dilation (k - 1) + 1)) / stride) + 1. Throws shape_mismatch when
/// the window does not fit, invalid_argument for sizes < 1 or negative padding.
FOVEA_API WindowGeometry resolve_window(Size2 input, Size2 kernel, Size2 stride, Size2 dilation,
                                        const Padding& padding);

namespace ops {

/// What the three passes of a convolution share.
struct ConvAttributes {
  Size2 stride = 1;
  Padding padding;
  Size2 dilation = 1;
  std::int64_t groups = 1;
  friend bool operator==(const ConvAttributes&, const ConvAttributes&) = default;
  template <class Self, class Visitor>
  static void conv_fields(Self& self, Visitor&& visit) {
    visit("stride", self.stride);
    visit("padding", self.padding);
    visit("dilation", self.dilation);
    visit("groups", self.groups);
  }
  /// The geometry for an input and weights of these shapes.
  FOVEA_API WindowGeometry geometry(Size2 input, Size2 kernel) const;
};

/// y[n,oh,ow,k] = sum x[n, oh s + r d - p, ...] w[k,r,s,c]: cross-correlation, as the field says
/// "convolution". (x (N,H,W,C), w (K,R,S,C/groups)) -> (y (N,OH,OW,K)).
struct FOVEA_API Conv2d : OpBase<Conv2d>, ConvAttributes {
  static constexpr std::string_view kName = "conv2d";
  Conv2d() = default;
  explicit Conv2d(const ConvAttributes& attributes) : ConvAttributes(attributes) {}
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    conv_fields(self, visit);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// Gradient with respect to the input. (dy (N,OH,OW,K), w) -> (dx (N, input_size, C)).
struct FOVEA_API Conv2dBackwardData : OpBase<Conv2dBackwardData>, ConvAttributes {
  static constexpr std::string_view kName = "conv2d_backward_data";
  Size2 input_size;
  Conv2dBackwardData() = default;
  Conv2dBackwardData(const ConvAttributes& attributes, Size2 input)
      : ConvAttributes(attributes), input_size(input) {}
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    conv_fields(self, visit);
    visit("input_size", self.input_size);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// Gradient with respect to the weights. (x, dy) -> (dw (K, kernel, C/groups)).
struct FOVEA_API Conv2dBackwardFilter : OpBase<Conv2dBackwardFilter>, ConvAttributes {
  static constexpr std::string_view kName = "conv2d_backward_filter";
  Size2 kernel;
  Conv2dBackwardFilter() = default;
  Conv2dBackwardFilter(const ConvAttributes& attributes, Size2 kernel_size)
      : ConvAttributes(attributes), kernel(kernel_size) {}
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    conv_fields(self, visit);
    visit("kernel", self.kernel);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// Fused: activation(conv(x, w) + b [+ residual]). (x, w, b[, residual]) -> (y). Made by passes
/// after differentiation; expands into its parts where no candidate takes it.
struct FOVEA_API Conv2dBiasAct : OpBase<Conv2dBiasAct>, ConvAttributes {
  static constexpr std::string_view kName = "conv2d_bias_act";
  Activation activation;
  bool residual = false;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    conv_fields(self, visit);
    visit("activation", self.activation);
    visit("residual", self.residual);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::optional<std::vector<Value>> expand(Builder&, std::span<const Value>) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// Fused: a convolution and the batch norm in training behind it (see BatchNorm), whose statistics
/// are summed up as y is written: activation(batch_norm(y) [+ residual]).
/// (x, w, gamma, beta, running_mean, running_var[, residual]) -> (y, normalized, mean, var).
struct FOVEA_API Conv2dBatchNormAct : OpBase<Conv2dBatchNormAct>, ConvAttributes {
  static constexpr std::string_view kName = "conv2d_batch_norm_act";
  double epsilon = 1e-3;
  double momentum = 0.99;
  Activation activation;
  bool residual = false;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    conv_fields(self, visit);
    visit("epsilon", self.epsilon);
    visit("momentum", self.momentum);
    visit("activation", self.activation);
    visit("residual", self.residual);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::optional<std::vector<Value>> expand(Builder&, std::span<const Value>) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// Fused: the gradient of a convolution's input, where that input is relu of a batch norm of x in
/// training, and the gradients of relu and of this batch norm behind it. d is Conv2dBackwardData of
/// dy where gamma (x - mean) / sqrt(var + epsilon) + beta > 0, else 0; the outputs are
/// BatchNormBackward's of d. So relu's output is not read.
/// (dy (N,OH,OW,K), w, x (N,H,W,C), gamma, beta, mean, var) -> (dx, dgamma, dbeta).
struct FOVEA_API Conv2dBackwardDataBatchNormRelu : OpBase<Conv2dBackwardDataBatchNormRelu>,
                                                   ConvAttributes {
  static constexpr std::string_view kName = "conv2d_backward_data_batch_norm_relu";
  double epsilon = 1e-3;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    conv_fields(self, visit);
    visit("epsilon", self.epsilon);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::optional<std::vector<Value>> expand(Builder&, std::span<const Value>) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// Fused: both gradients that read dy. (x, dy) -> (dw, db (K,)).
struct FOVEA_API Conv2dBackwardFilterBias : OpBase<Conv2dBackwardFilterBias>, ConvAttributes {
  static constexpr std::string_view kName = "conv2d_backward_filter_bias";
  Size2 kernel;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    conv_fields(self, visit);
    visit("kernel", self.kernel);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::optional<std::vector<Value>> expand(Builder&, std::span<const Value>) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

}  // namespace ops
}  // namespace fovea
