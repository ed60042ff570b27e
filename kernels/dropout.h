// Random masks.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::kernels {

/// y[i] = x[i] / (1 - rate) where uniform01(word i % 4 of philox4x32(mix_key(seed, random_stream),
/// step, i / 4)) >= rate, else 0 x[i]. `seed` and `step` are single numbers in device memory. x and
/// y are f32, f16 or bf16, aligned to 16 bytes; y may be x.
cudaError_t dropout(cudaStream_t stream, DType dtype, double rate, std::uint64_t random_stream,
                    const void* x, const std::int64_t* seed, const std::int64_t* step, void* y,
                    std::int64_t count);

}  // namespace fovea::kernels
