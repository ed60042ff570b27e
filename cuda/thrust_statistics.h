// Counts, moments and ranks of whole data sets by Thrust. Between epochs only: these functions wait
// for the stream, and Thrust allocates scratch memory of its own, so they cannot be captured.
// Results are the same bits every time; whole numbers are the CPU's. Formulas:
// fovea/ops/statistics.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::cuda {

/// counts[c] of `first` alone where `second` is null, else of pairs, (classes, classes). `keys` is
/// memory for `samples` numbers. Precondition: counts has fewer than 2^31 elements.
cudaError_t thrust_count_labels(cudaStream_t stream, const std::int32_t* first,
                                const std::int32_t* second, std::int64_t samples,
                                std::int64_t classes, std::int32_t* keys, std::int64_t* counts);

/// x is (cells, channels): of u8 with sums in i64, of f32 with sums in f64.
cudaError_t thrust_channel_moments(cudaStream_t stream, DType dtype, const void* x,
                                   std::int64_t cells, std::int64_t channels, void* sums,
                                   void* squares);

/// scores are f32 or f64, and so is `ones`, memory for as many.
cudaError_t thrust_ranked_pairs(cudaStream_t stream, DType dtype, const std::int32_t* labels,
                                const void* scores, std::int64_t samples, void* ones,
                                std::int64_t* twice, std::int64_t* ones_count);

}  // namespace fovea::cuda
