// What the convolutions share whose threads walk over pictures themselves, window by window.
//
// A thread takes kSegment neighbouring outputs of a row at a time, of one or several neighbouring
// channels or filters: threadIdx.x runs along these, threadIdx.y along the pixels.
#pragma once

#include <algorithm>

#include "kernels/column_sum.cuh"
#include "kernels/conv.h"
#include "kernels/divide.cuh"
#include "kernels/launch.h"
#include "kernels/numbers.cuh"
#include "kernels/shared_memory.cuh"

namespace fovea::kernels {

inline constexpr int kWindowThreads = 256;

/// Neighbouring outputs of a row that a thread has in registers.
inline constexpr int kSegment = 4;

/// One axis of the pictures. Through tap t, output o sees the place o step + t tap - pad; the
/// input's cells lie `spacing` places apart, the first of them at place 0.
struct ConvAxis {
  int input, output, kernel, step, tap, pad;
  FastDivisor by_spacing;

  ConvAxis(std::int64_t cells, std::int64_t outputs, std::int64_t taps, std::int64_t stride,
           std::int64_t dilation, std::int64_t padding, std::int64_t spacing)
      : input(static_cast<int>(cells)),
        output(static_cast<int>(outputs)),
        kernel(static_cast<int>(taps)),
        step(static_cast<int>(stride)),
        tap(static_cast<int>(dilation)),
        pad(static_cast<int>(padding)),
        by_spacing(spacing) {}

  /// The cell that output o sees through tap t; -1 where there is none. Without kSpaced, the
  /// spacing is 1.
  template <bool kSpaced = false>
  __device__ __forceinline__ int cell(int o, int t) const {
    const int place = o * step + t * tap - pad;
    if (place < 0) return -1;
    auto index = static_cast<unsigned>(place);
    if constexpr (kSpaced) {
      if (by_spacing.divide(index) != 0) return -1;
    }
    return static_cast<int>(index) < input ? static_cast<int>(index) : -1;
  }
};

struct ConvAxes {
  ConvAxis rows, columns;
};

/// x as y's pixels see it.
inline ConvAxes forward_axes(const ConvShape& s) {
  return {
      {s.height, s.out_height, s.kernel_height, s.stride_height, s.dilation_height, s.pad_top, 1},
      {s.width, s.out_width, s.kernel_width, s.stride_width, s.dilation_width, s.pad_left, 1}};
}

/// dy as dx's pixels see it, through the taps in reverse order.
inline ConvAxes backward_data_axes(const ConvShape& s) {
  const std::int64_t reach_down = s.dilation_height * (s.kernel_height - 1);
  const std::int64_t reach_across = s.dilation_width * (s.kernel_width - 1);
  return {{s.out_height, s.height, s.kernel_height, 1, s.dilation_height, reach_down - s.pad_top,
           s.stride_height},
          {s.out_width, s.width, s.kernel_width, 1, s.dilation_width, reach_across - s.pad_left,
           s.stride_width}};
}

/// The outputs of all pictures in strips of `height` rows by kSegment columns.
struct ConvStrips {
  int height;
  unsigned count;
  FastDivisor by_across, by_down;

  ConvStrips(std::int64_t images, const ConvAxes& axes, int rows)
      : ConvStrips(images, blocks_for(axes.rows.output, rows),
                   blocks_for(axes.columns.output, kSegment), rows) {}

  struct Strip {
    unsigned image;
    int row, column;  ///< the first of each
  };
  __device__ __forceinline__ Strip at(unsigned index) const {
    const unsigned across = by_across.divide(index);
    const unsigned down = by_down.divide(index);
    return {index, static_cast<int>(down) * height, static_cast<int>(across) * kSegment};
  }

 private:
  ConvStrips(std::int64_t images, unsigned down, unsigned across, int rows)
      : height(rows),
        count(static_cast<unsigned>(images * down * across)),
        by_across(across),
        by_down(down) {}
};

/// Items per block when as few blocks as possible, of at most `most`, share `count` evenly.
inline unsigned even_share(std::int64_t count, std::int64_t most) {
  return blocks_for(count, blocks_for(count, most));
}

/// Strips of several rows, where that leaves blocks enough: weights are made ready once for all of
/// them, and what a thread reads for one row it finds in the cache for the next. A block has
/// `strips_per_block` of them; `blocks_along_channels` work on the same.
inline ConvStrips strips_for(std::int64_t images, const ConvAxes& axes, unsigned strips_per_block,
                             std::int64_t blocks_along_channels) {
  constexpr int kMostRows = 8;
  const std::int64_t wanted = 4 * many_blocks;
  for (int rows = kMostRows; rows > 1; rows /= 2) {
    const ConvStrips strips(images, axes, rows);
    if (blocks_for(strips.count, strips_per_block) * blocks_along_channels >= wanted) return strips;
  }
  return {images, axes, 1};
}

/// A block's share of the weights (filters, patch) as f32 in dynamic shared memory: those of
/// blockDim.x kCount neighbouring filters, kCount of them per lane. Threads read them entry by
/// entry, but fill them filter by filter, as they lie in memory: padding spreads the entries of a
/// filter over the banks.
template <int kCount>
class SharedWeights {
 public:
  static constexpr std::int64_t kMostBytes = 48 << 10;
  static constexpr std::int64_t bytes(std::int64_t patch, std::int64_t lanes) {
    return patch * (lanes * kCount + kPadding) * std::int64_t{sizeof(float)};
  }
  /// The lanes whose weights fit.
  static constexpr std::int64_t most_lanes(std::int64_t patch) {
    return (kMostBytes / (patch * std::int64_t{sizeof(float)}) - kPadding) / kCount;
  }

