// Reductions of a tensor to one number. x is f32, f16 or bf16, aligned to 16 bytes; the number has
// x's type.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::kernels {

/// The scratch memory that both functions need, aligned to 4 bytes.
std::int64_t reduction_workspace_bytes(std::int64_t count);

/// y[0] = the sum of x / count; count > 0.
cudaError_t mean(cudaStream_t stream, DType dtype, const void* x, void* y, std::int64_t count,
                 void* workspace);

/// penalty[0] = l1 sum |w| + l2 sum w^2.
cudaError_t weight_penalty(cudaStream_t stream, DType dtype, float l1, float l2, const void* w,
                           void* penalty, std::int64_t count, void* workspace);

}  // namespace fovea::kernels
