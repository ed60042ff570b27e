// Arithmetic on elements. Tensors are f32, f16 or bf16 unless said otherwise, aligned to 16 bytes.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <span>

#include "fovea/dtype.h"

namespace fovea::kernels {

/// y[i] = a[i] + b[i]. y may be a or b.
cudaError_t add(cudaStream_t stream, DType dtype, const void* a, const void* b, void* y,
                std::int64_t count);

/// y[i] = a[i] b[i]. y may be a or b.
cudaError_t multiply(cudaStream_t stream, DType dtype, const void* a, const void* b, void* y,
                     std::int64_t count);

/// y[i] = factor x[i]. y may be x.
cudaError_t scale(cudaStream_t stream, DType dtype, float factor, const void* x, void* y,
                  std::int64_t count);

/// y[i] = factor value[0].
cudaError_t broadcast(cudaStream_t stream, DType dtype, float factor, const void* value, void* y,
                      std::int64_t count);

/// dw[i] = dy[0] (l1 sign(w[i]) + 2 l2 w[i]). dw may be w.
cudaError_t weight_penalty_backward(cudaStream_t stream, DType dtype, float l1, float l2,
                                    const void* dy, const void* w, void* dw, std::int64_t count);

/// y[r, c] = x[r, c] scale[c] + offset[c]. x is u8, f32, f16, bf16 or f64. There are as many
/// offsets as scales: `channels` of each, or one of each for all channels. They are read before
/// this returns.
cudaError_t rescale(cudaStream_t stream, DType x_dtype, DType y_dtype, const void* x, void* y,
                    std::int64_t rows, std::int64_t channels, std::span<const double> scale,
                    std::span<const double> offset);

}  // namespace fovea::kernels
