// y = x + b along the columns, and db, the sum of dy over its rows.
//
// add_bias: a thread keeps its columns' b and adds it to up to eight rows; see columns.cuh.
// bias_grad: two passes of column_sum_kernel. The first leaves one row of f32 sums per chunk of
// rows, the second sums these. The chunks are as many as fill a large GPU once.
// Bytes moved: 2 rows columns sizeof(T) for add_bias; rows columns sizeof(T) for bias_grad, plus 8
// bytes per chunk and column.
#include "kernels/bias.h"

#include "kernels/column_sum.cuh"

namespace fovea::kernels {
namespace {

constexpr unsigned kThreads = 256;

/// Rows that a block of the first pass sums.
std::int64_t rows_per_chunk(std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t kBlocks = 512;
  constexpr std::int64_t kLeastRows = 128;
  constexpr std::int64_t kColumnsPerBlock = 256;
  const std::int64_t chunks = std::max<std::int64_t>(kBlocks * kColumnsPerBlock / columns, 1);
  return std::max((rows + std::min(chunks, kBlocks) - 1) / std::min(chunks, kBlocks), kLeastRows);
}

std::int64_t chunk_count(std::int64_t rows, std::int64_t columns) {
  const std::int64_t chunk = rows_per_chunk(rows, columns);
  return (rows + chunk - 1) / chunk;
}

}  // namespace

template <int kCount, class T>
__global__ void add_bias_kernel(const T* x, const T* b, T* y, std::int64_t rows,
                                std::int64_t columns) {
  const std::int64_t column = column_of_thread<kCount>();
  if (column >= columns) return;
  const Vector<T, kCount> bias = load_vector<kCount>(b + column);
  const std::int64_t first = std::int64_t{blockIdx.x} * blockDim.y * kRowsPerThread + threadIdx.y;
  const auto row_at = [&](int i) { return first + std::int64_t{blockDim.y} * i; };
  Vector<T, kCount> in[kRowsPerThread];
#pragma unroll
  for (int i = 0; i < kRowsPerThread; ++i) {
    if (row_at(i) < rows) in[i] = load_vector<kCount>(x + row_at(i) * columns + column);
  }
#pragma unroll
  for (int i = 0; i < kRowsPerThread; ++i) {
    if (row_at(i) >= rows) continue;
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      in[i].at[j] = from_float<T>(to_float(in[i].at[j]) + to_float(bias.at[j]));
    }
    store_vector<kCount>(y + row_at(i) * columns + column, in[i]);
  }
}

cudaError_t add_bias(cudaStream_t stream, DType dtype, const void* x, const void* b, void* y,
                     std::int64_t rows, std::int64_t columns) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_column_vectors<T>(columns, [&](auto count) {
      constexpr int kCount = count;
      const std::int64_t vectors = columns / kCount;
      const dim3 threads = column_block(vectors, rows, kThreads);
      const dim3 blocks{blocks_for(rows, threads.y * kRowsPerThread),
                        blocks_for(vectors, threads.x)};
      return launch("add_bias_kernel", stream, {blocks, threads}, add_bias_kernel<kCount, T>,
                    static_cast<const T*>(x), static_cast<const T*>(b), static_cast<T*>(y), rows,
                    columns);
    });
  });
}

cudaError_t bias_grad(cudaStream_t stream, DType dtype, const void* dy, void* db, std::int64_t rows,
                      std::int64_t columns, void* workspace) {
  if (columns == 0) return cudaSuccess;
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    const auto* in = static_cast<const T*>(dy);
    auto* out = static_cast<T*>(db);
    const std::int64_t chunks = chunk_count(rows, columns);
    if (chunks <= 1) return column_sum(stream, in, out, 1, rows, rows, columns, 1.0f);
    auto* partial = static_cast<float*>(workspace);
    const cudaError_t status =
        column_sum(stream, in, partial, chunks, rows, rows_per_chunk(rows, columns), columns, 1.0f);
    if (status != cudaSuccess) return status;
    return column_sum(stream, static_cast<const float*>(partial), out, 1, chunks, chunks, columns,
                      1.0f);
  });
}

std::int64_t bias_grad_workspace_bytes(std::int64_t rows, std::int64_t columns) {
  if (columns == 0) return 0;
  const std::int64_t chunks = chunk_count(rows, columns);
  return chunks <= 1 ? 0 : chunks * columns * static_cast<std::int64_t>(sizeof(float));
}

}  // namespace fovea::kernels
