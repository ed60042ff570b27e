// Activations: elementwise nonlinearities, and softmax over the last axis.
#pragma once

#include "fovea/op.h"

namespace fovea {

/// Which nonlinearity. `alpha` is the slope of leaky_relu and the scale of elu.
struct Activation {
  enum class Kind {
    identity,
    relu,
    leaky_relu,
    elu,
    sigmoid,
    tanh,
    gelu,
    silu,
    step,
    selu,
    softplus,
    hard_swish
  };
  Kind kind = Kind::identity;
  double alpha = 0;
  friend bool operator==(const Activation&, const Activation&) = default;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
    visit("alpha", self.alpha);
  }
};

template <>
struct EnumNames<Activation::Kind> {
  static constexpr const char* values[] = {"identity", "relu", "leaky_relu", "elu",
                                           "sigmoid",  "tanh", "gelu",       "silu",
                                           "step",     "selu", "softplus",   "hard_swish"};
};

inline Json to_json(const Activation& value) {
  return Json::Object{{"kind", to_json(value.kind)}, {"alpha", value.alpha}};
}
inline void from_json(const Json& json, Activation& value) {
  from_json(json.at("kind"), value.kind);
  from_json(json.at("alpha"), value.alpha);
}

namespace ops {

/// y = f(x), elementwise. (x) -> (y).
/// relu max(x, 0); leaky_relu x > 0 ? x : alpha x; elu x > 0 ? x : alpha (e^x - 1);
/// gelu x Phi(x), exact (erf); silu x sigmoid(x); step x > 0 ? 1 : 0; softplus log(1 + e^x);
/// selu 1.0507 elu with alpha 1.67326 (Klambauer et al. 2017); hard_swish x min(max(x + 3, 0), 6) /
/// 6 (Howard et al. 2019).
struct FOVEA_API Activate : OpBase<Activate> {
  static constexpr std::string_view kName = "activate";
  static constexpr double kFlopsPerElement = 1;
  Activation activation;
  Activate() = default;
  explicit Activate(Activation a) : activation(a) {}
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("activation", self.activation);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// dx = dy f'(.). (dy, saved) -> (dx), where saved is y, or x for the kinds whose derivative cannot
/// be had from y (gelu, silu, hard_swish). The gradient of relu at 0 is 0, that of step everywhere.
struct FOVEA_API ActivateBackward : OpBase<ActivateBackward> {
  static constexpr std::string_view kName = "activate_backward";
  static constexpr double kFlopsPerElement = 2;
  Activation activation;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("activation", self.activation);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  /// Whether `saved` is the forward pass's input instead of its output.
  static bool saves_input(Activation::Kind kind);
};

/// selu's constants.
inline constexpr double kSeluAlpha = 1.6732632423543772848170429916717;
inline constexpr double kSeluScale = 1.0507009873554804934193349852946;

/// y = e^(x - max) / sum e^(x - max) over the last axis. (x) -> (y).
struct FOVEA_API Softmax : OpBase<Softmax> {
  static constexpr std::string_view kName = "softmax";
  static constexpr double kFlopsPerElement = 4;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// dx = y (dy - sum(dy y)) over the last axis. (dy, y) -> (dx).
struct FOVEA_API SoftmaxBackward : OpBase<SoftmaxBackward> {
  static constexpr std::string_view kName = "softmax_backward";
  static constexpr double kFlopsPerElement = 4;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

}  // namespace ops
}  // namespace fovea
