// What the bindings share.
#include "cuda/bind.h"

namespace fovea::cuda {

std::string declines_by_type(const LowerRequest& request) {
  for (const auto& types : {request.inputs, request.outputs}) {
    for (const ValueType& type : types) {
      if (!is_floating(type.dtype)) continue;
      if (type.dtype != DType::f64) return {};
      return "CUDA kernels compute in f32, f16 and bf16; use the CPU for f64";
    }
  }
  return {};
}

kernels::ActivationFunction function_of(const Activation& activation) {
  using Kind = Activation::Kind;
  using kernels::ActivationKind;
  const auto alpha = static_cast<float>(activation.alpha);
  switch (activation.kind) {
    case Kind::identity:
      return {ActivationKind::identity, alpha};
    case Kind::relu:
      return {ActivationKind::relu, alpha};
    case Kind::leaky_relu:
      return {ActivationKind::leaky_relu, alpha};
    case Kind::elu:
      return {ActivationKind::elu, alpha};
    case Kind::sigmoid:
      return {ActivationKind::sigmoid, alpha};
    case Kind::tanh:
      return {ActivationKind::tanh, alpha};
    case Kind::gelu:
      return {ActivationKind::gelu, alpha};
    case Kind::silu:
      return {ActivationKind::silu, alpha};
    case Kind::step:
      return {ActivationKind::step, alpha};
    case Kind::selu:
      return {ActivationKind::selu, alpha};
    case Kind::softplus:
      return {ActivationKind::softplus, alpha};
    case Kind::hard_swish:
      return {ActivationKind::hard_swish, alpha};
  }
  return {};
}

}  // namespace fovea::cuda
