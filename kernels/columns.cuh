// How a block lies on a matrix of rows and columns, for kernels that treat the elements of a column
// alike: sums over rows, biases.
//
// A thread takes kCount neighbouring columns, one vector of a row. threadIdx.x runs along the
// columns, over a power of two up to a warp's size; threadIdx.y runs along the rows. So a warp
// reads neighbouring memory whether there is one column or thousands, and nothing is divided.
#pragma once

#include <algorithm>

#include "kernels/launch.h"
#include "kernels/numbers.cuh"
#include "kernels/reduce.cuh"

namespace fovea::kernels {

/// Rows that a thread takes where there are enough of them: loads in flight at the same time.
inline constexpr int kRowsPerThread = 8;

/// The block for `rows` rows of `vectors` vectors: whole warps, at most `max_threads`, and no more
/// rows side by side than leave each thread kRowsPerThread.
inline dim3 column_block(std::int64_t vectors, std::int64_t rows, unsigned max_threads) {
  unsigned along_columns = 1;
  while (along_columns < kWarpSize && along_columns < vectors) along_columns *= 2;
  unsigned along_rows = kWarpSize / along_columns;
  while (along_columns * along_rows < max_threads && along_rows * kRowsPerThread < rows) {
    along_rows *= 2;
  }
  return {along_columns, along_rows};
}

/// The first of this thread's columns, where blockIdx.y counts blocks along the columns.
template <int kCount>
__device__ __forceinline__ std::int64_t column_of_thread() {
  return (std::int64_t{blockIdx.y} * blockDim.x + threadIdx.x) * kCount;
}

/// Calls body(integral_constant kCount): a vector of T where rows are whole vectors, else 1.
template <class T, class Body>
cudaError_t with_column_vectors(std::int64_t columns, const Body& body) {
  if (columns % kVectorSize<T> == 0) return body(std::integral_constant<int, kVectorSize<T>>{});
  return body(std::integral_constant<int, 1>{});
}

}  // namespace fovea::kernels
