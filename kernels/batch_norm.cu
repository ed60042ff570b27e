// Batch norm forward: statistics in two phases, then the map of all elements.
//
// Statistics. Phase 1: each block reads its rows once and sums x - shift and (x - shift)^2, where
// the shift is its own first row, so that a mean far from zero costs no digits; it leaves (shift,
// mean - shift, sum of squares around its mean). Phase 2 combines the blocks' (Chan, Golub, LeVeque
// 1983), again relative to one shift; in f32, in an order that the shape alone sets.
// Map: y = f((x - mean) scale + beta + residual), from the last rows to the first, since the last
// are those that the statistics left in the cache.
// Where a library has summed up x and x^2 already, the statistics come from these sums.
// Bytes moved: x twice (the second time from the cache, as far as it fits) and y once, the residual
// once. Mapping: batch_norm.cuh.
#include "kernels/batch_norm.h"

#include "kernels/batch_norm.cuh"

namespace fovea::kernels {
namespace {

constexpr int kFoldThreads = 128;

/// What phase 1 leaves, an array (row_blocks, channels) each.
struct PartialStatistics {
  float *shift, *mean, *squares;

  PartialStatistics(void* workspace, const RowTiling& tiling) {
    const std::int64_t size = tiling.row_blocks * tiling.channels;
    shift = static_cast<float*>(workspace);
    mean = shift + size;
    squares = mean + size;
  }
};

}  // namespace

template <class T, int kVector>
__global__ void batch_norm_statistics_kernel(RowTiling tiling, const T* x,
                                             PartialStatistics partial) {
  const RowWalk<kVector> walk(tiling, blockIdx.x, blockIdx.y);
  float sums[2 * kVector] = {};  // of x - shift, then of its square
  Vector<float, kVector> shift = {};
  if (walk.first < walk.end) {
    const auto first = load_vector<kVector>(x + walk.block_row * tiling.channels + walk.channel);
#pragma unroll
    for (int c = 0; c < kVector; ++c) shift.at[c] = to_float(first.at[c]);
  }
#pragma unroll 4
  for (std::int64_t row = walk.first, at = walk.offset; row < walk.end;
       row += walk.height, at += walk.step) {
    const auto values = load_vector<kVector>(x + at);
#pragma unroll
    for (int c = 0; c < kVector; ++c) {
      const float value = to_float(values.at[c]) - shift.at[c];
      sums[c] += value;
      sums[kVector + c] += value * value;
    }
  }
  sum_over_rows<kRowsThreads>(sums, tiling.width, tiling.height);
  if (!walk.writes) return;
  const float share = 1.0f / static_cast<float>(walk.end - walk.block_row);
  Vector<float, kVector> mean, squares;
#pragma unroll
  for (int c = 0; c < kVector; ++c) {
    mean.at[c] = sums[c] * share;
    const float around = sums[kVector + c] - sums[c] * mean.at[c];
    squares.at[c] = around < 0 ? 0.0f : around;  // below zero by rounding; a NaN stays
  }
  const std::int64_t at = blockIdx.x * tiling.channels + walk.channel;
  store_vector<kVector>(partial.shift + at, shift);
  store_vector<kVector>(partial.mean + at, mean);
  store_vector<kVector>(partial.squares + at, squares);
}

__global__ void batch_norm_combine_statistics_kernel(RowTiling tiling, PartialStatistics partial,
                                                     float* mean, float* var) {
  const int height = static_cast<int>(blockDim.x) / kCombineChannels;
  const unsigned y = threadIdx.x / kCombineChannels;
  const std::int64_t channel =
      std::int64_t{blockIdx.x} * kCombineChannels + threadIdx.x % kCombineChannels;
  const unsigned blocks = channel < tiling.channels ? tiling.row_blocks : 0;
  const float shift = blocks > 0 ? partial.shift[channel] : 0.0f;
  const float share = tiling.rows > 0 ? 1.0f / static_cast<float>(tiling.rows) : 0.0f;
  const auto rows_of = [&](unsigned block) {
    return static_cast<float>(block + 1 < blocks ? tiling.rows_per_block
                                                 : tiling.rows - block * tiling.rows_per_block);
  };

  float sum[1] = {0};  // of x - shift
#pragma unroll 4
  for (unsigned block = y; block < blocks; block += height) {
    const std::int64_t at = block * tiling.channels + channel;
    sum[0] += rows_of(block) * ((partial.shift[at] - shift) + partial.mean[at]);
  }
  sum_over_rows<kMostCombineThreads>(sum, kCombineChannels, height);
  const float distance = sum[0] * share;  // of the mean from the shift

  float squares[1] = {0};  // around the mean
#pragma unroll 4
  for (unsigned block = y; block < blocks; block += height) {
    const std::int64_t at = block * tiling.channels + channel;
    const float apart = ((partial.shift[at] - shift) + partial.mean[at]) - distance;
    squares[0] += partial.squares[at] + rows_of(block) * apart * apart;
  }
  sum_over_rows<kMostCombineThreads>(squares, kCombineChannels, height);
  if (y != 0 || channel >= tiling.channels) return;
  mean[channel] = shift + distance;
  var[channel] = squares[0] * share;
}

/// A thread per channel. Bytes moved: 16 per channel.
__global__ void batch_norm_statistics_of_sums_kernel(std::int64_t channels, float share,
                                                     float* sums, float* squares) {
  const std::int64_t channel = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (channel >= channels) return;
  const float mean = sums[channel] * share;
  const float var = squares[channel] * share - mean * mean;
  sums[channel] = mean;
  squares[channel] = var < 0 ? 0.0f : var;  // below zero by rounding; a NaN stays
}

/// Blocks that a multiprocessor holds at least: their loads in flight are 24 KB, where two blocks'
/// 16 could leave memory waiting. An activation chosen at run time takes more registers than that
/// leaves.
template <class Activation>
inline constexpr int kApplyBlocks = std::is_same_v<Activation, AnyActivation> ? 2 : 3;

template <class T, int kVector, class Activation>
__global__ void __launch_bounds__(kRowsThreads, kApplyBlocks<Activation>)
    batch_norm_apply_kernel(RowTiling tiling, const T* x, const T* residual,
                            BatchNormChannels channels, Activation activation, T* y) {
  constexpr int kRows = kRowsAtOnce<kVector>;
  const RowWalk<kVector> walk(tiling, gridDim.x - 1 - blockIdx.x, gridDim.y - 1 - blockIdx.y);
  if (walk.first >= walk.end) return;
  const auto mean = load_vector<kVector>(channels.mean + walk.channel);
  const auto offset = load_vector<kVector>(channels.beta + walk.channel);
  auto scale = load_vector<kVector>(channels.gamma + walk.channel);
  const auto var = load_vector<kVector>(channels.var + walk.channel);
#pragma unroll
  for (int c = 0; c < kVector; ++c) scale.at[c] *= rsqrtf(var.at[c] + channels.epsilon);

  for (std::int64_t row = walk.first, at = walk.offset; row < walk.end;
       row += kRows * walk.height, at += kRows * walk.step) {
    Vector<T, kVector> values[kRows], added[kRows] = {};
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      if (row + r * walk.height >= walk.end) continue;
      values[r] = load_vector<kVector>(x + at + r * walk.step);
      if (residual != nullptr) added[r] = load_vector<kVector>(residual + at + r * walk.step);
    }
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      if (row + r * walk.height >= walk.end) continue;
#pragma unroll
      for (int c = 0; c < kVector; ++c) {
        // The mean is taken off first: folded into the offset, one far from zero costs digits.
        float value = (to_float(values[r].at[c]) - mean.at[c]) * scale.at[c] + offset.at[c];
        if (residual != nullptr) value += to_float(added[r].at[c]);
        values[r].at[c] = from_float<T>(activation.forward(value));
      }
      store_vector<kVector>(y + at + r * walk.step, values[r]);
    }
  }
}

