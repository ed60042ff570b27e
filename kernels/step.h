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

/// sum[i] += value[i] of each pair: x the values, y the sum.
cudaError_t accumulate_gradients(cudaStream_t stream, const PairTable& table,
                                 const std::int32_t* finite);

/// sum[i] = 0 of each pair, whose x and y are both the sum.
cudaError_t clear_gradients(cudaStream_t stream, const PairTable& table,
                            const std::int32_t* finite);

/// y[i] = (x[i] + z[i]) factor of each triple: x the sums, z the values.
cudaError_t average_gradients(cudaStream_t stream, const TripleTable& table, float factor);

/// sum += the sum of `values`, total += count, in f64.
cudaError_t accumulate_metric(cudaStream_t stream, const std::int32_t* finite, double* sum,
                              double* total, DType dtype, const void* values, std::int64_t count);

}  // namespace fovea::kernels
