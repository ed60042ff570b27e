// How batch norm's kernels share a tensor (rows, channels) among threads, and how they sum over its
// rows.
//
// A thread takes a few neighbouring channels, 16 bytes of a row, and walks down some rows; threads
// of a block stand side by side over some such groups of channels and, below each other, over as
// many rows as there are threads. Where the channels do not fill whole vectors, a thread takes one.
// Narrow blocks leave few partial sums, wide ones read long pieces of rows.
#pragma once

#include <algorithm>
#include <type_traits>

#include "kernels/activation_functions.cuh"
#include "kernels/launch.h"
#include "kernels/numbers.cuh"
#include "kernels/shared_memory.cuh"

namespace fovea::kernels {

inline constexpr int kRowsThreads = 256;

struct RowTiling {
  std::int64_t rows, channels;
  std::int64_t rows_per_block;
  int width;   ///< groups of channels side by side in a block
  int height;  ///< rows at a time
  unsigned row_blocks, channel_blocks;

  LaunchShape shape() const { return {{row_blocks, channel_blocks}, kRowsThreads}; }
};

/// A function of its arguments alone, not of the GPU: it sets the order of sums. channels > 0.
template <int kVector>
RowTiling row_tiling(std::int64_t rows, std::int64_t channels) {
  constexpr std::int64_t kMostGroups = kVector == 1 ? 64 : 16;  // 256 bytes of a row, mostly
  constexpr std::int64_t kLeastRowsPerThread = kVector == 1 ? 8 : 4;
  constexpr std::int64_t kMostBlocks = 2048;  // several for each place on the largest GPU
  const std::int64_t groups = channels / kVector;
  const std::int64_t across = blocks_for(groups, kMostGroups);
  const std::int64_t width = blocks_for(groups, across);
  const std::int64_t height = kRowsThreads / width;
  const std::int64_t most = std::max<std::int64_t>(kMostBlocks / across, 1);
  const std::int64_t least_rows = height * kLeastRowsPerThread;
  const std::int64_t turns = blocks_for(blocks_for(rows, most), height);  // of all threads' rows
  const std::int64_t per_block = std::max(turns * height, least_rows);
  return {rows,
          channels,
          per_block,
          static_cast<int>(width),
          static_cast<int>(height),
          blocks_for(rows, per_block),
          static_cast<unsigned>(across)};
}

/// Calls body(TypeName<T>, kVector) with the type and the number of channels per thread.
template <class Body>
cudaError_t with_vectors(DType dtype, std::int64_t channels, const Body& body) {
  return with_floating_type(dtype, [&](auto type) {
    constexpr int kVector = kVectorSize<typename decltype(type)::Type>;
    return channels % kVector == 0 ? body(type, std::integral_constant<int, kVector>{})
                                   : body(type, std::integral_constant<int, 1>{});
  });
}

/// This thread's channels and rows.
template <int kVector>
struct RowWalk {
  std::int64_t channel;     ///< the first of kVector
  std::int64_t first, end;  ///< rows first, first + height, ... < end; none for an idle thread
  std::int64_t block_row;   ///< the block's first row
  std::int64_t offset;      ///< of the first row's elements in the tensor
  std::int64_t step;        ///< from there to those of the next row
  int height;
  bool writes;  ///< whether it stands in the block's first row, over channels that there are