  /// All threads of the block take part. Filters from `first` on, zeros where there are fewer;
  /// reversed: the patch's last weight comes first.
  template <class T>
  __device__ __forceinline__ SharedWeights(const T* w, int first, int filters, int patch,
                                           bool reversed)
      : memory_(dynamic_shared_memory<float>()) {
    const auto lanes = static_cast<int>(blockDim.x);
    const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
    const int threads = static_cast<int>(blockDim.x * blockDim.y);
    for (int i = thread; i < lanes * kCount * patch; i += threads) {
      const int filter = i / patch;
      const int entry = i % patch;
      const int from = reversed ? patch - 1 - entry : entry;
      memory_[place(entry, filter / kCount, filter % kCount)] =
          first + filter < filters ? to_float(w[std::int64_t{first + filter} * patch + from])
                                   : 0.0f;
    }
    __syncthreads();
  }

  /// The entry's weights for this thread's filters.
  __device__ __forceinline__ void load(int entry, float (&weights)[kCount]) const {
#pragma unroll
    for (int i = 0; i < kCount; i += kWide) {
      const auto four =
          load_vector<kWide>(memory_ + place(entry, static_cast<int>(threadIdx.x), i));
#pragma unroll
      for (int j = 0; j < kWide; ++j) weights[i + j] = four.at[j];
    }
  }

 private:
  /// Floats of one 16-byte load; neighbouring lanes' are side by side.
  static constexpr int kWide = std::min(kCount, 4);
  static constexpr int kPadding = 4;  ///< behind each entry, in floats

  static __device__ __forceinline__ int place(int entry, int lane, int i) {
    const int lanes = static_cast<int>(blockDim.x);
    return entry * (lanes * kCount + kPadding) + (i / kWide * lanes + lane) * kWide + i % kWide;
  }

  float* memory_;
};

/// How backward filter shares out its sums over all pixels: a row of f32 sums per part, in blocks
/// that blockIdx.x counts. Blocks along y take the filters, along z the taps.
struct FilterParts {
  ConvStrips strips;
  std::int64_t count;
  unsigned strips_per_part;

  explicit FilterParts(const ConvShape& shape)
      : strips(shape.images, forward_axes(shape), 1),
        count(std::clamp<std::int64_t>(strips.count / 64, 1, 512)),
        strips_per_part(blocks_for(strips.count, count)) {}

  std::int64_t bytes(const ConvShape& shape) const {
    return count * shape.weights() * std::int64_t{sizeof(float)};
  }
};

/// A block of `lanes` along the filters and an even share of `units` of taps along z, and the
/// blocks for all of them; `parts` along x. Shared memory for sum_along_y of `values`.
inline LaunchShape filter_launch(unsigned lanes, std::int64_t all_lanes, std::int64_t units,
                                 std::int64_t parts, int values) {
  constexpr std::int64_t kMostUnits = 8;
  const unsigned along_taps = even_share(units, kMostUnits);
  const dim3 threads{lanes, std::max(kWindowThreads / (lanes * along_taps), 1u), along_taps};
  const dim3 blocks{static_cast<unsigned>(parts), blocks_for(all_lanes, lanes),
                    blocks_for(units, along_taps)};
  return {blocks, threads,
          sizeof(float) * static_cast<std::size_t>(values) * threads.x * threads.y * threads.z};
}

/// Calls store(i, sum) with the sum of values[i] over the threads along y, in their order: once per
/// i and (x, z) of the block. All threads take part; dynamic shared memory has kCount floats each.
template <int kCount, class Store>
__device__ __forceinline__ void sum_along_y(const float (&values)[kCount], const Store& store) {
  auto* shared = dynamic_shared_memory<float>();
  const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
  const unsigned first = threadIdx.z * blockDim.y * blockDim.x + threadIdx.x;
  __syncthreads();
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    shared[static_cast<unsigned>(i) * threads + first + threadIdx.y * blockDim.x] = values[i];
  }
  __syncthreads();
  for (unsigned i = threadIdx.y; i < kCount; i += blockDim.y) {
    float sum = 0;
    for (unsigned y = 0; y < blockDim.y; ++y) sum += shared[i * threads + first + y * blockDim.x];
    store(static_cast<int>(i), sum);
  }
}

/// dw from the rows of sums.
template <class T>
cudaError_t sum_filter_parts(cudaStream_t stream, const ConvShape& shape, const FilterParts& parts,
                             const float* sums, T* dw) {
  return column_sum(stream, sums, dw, 1, parts.count, parts.count, shape.weights(), 1.0f);
}

/// Why threads cannot walk over these pictures, or null.
inline const char* conv_window_declines(const ConvShape& shape) {
  if (const char* reason = conv_direct_declines(shape)) return reason;
  if (shape.weights() >= std::int64_t{1} << 20) return "2^20 weights or more";
  return nullptr;
}

}  // namespace fovea::kernels
