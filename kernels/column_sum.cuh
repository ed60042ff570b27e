// y[g, c] = factor * sum of x[r, c] over the rows r of group g: means over pictures, gradients of
// biases. Group g is rows [g R, (g + 1) R), the last one perhaps shorter.
//
// Mapping: blockIdx.x is the group, blockIdx.y the block along the columns; see columns.cuh. Each
// thread sums its rows in f32, then the lanes of a warp with the same columns are combined by
// shuffles, and the warps in shared memory: an order that sizes alone decide.
// Bytes moved: rows columns sizeof(X) + groups columns sizeof(Y).
// Preconditions: x and y are aligned to 16 bytes and distinct; columns < 2^20.
#pragma once

#include "kernels/columns.cuh"

namespace fovea::kernels {

inline constexpr unsigned kColumnSumThreads = 512;

/// A sum per warp and column of the block.
template <int kCount>
struct ColumnSums {
  float at[kColumnSumThreads / kWarpSize][kWarpSize * kCount];
};

template <int kCount, class X, class Y>
__global__ void column_sum_kernel(const X* x, Y* y, std::int64_t rows, std::int64_t rows_per_group,
                                  std::int64_t columns, float factor) {
  auto& sums = shared_memory<ColumnSums<kCount>>().at;
  const std::int64_t column = column_of_thread<kCount>();
  const std::int64_t first = blockIdx.x * rows_per_group;
  const std::int64_t last = std::min(first + rows_per_group, rows);
  float sum[kCount] = {};
  if (column < columns) {
#pragma unroll 4
    for (std::int64_t row = first + threadIdx.y; row < last; row += blockDim.y) {
      const Vector<X, kCount> in = load_vector<kCount>(x + row * columns + column);
#pragma unroll
      for (int i = 0; i < kCount; ++i) sum[i] += to_float(in.at[i]);
    }
  }
  for (unsigned lanes = kWarpSize / 2; lanes >= blockDim.x; lanes /= 2) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      sum[i] += __shfl_xor_sync(kAllLanes, sum[i], static_cast<int>(lanes));
    }
  }
  const unsigned thread = threadIdx.y * blockDim.x + threadIdx.x;
  if (thread % kWarpSize < blockDim.x) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) sums[thread / kWarpSize][threadIdx.x * kCount + i] = sum[i];
  }
  __syncthreads();
  const unsigned threads = blockDim.x * blockDim.y;
  for (unsigned c = thread; c < blockDim.x * kCount; c += threads) {
    const std::int64_t column_out = std::int64_t{blockIdx.y} * blockDim.x * kCount + c;
    float total = 0;
    for (unsigned warp = 0; warp < threads / kWarpSize; ++warp) total += sums[warp][c];
    if (column_out < columns) y[blockIdx.x * columns + column_out] = from_float<Y>(total * factor);
  }
}

template <class X, class Y>
cudaError_t column_sum(cudaStream_t stream, const X* x, Y* y, std::int64_t groups,
                       std::int64_t rows, std::int64_t rows_per_group, std::int64_t columns,
                       float factor) {
  return with_column_vectors<X>(columns, [&](auto count) {
    constexpr int kCount = count;
    const std::int64_t vectors = columns / kCount;
    const dim3 threads = column_block(vectors, rows_per_group, kColumnSumThreads);
    const dim3 blocks{blocks_for(groups, 1), blocks_for(vectors, threads.x)};
    return launch("column_sum_kernel", stream, {blocks, threads}, column_sum_kernel<kCount, X, Y>,
                  x, y, rows, rows_per_group, columns, factor);
  });
}

}  // namespace fovea::kernels