  __device__ RowWalk(const RowTiling& tiling, unsigned row_block, unsigned channel_block)
      : height(tiling.height) {
    const int x = static_cast<int>(threadIdx.x) % tiling.width;
    const int y = static_cast<int>(threadIdx.x) / tiling.width;
    channel = (std::int64_t{channel_block} * tiling.width + x) * kVector;
    block_row = row_block * tiling.rows_per_block;
    const bool idle = y >= height || channel >= tiling.channels;
    end = block_row + tiling.rows_per_block;
    if (end > tiling.rows) end = tiling.rows;
    first = idle ? end : block_row + y;
    offset = first * tiling.channels + channel;
    step = height * tiling.channels;
    writes = y == 0 && !idle;
  }
};

/// How many rows a thread loads before it stores the first: loads do not pass stores by themselves.
template <int kVector>
inline constexpr int kRowsAtOnce = kVector == 1 ? 4 : 2;

/// The sums over y of the threads (x, y), x < width, y < height, which stand in the block row by
/// row; every thread gets those of its x. All threads of the block take part.
template <int kMostThreads, int kSums>
__device__ __forceinline__ void sum_over_rows(float (&sums)[kSums], int width, int height) {
  struct Storage {
    float at[kSums][kMostThreads];
  };
  auto& storage = shared_memory<Storage>().at;
  const int thread = static_cast<int>(threadIdx.x);
  const int y = thread / width;
  __syncthreads();
#pragma unroll
  for (int k = 0; k < kSums; ++k) storage[k][thread] = sums[k];
  int step = 1;
  while (2 * step < height) step *= 2;
  for (; step > 0; step /= 2) {
    __syncthreads();
    if (y >= step || y + step >= height) continue;
#pragma unroll
    for (int k = 0; k < kSums; ++k) storage[k][thread] += storage[k][thread + step * width];
  }
  __syncthreads();
#pragma unroll
  for (int k = 0; k < kSums; ++k) sums[k] = storage[k][thread - y * width];
}

// ---- Combining the blocks' partial sums ----
// A block takes 8 channels, 32 bytes of each block's partial sums, and up to 128 of them at a time.

inline constexpr int kCombineChannels = 8;
inline constexpr int kMostCombineThreads = 1024;

inline LaunchShape combine_shape(const RowTiling& tiling) {
  unsigned height = 4;  // with the channels, a warp
  while (height < tiling.row_blocks && height * kCombineChannels < kMostCombineThreads) height *= 2;
  return {{blocks_for(tiling.channels, kCombineChannels)}, {height * kCombineChannels}};
}

// ---- Activations behind a batch norm ----

/// f chosen at run time, for the kinds that do not follow a batch norm often.
struct AnyActivation {
  ActivationFunction function;

  __device__ float forward(float x) const {
    return apply([x](auto activation) { return activation.forward(x); });
  }
  __device__ float derivative(float saved) const {
    return apply([saved](auto activation) { return activation.derivative(saved); });
  }

 private:
  template <class Body>
  __device__ __forceinline__ float apply(const Body& body) const {
    using Kind = ActivationKind;
    switch (function.kind) {
      case Kind::leaky_relu:
        return body(ActivationOf<Kind::leaky_relu>{function.alpha});
      case Kind::elu:
        return body(ActivationOf<Kind::elu>{function.alpha});
      case Kind::sigmoid:
        return body(ActivationOf<Kind::sigmoid>{function.alpha});
      case Kind::tanh:
        return body(ActivationOf<Kind::tanh>{function.alpha});
      case Kind::gelu:
        return body(ActivationOf<Kind::gelu>{function.alpha});
      case Kind::silu:
        return body(ActivationOf<Kind::silu>{function.alpha});
      case Kind::step:
        return body(ActivationOf<Kind::step>{function.alpha});
      case Kind::selu:
        return body(ActivationOf<Kind::selu>{function.alpha});
      case Kind::softplus:
        return body(ActivationOf<Kind::softplus>{function.alpha});
      case Kind::hard_swish:
        return body(ActivationOf<Kind::hard_swish>{function.alpha});
      default:
        return body(ActivationOf<Kind::identity>{function.alpha});
    }
  }
};

using NoActivation = ActivationOf<ActivationKind::identity>;

/// Calls body(activation): a type of its own for none and for relu, AnyActivation for the others.
template <class Body>
cudaError_t with_fused_activation(ActivationFunction function, const Body& body) {
  switch (function.kind) {
    case ActivationKind::identity:
      return body(NoActivation{});
    case ActivationKind::relu:
      return body(ActivationOf<ActivationKind::relu>{});
    default:
      return body(AnyActivation{function});
  }
}

}  // namespace fovea::kernels
