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

/// log(1 + e^x), without overflow for any x; NaN stays NaN.
__device__ __forceinline__ float softplus(float x) {
  return (x < 0 ? 0.0f : x) + log1pf(expf(-fabsf(x)));
}

constexpr float kSeluAlpha = 1.67326324f;
constexpr float kSeluScale = 1.05070099f;

/// f, one type per kind, so that kernels choose it when they are compiled. `forward` maps x to y;
/// `derivative` takes what the backward pass has: y, or x for gelu, silu and hard_swish.
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
    if constexpr (kKind == ActivationKind::step) return x > 0 ? 1.0f : x <= 0 ? 0.0f : x;
    if constexpr (kKind == ActivationKind::selu) {
      return kSeluScale * (x < 0 ? kSeluAlpha * expm1f(x) : x);
    }
    if constexpr (kKind == ActivationKind::softplus) return softplus(x);
    if constexpr (kKind == ActivationKind::hard_swish) {
      return x <= -3 ? 0.0f : x >= 3 ? x : x * (x + 3.0f) * (1.0f / 6);
    }
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
    if constexpr (kKind == ActivationKind::step) return 0.0f;
    if constexpr (kKind == ActivationKind::selu) {
      return saved > 0 ? kSeluScale : saved + kSeluScale * kSeluAlpha;
    }
    if constexpr (kKind == ActivationKind::softplus) return -expm1f(-saved);
    if constexpr (kKind == ActivationKind::hard_swish) {
      return saved <= -3 ? 0.0f : saved >= 3 ? 1.0f : (2.0f * saved + 3.0f) * (1.0f / 6);
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
    case Kind::step:
      return body(ActivationOf<Kind::step>{function.alpha});
    case Kind::selu:
      return body(ActivationOf<Kind::selu>{function.alpha});
    case Kind::softplus:
      return body(ActivationOf<Kind::softplus>{function.alpha});
    case Kind::hard_swish:
      return body(ActivationOf<Kind::hard_swish>{function.alpha});
  }
  return cudaErrorInvalidValue;
}

}  // namespace fovea::kernels
