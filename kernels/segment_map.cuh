// y[i] = f(x[i], y[i]) for many pairs of tensors in one launch.
//
// Mapping: a block takes 1,024 elements of one pair, a thread one vector of four neighbours (or the
// up to three elements behind the last vector).
// Bytes moved per element: 8, or 12 where f reads y.
// Preconditions: pointers aligned to 16 bytes. y may be x; apart from that, pairs do not overlap.
#pragma once

#include "kernels/launch.h"
#include "kernels/numbers.cuh"
#include "kernels/segments.cuh"

namespace fovea::kernels {

/// Elements [at, at + kCount) of a pair.
template <int kCount, class Function>
__device__ __forceinline__ void map_neighbours(const TensorPair& pair, std::int64_t at,
                                               const Function& function) {
  const Vector<float, kCount> x = load_vector<kCount>(pair.x + at);
  Vector<float, kCount> y{};
  if constexpr (Function::kReadsY) y = load_vector<kCount>(pair.y + at);
#pragma unroll
  for (int i = 0; i < kCount; ++i) y.at[i] = function(x.at[i], y.at[i]);
  store_vector<kCount>(pair.y + at, y);
}

/// `function` takes x and y (0 unless kReadsY) and returns y.
template <class Function>
__global__ void segment_map_kernel(PairTable table, Function function) {
  constexpr int kVector = kVectorSize<float>;
  const int segment = segment_of_block(table);
  const std::int64_t count = table.count[segment];
  const unsigned block = blockIdx.x - table.first_block[segment];
  const std::int64_t first = (std::int64_t{block} * blockDim.x + threadIdx.x) * kVector;
  if (first + kVector <= count) {
    map_neighbours<kVector>(table.tensors[segment], first, function);
  } else {
    for (std::int64_t i = first; i < count; ++i) {
      map_neighbours<1>(table.tensors[segment], i, function);
    }
  }
}

template <class Function>
cudaError_t map_segments(cudaStream_t stream, const PairTable& table, const Function& function) {
  constexpr unsigned kThreads = PairTable::kElementsPerBlock / kVectorSize<float>;
  return launch("segment_map_kernel", stream, {table.blocks, kThreads},
                segment_map_kernel<Function>, table, function);
}

}  // namespace fovea::kernels
