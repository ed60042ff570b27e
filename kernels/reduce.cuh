// Sums and maxima over a warp and over a block. Their order depends on the block's shape alone, so
// results are the same bits every time.
#pragma once

#include "kernels/shared_memory.cuh"

namespace fovea::kernels {

inline constexpr int kWarpSize = 32;
inline constexpr unsigned kAllLanes = 0xFFFFFFFFu;

struct Sum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
  static constexpr float kNeutral = 0;
};

/// NaN wins, so that it is found where it arose.
struct Maximum {
  __device__ float operator()(float a, float b) const { return (a > b || a != a) ? a : b; }
  static constexpr float kNeutral = -__builtin_huge_valf();
};

/// Every lane of a full warp gets the combination of all lanes' values.
template <class T, class Combine>
__device__ __forceinline__ T warp_reduce(T value, Combine combine) {
#pragma unroll
  for (int offset = kWarpSize / 2; offset > 0; offset /= 2) {
    value = combine(value, __shfl_xor_sync(kAllLanes, value, offset));
  }
  return value;
}

template <class T>
struct WarpResults {
  T at[kWarpSize];
};

/// Every thread of the block gets the combination of all threads' values. All threads of the block
/// take part; blockDim.x is a multiple of the warp's size, and the other dimensions are 1. Begins
/// with a barrier, so it may be called again and again.
template <class T, class Combine>
__device__ __forceinline__ T block_reduce(T value, Combine combine) {
  auto& results = shared_memory<WarpResults<T>>().at;
  const unsigned lane = threadIdx.x % kWarpSize;
  value = warp_reduce(value, combine);
  __syncthreads();
  if (lane == 0) results[threadIdx.x / kWarpSize] = value;
  __syncthreads();
  value = lane < blockDim.x / kWarpSize ? results[lane] : static_cast<T>(Combine::kNeutral);
  return warp_reduce(value, combine);
}

}  // namespace fovea::kernels
