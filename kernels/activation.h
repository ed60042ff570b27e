// Activations. x, y and their gradients are f32, f16 or bf16, aligned to 16 bytes.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::kernels {

enum class ActivationKind {
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

/// What y = f(x) is: `alpha` is the slope of leaky_relu and the scale of elu.
struct ActivationFunction {
  ActivationKind kind = ActivationKind::identity;
  float alpha = 0;
};

/// y[i] = f(x[i]) for i < count. y may be x.
cudaError_t activation_forward(cudaStream_t stream, ActivationFunction function, DType dtype,
                               const void* x, void* y, std::int64_t count);

/// dx[i] = dy[i] f'(i), where f' is had from saved = y or, for gelu, silu and hard_swish,
/// from saved = x.
/// dx may be dy or saved.
cudaError_t activation_backward(cudaStream_t stream, ActivationFunction function, DType dtype,
                                const void* dy, const void* saved, void* dx, std::int64_t count);

/// y[r, c] = e^(x[r, c] - max) / sum over the row. y may be x.
cudaError_t softmax_forward(cudaStream_t stream, DType dtype, const void* x, void* y,
                            std::int64_t rows, std::int64_t columns);

/// dx[r, c] = y (dy - sum over the row of dy y). dx may be dy or y.
cudaError_t softmax_backward(cudaStream_t stream, DType dtype, const void* dy, const void* y,
                             void* dx, std::int64_t rows, std::int64_t columns);

}  // namespace fovea::kernels