/// A block folds one filter. Bytes moved: w twice.
template <class T, int kVector>
__global__ void fold_batch_norm_kernel(const T* w, const T* bias, BatchNormChannels channels,
                                       T* folded_w, T* folded_bias, std::int64_t size) {
  const unsigned k = blockIdx.x;
  const float factor = channels.gamma[k] / sqrtf(channels.var[k] + channels.epsilon);
  for (std::int64_t i = threadIdx.x * kVector; i < size; i += kFoldThreads * kVector) {
    auto values = load_vector<kVector>(w + k * size + i);
#pragma unroll
    for (int v = 0; v < kVector; ++v) {
      values.at[v] = from_float<T>(to_float(values.at[v]) * factor);
    }
    store_vector<kVector>(folded_w + k * size + i, values);
  }
  if (threadIdx.x != 0) return;
  const float old = bias != nullptr ? to_float(bias[k]) : 0.0f;
  folded_bias[k] = from_float<T>(channels.beta[k] + (old - channels.mean[k]) * factor);
}

std::int64_t batch_norm_workspace_bytes(const BatchNormShape& shape) {
  std::int64_t bytes = 0;
  static_cast<void>(with_vectors(shape.dtype, shape.channels, [&](auto, auto vector) {
    const RowTiling tiling = row_tiling<decltype(vector)::value>(shape.rows, shape.channels);
    bytes = 3 * static_cast<std::int64_t>(sizeof(float)) * tiling.row_blocks * tiling.channels;
    return cudaSuccess;
  }));
  return bytes;
}

