// out[r, c] = f(sum over p of parts[p, r, c] + bias[c] + residual[r, c]): the second pass of sums
// that several blocks share, and their epilogue.
//
// Mapping: a thread sums one element's parts, in their order.
// Bytes moved: count (4 parts + sizeof(T)), and the residual's.
#pragma once

#include "kernels/epilogue.cuh"
#include "kernels/launch.h"

namespace fovea::kernels {

template <class T>
__global__ void sum_parts_kernel(const float* parts, std::int64_t part_count, std::int64_t count,
                                 std::int64_t columns, EpilogueOf<T> epilogue, T* out) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= count) return;
  float sum = 0;
#pragma unroll 8
  for (std::int64_t part = 0; part < part_count; ++part) sum += parts[part * count + i];
  out[i] = from_float<T>(epilogue(sum, epilogue.bias != nullptr ? i % columns : 0, i));
}

template <class T>
cudaError_t sum_parts(cudaStream_t stream, const float* parts, std::int64_t part_count,
                      std::int64_t count, T* out, std::int64_t columns = 1,
                      const Epilogue& epilogue = {}) {
  constexpr int kThreads = 128;
  return launch("sum_parts_kernel", stream, {blocks_for(count, kThreads), kThreads},
                sum_parts_kernel<T>, parts, part_count, count, columns, epilogue_of<T>(epilogue),
                out);
}

}  // namespace fovea::kernels
