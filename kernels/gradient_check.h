// The sum of squares of all gradients, whether they and the loss are finite, and the scales that
// bring gradients down to a norm. Sums are in f64, where squares of f32 numbers never overflow, and
// their order depends on the sizes alone.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "fovea/dtype.h"
#include "kernels/segments.h"

namespace fovea::kernels {

/// Gradients in f32, aligned to 16 bytes.
using GradientTable = SegmentTable<const float*, 4096>;

/// partial[b] = the sum of squares of block b's elements, b < table.blocks.
cudaError_t sum_squares(cudaStream_t stream, const GradientTable& table, double* partial);

/// sum = all partial sums; finite = 1 where sum and the loss (f32, f16 or bf16) are finite, else 0.
cudaError_t gradient_check(cudaStream_t stream, const double* partial, std::int64_t partials,
                           DType loss_dtype, const void* loss, double* sum, std::int32_t* finite);

/// scales[s] = limit / max(norm of segment s, limit), from what sum_squares made of this table.
cudaError_t clip_scales(cudaStream_t stream, const GradientTable& table, const double* partial,
                        float limit, float* scales);

}  // namespace fovea::kernels
