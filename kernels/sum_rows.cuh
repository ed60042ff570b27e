// sums[r] = the sum over row r of f(x0[r, c], x1[r, c], ...) / divisor: means, penalties, and
// losses of samples. A tensor is summed as one row.
//
// Mapping: blockIdx.x is the row. Long rows are shared by several blocks, gridDim.y of them, whose
// partial sums a second launch adds up. A thread adds vectors of neighbours, as many elements as
// make 16 bytes of the widest x, and each place of the vector by itself: short chains of
// additions, so f32 keeps its digits. The order of additions depends on the shape alone.
// Bytes moved: rows columns times the element sizes of all x.
#pragma once

#include <algorithm>

#include "kernels/launch.h"
#include "kernels/numbers.cuh"
#include "kernels/reduce.cuh"

namespace fovea::kernels {

/// How rows are dealt out to blocks.
struct RowShares {
  std::int64_t rows;
  unsigned shares;   ///< blocks per row
  unsigned threads;  ///< per block

  RowShares(std::int64_t row_count, std::int64_t columns) : rows(row_count) {
    constexpr std::int64_t kLeastElements = 4096;  // what makes a block worth its launch
    constexpr std::int64_t kEnoughBlocks = 4096;   // some waves of blocks on any GPU
    constexpr std::int64_t kShortRow = 512;
    const std::int64_t wanted = kEnoughBlocks / std::max<std::int64_t>(rows, 1);
    const std::int64_t useful = (columns + kLeastElements - 1) / kLeastElements;
    shares = static_cast<unsigned>(std::max<std::int64_t>(1, std::min(wanted, useful)));
    threads = columns <= kShortRow ? kWarpSize : 256;
  }

  LaunchShape shape() const { return {dim3(static_cast<unsigned>(rows), shares), threads}; }
  /// What partial sums take; none where a row has one block.
  std::int64_t partial_bytes() const {
    return shares > 1 ? rows * shares * static_cast<std::int64_t>(sizeof(float)) : 0;
  }
};

/// Writes the sum over the block as its row's sum or, where the row has more blocks, as one of its
/// partial sums. All threads of the block take part.
template <class Y>
__device__ __forceinline__ void write_row_sum(float sum, float divisor, Y* sums, float* partial) {
  sum = block_reduce(sum, Sum{});
  if (threadIdx.x != 0) return;
  if (gridDim.y == 1) {
    sums[blockIdx.x] = from_float<Y>(sum / divisor);
  } else {
    partial[std::int64_t{blockIdx.x} * gridDim.y + blockIdx.y] = sum;
  }
}

/// `function` takes one float per x and returns a float. The first `vectors` vectors of each row
/// are aligned; the elements behind them are read one by one.
template <class Y, class Function, class... X>
__global__ void sum_rows_kernel(std::int64_t columns, std::int64_t vectors, Function function,
                                float divisor, Y* sums, float* partial, const X*... x) {
  constexpr int kCount = 16 / static_cast<int>(std::max({sizeof(X)...}));
  const std::int64_t begin = blockIdx.x * columns;
  const std::int64_t thread = std::int64_t{blockIdx.y} * blockDim.x + threadIdx.x;
  const std::int64_t step = std::int64_t{gridDim.y} * blockDim.x;
  float terms[kCount] = {};
  for (std::int64_t v = thread; v < vectors; v += step) {
    const auto add = [&](const Vector<X, kCount>&... in) {
#pragma unroll
      for (int i = 0; i < kCount; ++i) terms[i] += function(to_float(in.at[i])...);
    };
    add(load_vector<kCount>(x + begin + v * kCount)...);
  }
  for (std::int64_t c = vectors * kCount + thread; c < columns; c += step) {
    terms[0] += function(to_float(x[begin + c])...);
  }
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kCount; ++i) sum += terms[i];
  write_row_sum(sum, divisor, sums, partial);
}

struct Identity {
  __device__ float operator()(float x) const { return x; }
};

/// Adds up what write_row_sum left in `partial`, if anything.
template <class Y>
cudaError_t sum_partial(cudaStream_t stream, const RowShares& by, float divisor, Y* sums,
                        const float* partial) {
  if (by.shares == 1) return cudaSuccess;
  const dim3 blocks(static_cast<unsigned>(by.rows));
  constexpr int kThreads = 256;
  return launch("sum_rows_kernel", stream, {blocks, kThreads}, sum_rows_kernel<Y, Identity, float>,
                std::int64_t{by.shares}, std::int64_t{0}, Identity{}, divisor, sums, nullptr,
                partial);
}

/// `partial` is memory of RowShares(rows, columns).partial_bytes().
template <class Y, class Function, class... X>
cudaError_t sum_rows(cudaStream_t stream, std::int64_t rows, std::int64_t columns,
                     Function function, float divisor, Y* sums, float* partial, const X*... x) {
  constexpr int kCount = 16 / static_cast<int>(std::max({sizeof(X)...}));
  const bool aligned = rows == 1 || columns % kCount == 0;
  const RowShares by(rows, columns);
  const cudaError_t status =
      launch("sum_rows_kernel", stream, by.shape(), sum_rows_kernel<Y, Function, X...>, columns,
             aligned ? columns / kCount : std::int64_t{0}, function, divisor, sums, partial, x...);
  return status != cudaSuccess ? status : sum_partial(stream, by, divisor, sums, partial);
}

}  // namespace fovea::kernels
