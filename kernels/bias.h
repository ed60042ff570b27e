// Biases: one number per column, added to every row. x, y and b are f32, f16 or bf16, aligned to 16
// bytes; there are fewer than 2^20 columns.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::kernels {

/// y[r, c] = x[r, c] + b[c]. y may be x.
cudaError_t add_bias(cudaStream_t stream, DType dtype, const void* x, const void* b, void* y,
                     std::int64_t rows, std::int64_t columns);

/// db[c] = sum over r of dy[r, c], in f32. `workspace` has bias_grad_workspace_bytes and is aligned
/// to 16 bytes.
cudaError_t bias_grad(cudaStream_t stream, DType dtype, const void* dy, void* db, std::int64_t rows,
                      std::int64_t columns, void* workspace);
std::int64_t bias_grad_workspace_bytes(std::int64_t rows, std::int64_t columns);

}  // namespace fovea::kernels
