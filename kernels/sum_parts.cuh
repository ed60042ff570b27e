// out[r, c] = f(sum over p of parts[p, r, c] + bias[c] + residual[r, c]): the second pass of sums
// that several blocks share, and their epilogue.
//
// Mapping: threadIdx.x runs along the elements. Where these alone would leave a GPU idle, the
// threads along y share an element's parts: each sums every blockDim.y-th of them, and the first
// adds up these sums. The order of additions depends on the sizes alone.
// Bytes moved: count (4 parts + sizeof(T)), and the residual's.
#pragma once

#include "kernels/epilogue.cuh"
#include "kernels/launch.h"
#include "kernels/shared_memory.cuh"

namespace fovea::kernels {

inline constexpr int kSumPartsThreads = 256;

struct SumsOfParts {
  float at[kSumPartsThreads];
};

template <class T>
__global__ void sum_parts_kernel(const float* parts, std::int64_t part_count, std::int64_t count,
                                 std::int64_t columns, EpilogueOf<T> epilogue, T* out) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  float sum = 0;
  if (i < count) {
#pragma unroll 8
    for (std::int64_t part = threadIdx.y; part < part_count; part += blockDim.y) {
      sum += parts[part * count + i];
    }
  }
  if (blockDim.y > 1) {
    auto& sums = shared_memory<SumsOfParts>().at;
    sums[threadIdx.y * blockDim.x + threadIdx.x] = sum;
    __syncthreads();
    for (unsigned y = 1; y < blockDim.y; ++y) sum += sums[y * blockDim.x + threadIdx.x];
  }
  if (threadIdx.y > 0 || i >= count) return;
  out[i] = from_float<T>(epilogue(sum, epilogue.bias != nullptr ? i % columns : 0, i));
}

/// The block for these sizes: 256 threads, up to 8 of them for an element.
inline dim3 sum_parts_block(std::int64_t part_count, std::int64_t count) {
  constexpr unsigned kMostY = 8;
  constexpr std::int64_t kLeastParts = 4;  // of a thread
  const std::int64_t enough_threads = 1024 * many_blocks;
  unsigned y = 1;
  while (y < kMostY && 2 * y * kLeastParts <= part_count && count * y < enough_threads) y *= 2;
  return {kSumPartsThreads / y, y};
}

template <class T>
cudaError_t sum_parts(cudaStream_t stream, const float* parts, std::int64_t part_count,
                      std::int64_t count, T* out, std::int64_t columns = 1,
                      const Epilogue& epilogue = {}) {
  const dim3 threads = sum_parts_block(part_count, count);
  return launch("sum_parts_kernel", stream, {{blocks_for(count, threads.x)}, threads},
                sum_parts_kernel<T>, parts, part_count, count, columns, epilogue_of<T>(epilogue),
                out);
}

}  // namespace fovea::kernels
