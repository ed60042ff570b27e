// Pooling over (N, H, W, C) pictures. x, y and their gradients are f32, f16 or bf16. Pointers are
// aligned to 32 bytes. A picture has fewer than 2^30 elements, and so has what is made of it.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::kernels {

/// x is (images, input_h, input_w, channels), y is (images, output_h, output_w, channels). The
/// window of output pixel (oh, ow) begins at row oh stride_h - pad_top and at column
/// ow stride_w - pad_left of x, and holds one cell of x at least; cells outside of x do not count.
struct PoolShape {
  std::int64_t images = 0, channels = 0;
  std::int64_t input_h = 0, input_w = 0, output_h = 0, output_w = 0;
  std::int64_t kernel_h = 0, kernel_w = 0, stride_h = 0, stride_w = 0;
  std::int64_t pad_top = 0, pad_left = 0;
};

/// y = the first largest cell of each window (a NaN counts as larger than any number), argmax its
/// index r kernel_w + s: u8 or i32, as `index_dtype` says, and as large as y.
cudaError_t max_pool_forward(cudaStream_t stream, DType dtype, DType index_dtype,
                             const PoolShape& shape, const void* x, void* y, void* argmax);

/// The same with the first smallest cell (a NaN counts as smaller than any number).
cudaError_t min_pool_forward(cudaStream_t stream, DType dtype, DType index_dtype,
                             const PoolShape& shape, const void* x, void* y, void* argmin);

/// dx = the sum of dy over the windows whose argmax, or argmin, is this cell.
cudaError_t max_pool_backward(cudaStream_t stream, DType dtype, DType index_dtype,
                              const PoolShape& shape, const void* dy, const void* argmax, void* dx);

/// y = the mean of each window's cells.
cudaError_t avg_pool_forward(cudaStream_t stream, DType dtype, const PoolShape& shape,
                             const void* x, void* y);

/// dx = the sum of dy / (the window's count of cells) over the windows that hold this cell.
cudaError_t avg_pool_backward(cudaStream_t stream, DType dtype, const PoolShape& shape,
                              const void* dy, void* dx);

/// y[n, c] = the mean of x[n, p, c] over the pixels p. Fewer than 2^20 channels.
cudaError_t global_avg_pool_forward(cudaStream_t stream, DType dtype, const void* x, void* y,
                                    std::int64_t images, std::int64_t pixels,
                                    std::int64_t channels);

/// dx[n, p, c] = dy[n, c] / pixels. Fewer than 2^20 channels and 2^21 pixels.
cudaError_t global_avg_pool_backward(cudaStream_t stream, DType dtype, const void* dy, void* dx,
                                     std::int64_t images, std::int64_t pixels,
                                     std::int64_t channels);

}  // namespace fovea::kernels