cudaError_t batch_norm_statistics(cudaStream_t stream, const BatchNormShape& shape, const void* x,
                                  void* workspace, float* mean, float* var) {
  return with_vectors(shape.dtype, shape.channels, [&](auto type, auto vector) {
    using T = typename decltype(type)::Type;
    constexpr int kVector = decltype(vector)::value;
    const RowTiling tiling = row_tiling<kVector>(shape.rows, shape.channels);
    const PartialStatistics partial(workspace, tiling);
    const cudaError_t status =
        launch("batch_norm_statistics_kernel", stream, tiling.shape(),
               batch_norm_statistics_kernel<T, kVector>, tiling, static_cast<const T*>(x), partial);
    if (status != cudaSuccess) return status;
    return launch("batch_norm_combine_statistics_kernel", stream, combine_shape(tiling),
                  batch_norm_combine_statistics_kernel, tiling, partial, mean, var);
  });
}

cudaError_t batch_norm_statistics_of_sums(cudaStream_t stream, const BatchNormShape& shape,
                                          float* sums, float* squares) {
  const float share = shape.rows > 0 ? 1.0f / static_cast<float>(shape.rows) : 0.0f;
  return launch("batch_norm_statistics_of_sums_kernel", stream,
                {blocks_for(shape.channels, kFoldThreads), kFoldThreads},
                batch_norm_statistics_of_sums_kernel, shape.channels, share, sums, squares);
}

cudaError_t batch_norm_apply(cudaStream_t stream, const BatchNormShape& shape, const void* x,
                             const void* residual, const BatchNormChannels& channels,
                             ActivationFunction function, void* y) {
  return with_vectors(shape.dtype, shape.channels, [&](auto type, auto vector) {
    return with_fused_activation(function, [&](auto activation) {
      using T = typename decltype(type)::Type;
      constexpr int kVector = decltype(vector)::value;
      const RowTiling tiling = row_tiling<kVector>(shape.rows, shape.channels);
      return launch("batch_norm_apply_kernel", stream, tiling.shape(),
                    batch_norm_apply_kernel<T, kVector, decltype(activation)>, tiling,
                    static_cast<const T*>(x), static_cast<const T*>(residual), channels, activation,
                    static_cast<T*>(y));
    });
  });
}

cudaError_t fold_batch_norm(cudaStream_t stream, DType dtype, const void* w, const void* bias,
                            const BatchNormChannels& channels, void* folded_w, void* folded_bias,
                            std::int64_t filters, std::int64_t size) {
  return with_vectors(dtype, size, [&](auto type, auto vector) {
    using T = typename decltype(type)::Type;
    return launch("fold_batch_norm_kernel", stream, {blocks_for(filters, 1), kFoldThreads},
                  fold_batch_norm_kernel<T, decltype(vector)::value>, static_cast<const T*>(w),
                  static_cast<const T*>(bias), channels, static_cast<T*>(folded_w),
                  static_cast<T*>(folded_bias), size);
  });
}

}  // namespace fovea::kernels
