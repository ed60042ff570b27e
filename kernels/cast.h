// Conversions between element types.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::kernels {

/// y[i] = x[i], rounded to the nearest, ties to even. Each is f32, f16 or bf16, aligned to 16
/// bytes; they share no memory.
cudaError_t cast(cudaStream_t stream, DType from, const void* x, DType to, void* y,
                 std::int64_t count);

}  // namespace fovea::kernels
