// Reductions of a tensor to one number by CUB, the rival of kernels/reduction.h. CUB's order of
// additions depends on the size and the GPU alone, so results are the same bits every time.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::cuda {

/// y[0] = the sum of x / count, of type f32, f16 or bf16, summed in f32; 0 < count < 2^31. Without
/// `workspace`: only sets workspace_bytes to what it needs.
cudaError_t cub_mean(void* workspace, std::size_t& workspace_bytes, cudaStream_t stream,
                     DType dtype, const void* x, void* y, std::int64_t count);

/// penalty[0] = l1 sum |w| + l2 sum w^2; likewise.
cudaError_t cub_weight_penalty(void* workspace, std::size_t& workspace_bytes, cudaStream_t stream,
                               DType dtype, float l1, float l2, const void* w, void* penalty,
                               std::int64_t count);

}  // namespace fovea::cuda
