// A training step's counters, running averages and metrics. Scalars lie on the device; all but
// advance_step change nothing where *finite is 0. Formulas: fovea/ops/update.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "fovea/dtype.h"
#include "kernels/segments.h"

namespace fovea::kernels {

/// attempted += 1; rate = table[applied - table_start], clamped to the table's `rows`.
cudaError_t advance_step(cudaStream_t stream, std::int64_t* attempted, const std::int64_t* applied,
                         const float* table, std::int64_t rows, const std::int64_t* table_start,
                         float* rate);

/// go = finite while held_at is 0, else 0; where held_at is 0 and finite is not 1, held_at =
/// attempted.
cudaError_t hold_step(cudaStream_t stream, std::int64_t* held_at, const std::int64_t* attempted,
                      const std::int32_t* finite, std::int32_t* go);

/// applied += finite.
cudaError_t commit_step(cudaStream_t stream, std::int64_t* applied, const std::int32_t* finite);

/// average[i] = kept average[i] + moved value[i] of each pair: x the values, y the average. Where
/// `count` is not null and *count is 0, average[i] = value[i].
cudaError_t update_averages(cudaStream_t stream, const PairTable& table, float kept, float moved,
                            const std::int32_t* finite, const std::int64_t* count);

/// sum[i] += value[i].
cudaError_t accumulate_gradient(cudaStream_t stream, const std::int32_t* finite, float* sum,
                                const float* value, std::int64_t count);

/// sum[i] = 0.
cudaError_t clear_gradient(cudaStream_t stream, const std::int32_t* finite, float* sum,
                           std::int64_t count);

/// sum += the sum of `values`, total += count, in f64.
cudaError_t accumulate_metric(cudaStream_t stream, const std::int32_t* finite, double* sum,
                              double* total, DType dtype, const void* values, std::int64_t count);

}  // namespace fovea::kernels
