// The nonlinearities and their derivatives, for the kernels that apply them: alone, or fused behind
// a sum. A NaN passes through each, so that it is found where it arose.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels/activation.h"
#include "kernels/numbers.cuh"

namespace fovea::kernels {

/// 1 / (1 + e^-x), without overflow for any x.
__device__ __forceinline__ float sigmoid(float x) {
  const float small = expf(-fabsf(x));
  return (x < 0 ? small : 1.0f) / (1.0f + small);
}

/// The standard normal distribution function; erfc keeps its digits far to the left.
__device__ __forceinline__ float normal_cdf(float x) {
  constexpr float kInverseSqrt2 = 0.70710678f;
  return 0.5f * erfcf(-x * kInverseSqrt2);
}

__device__ __forceinline__ float normal_density(float x) {
  constexpr float kInverseSqrt2Pi = 0.39894228f;
  return expf(-0.5f * x * x) * kInverseSqrt2Pi;
}

/// f, one type per kind, so that kernels choose it when they are compiled. `forward` maps x to y;
/// `derivative` takes what the backward pass has: y, or x for gelu and silu.
template <ActivationKind kKind>
struct ActivationOf {
  float alpha;

  __device__ float forward(float x) const {
    if constexpr (kKind == ActivationKind::relu) return x < 0 ? 0.0f : x;
    if constexpr (kKind == ActivationKind::leaky_relu) return x < 0 ? alpha * x : x;
    if constexpr (kKind == ActivationKind::elu) return x < 0 ? alpha * expm1f(x) : x;
    if constexpr (kKind == ActivationKind::sigmoid) return sigmoid(x);
    if constexpr (kKind == ActivationKind::tanh) return tanhf(x);
    if constexpr (kKind == ActivationKind::gelu) return x * normal_cdf(x);
    if constexpr (kKind == ActivationKind::silu) return x * sigmoid(x);
    return x;
  }

  __device__ float derivative(float saved) const {
    if constexpr (kKind == ActivationKind::relu) return saved > 0 ? 1.0f : 0.0f;
    if constexpr (kKind == ActivationKind::leaky_relu) return saved > 0 ? 1.0f : alpha;
    if constexpr (kKind == ActivationKind::elu) return saved > 0 ? 1.0f : saved + alpha;
    if constexpr (kKind == ActivationKind::sigmoid) return saved * (1.0f - saved);
    if constexpr (kKind == ActivationKind::tanh) return 1.0f - saved * saved;
    if constexpr (kKind == ActivationKind::gelu) {
      return normal_cdf(saved) + saved * normal_density(saved);
    }
    if constexpr (kKind == ActivationKind::silu) {
      const float s = sigmoid(saved);
      return s * (1.0f + saved * (1.0f - s));
    }
    return 1.0f;
  }
};

/// Calls body(ActivationOf<kind>) for the kind asked for at run time.
template <class Body>
cudaError_t with_activation(ActivationFunction function, const Body& body) {
  using Kind = ActivationKind;
  switch (function.kind) {
    case Kind::identity:
      return body(ActivationOf<Kind::identity>{function.alpha});
    case Kind::relu:
      return body(ActivationOf<Kind::relu>{function.alpha});
    case Kind::leaky_relu:
      return body(ActivationOf<Kind::leaky_relu>{function.alpha});
    case Kind::elu:
      return body(ActivationOf<Kind::elu>{function.alpha});
    case Kind::sigmoid:
      return body(ActivationOf<Kind::sigmoid>{function.alpha});
    case Kind::tanh:
      return body(ActivationOf<Kind::tanh>{function.alpha});
    case Kind::gelu:
      return body(ActivationOf<Kind::gelu>{function.alpha});
    case Kind::silu:
      return body(ActivationOf<Kind::silu>{function.alpha});
  }
  return cudaErrorInvalidValue;
}

}  // namespace fovea::kernels
