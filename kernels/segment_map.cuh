// y[i] = f(x[i], y[i]) for many pairs of tensors, or f(x[i], z[i]) for triples, in one launch.
//
// Mapping: a block takes 1,024 elements of one pair, a thread one vector of four neighbours (or the
// up to three elements behind the last vector).
// Bytes moved per element: 8, or 12 where f reads y or z.
// Preconditions: pointers aligned to 16 bytes. y may be x or z; apart from that, nothing overlaps.
#pragma once

#include "kernels/launch.h"
#include "kernels/numbers.cuh"
#include "kernels/segments.cuh"

namespace fovea::kernels {

/// What `function` reads besides x.
__device__ __forceinline__ const float* second_of(const TensorPair& pair) { return pair.y; }
__device__ __forceinline__ const float* second_of(const TensorTriple& triple) { return triple.z; }

/// Elements [at, at + kCount) of a segment.
template <int kCount, class Tensors, class Function>
__device__ __forceinline__ void map_neighbours(const Tensors& tensors, std::int64_t at,
                                               const Function& function) {
  const Vector<float, kCount> x = load_vector<kCount>(tensors.x + at);
  Vector<float, kCount> y{};
  if constexpr (Function::kReadsSecond) y = load_vector<kCount>(second_of(tensors) + at);
#pragma unroll
  for (int i = 0; i < kCount; ++i) y.at[i] = function(x.at[i], y.at[i]);
  store_vector<kCount>(tensors.y + at, y);
}

/// `function` takes x and the second (0 unless kReadsSecond) and returns y.
template <class Table, class Function>
__global__ void segment_map_kernel(Table table, Function function) {
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

template <class Table, class Function>
cudaError_t map_segments(cudaStream_t stream, const Table& table, const Function& function) {
  constexpr unsigned kThreads = Table::kElementsPerBlock / kVectorSize<float>;
  return launch("segment_map_kernel", stream, {table.blocks, kThreads},
                segment_map_kernel<Table, Function>, table, function);
}

}  // namespace fovea::kernels
