// Softmax over rows.
//
// Mapping: a warp takes a row; lane l takes its columns l, l + 32, ... A row is read once for its
// maximum, once for its sum and once to write; all but the first reading come from the cache.
// Bytes moved: 2 rows columns sizeof(T) forward, 3 backward.
#include "kernels/activation.h"
#include "kernels/launch.h"
#include "kernels/numbers.cuh"
#include "kernels/reduce.cuh"

namespace fovea::kernels {
namespace {

constexpr int kThreads = 128;
constexpr int kRowsPerBlock = kThreads / kWarpSize;

/// The row of this thread's warp.
__device__ __forceinline__ std::int64_t row_of_warp() {
  return std::int64_t{blockIdx.x} * kRowsPerBlock + threadIdx.x / kWarpSize;
}

}  // namespace

template <class T>
__global__ void softmax_forward_kernel(const T* x, T* y, std::int64_t rows, std::int64_t columns) {
  const std::int64_t row = row_of_warp();
  if (row >= rows) return;  // the whole warp
  x += row * columns;
  y += row * columns;
  const std::int64_t lane = threadIdx.x % kWarpSize;
  float largest = Maximum::kNeutral;
  for (std::int64_t c = lane; c < columns; c += kWarpSize) {
    largest = Maximum{}(largest, to_float(x[c]));
  }
  largest = warp_reduce(largest, Maximum{});
  float sum = 0;
  for (std::int64_t c = lane; c < columns; c += kWarpSize) sum += expf(to_float(x[c]) - largest);
  const float inverse = 1.0f / warp_reduce(sum, Sum{});
  for (std::int64_t c = lane; c < columns; c += kWarpSize) {
    y[c] = from_float<T>(expf(to_float(x[c]) - largest) * inverse);
  }
}

template <class T>
__global__ void softmax_backward_kernel(const T* dy, const T* y, T* dx, std::int64_t rows,
                                        std::int64_t columns) {
  const std::int64_t row = row_of_warp();
  if (row >= rows) return;  // the whole warp
  dy += row * columns;
  y += row * columns;
  dx += row * columns;
  const std::int64_t lane = threadIdx.x % kWarpSize;
  float inner = 0;
  for (std::int64_t c = lane; c < columns; c += kWarpSize)
    inner += to_float(dy[c]) * to_float(y[c]);
  inner = warp_reduce(inner, Sum{});
  for (std::int64_t c = lane; c < columns; c += kWarpSize) {
    dx[c] = from_float<T>(to_float(y[c]) * (to_float(dy[c]) - inner));
  }
}

cudaError_t softmax_forward(cudaStream_t stream, DType dtype, const void* x, void* y,
                            std::int64_t rows, std::int64_t columns) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch("softmax_forward_kernel", stream, {blocks_for(rows, kRowsPerBlock), kThreads},
                  softmax_forward_kernel<T>, static_cast<const T*>(x), static_cast<T*>(y), rows,
                  columns);
  });
}

cudaError_t softmax_backward(cudaStream_t stream, DType dtype, const void* dy, const void* y,
                             void* dx, std::int64_t rows, std::int64_t columns) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch("softmax_backward_kernel", stream, {blocks_for(rows, kRowsPerBlock), kThreads},
                  softmax_backward_kernel<T>, static_cast<const T*>(dy), static_cast<const T*>(y),
                  static_cast<T*>(dx), rows, columns);
  });
}

}  // namespace fovea::kernels
