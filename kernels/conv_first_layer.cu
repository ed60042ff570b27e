// Convolutions of pictures with up to four channels, such as a network's first layer: forward and
// backward filter. Patches are so short that a matrix product's tiles would be mostly empty.
//   y[n, oh, ow, k] = sum over r, s, c of x[n, oh sh - ph + r dh, ow sw - pw + s dw, c] w[k, r, s,
//   c]
//
// Mapping: a thread has kFilters neighbouring filters and all kChannels channels of a pixel; see
// conv_window.cuh. Forward: it computes a strip of rows, kSegment outputs at a time, its block's
// filters being in shared memory: kSegment kFilters products for kSegment cells and kFilters
// weights. Backward filter: it sums kTaps kChannels kFilters weights over its share of the pixels;
// the block adds up its threads' sums in shared memory, column_sum_kernel the blocks' rows, all in
// a fixed order.
// Bytes moved: each tensor once from memory; x, which is small, again from the caches. Backward
// filter: 8 bytes per part and weight more.
// Preconditions: conv_first_layer_declines; tensors aligned to 16 bytes.
#include "kernels/conv_window.cuh"
#include "kernels/epilogue.cuh"

namespace fovea::kernels {
namespace {

constexpr int kFilters = 8;
constexpr int kTaps = 3;
constexpr std::int64_t kMostChannels = 4;

/// Lanes along the filters: a pixel's 64 outputs of 16 bits are a cache line.
constexpr std::int64_t kMostLanes = 8;

using Weights = SharedWeights<kFilters>;

/// Filters with more weights would not fit into shared memory.
constexpr std::int64_t kLongestPatch = Weights::kMostBytes / Weights::bytes(1, 1);

/// The pixel's channels; zeros where it is -1, outside.
template <int kChannels, class T>
__device__ __forceinline__ void load_pixel(const T* x, int pixel, float (&cell)[kChannels]) {
  constexpr int kWide = kChannels == 3 ? 1 : kChannels;
#pragma unroll
  for (int c = 0; c < kChannels; c += kWide) {
    Vector<T, kWide> in{};
    if (pixel >= 0) in = load_vector<kWide>(x + pixel * kChannels + c);
#pragma unroll
    for (int i = 0; i < kWide; ++i) cell[c + i] = to_float(in.at[i]);
  }
}

/// The gradients of kFilters neighbouring filters, zeros behind the last.
template <class T>
__device__ __forceinline__ void load_gradients(const T* dy, int filter, int filters,
                                               float (&gradients)[kFilters]) {
  constexpr int kWide = kVectorSize<T>;
  if (filters % kWide == 0) {
#pragma unroll
    for (int k = 0; k < kFilters; k += kWide) {
      Vector<T, kWide> in{};
      if (filter + k < filters) in = load_vector<kWide>(dy + k);
#pragma unroll
      for (int i = 0; i < kWide; ++i) gradients[k + i] = to_float(in.at[i]);
    }
  } else {
#pragma unroll
    for (int k = 0; k < kFilters; ++k) gradients[k] = filter + k < filters ? to_float(dy[k]) : 0.0f;
  }
}

/// `at` is the place of the first filter's output.
template <class T>
__device__ __forceinline__ void store_outputs(const EpilogueOf<T>& epilogue,
                                              const float (&sums)[kFilters], int filter,
                                              int filters, std::int64_t at, T* y) {
  constexpr int kWide = kVectorSize<T>;
  if (filters % kWide == 0) {
#pragma unroll
    for (int k = 0; k < kFilters; k += kWide) {
      if (filter + k < filters) epilogue.template store<kWide>(sums + k, filter + k, at + k, y);
    }
  } else {
#pragma unroll
    for (int k = 0; k < kFilters; ++k) {
      if (filter + k < filters) epilogue.template store<1>(sums + k, filter + k, at + k, y);
    }
  }
}

}  // namespace

template <int kChannels, class T>
__global__ void __launch_bounds__(kWindowThreads, 1)
    conv_first_layer_kernel(ConvAxes axes, ConvStrips strips, int filters, const T* x, const T* w,
                            EpilogueOf<T> epilogue, T* y) {
  const int first = static_cast<int>(blockIdx.y * blockDim.x) * kFilters;
  const int taps = axes.rows.kernel * axes.columns.kernel;
  const Weights weights(w, first, filters, taps * kChannels, false);
  const int filter = first + static_cast<int>(threadIdx.x) * kFilters;
  const unsigned strip_index = blockIdx.x * blockDim.y + threadIdx.y;
  if (filter >= filters || strip_index >= strips.count) return;
  const ConvStrips::Strip strip = strips.at(strip_index);
  const int last_row = std::min(strip.row + strips.height, axes.rows.output);
  for (int row = strip.row; row < last_row; ++row) {
    float sums[kSegment][kFilters] = {};
    for (int r = 0; r < axes.rows.kernel; ++r) {
      const int h = axes.rows.cell(row, r);
      if (h < 0) continue;
      const T* line =
          x + (std::int64_t{strip.image} * axes.rows.input + h) * axes.columns.input * kChannels;
      for (int s = 0; s < axes.columns.kernel; ++s) {
        float cells[kSegment][kChannels];
#pragma unroll
        for (int t = 0; t < kSegment; ++t) {
          load_pixel(line, axes.columns.cell(strip.column + t, s), cells[t]);
        }
#pragma unroll
        for (int c = 0; c < kChannels; ++c) {
          float weight[kFilters];
          weights.load((r * axes.columns.kernel + s) * kChannels + c, weight);
#pragma unroll
          for (int t = 0; t < kSegment; ++t) {
#pragma unroll
            for (int k = 0; k < kFilters; ++k) sums[t][k] += cells[t][c] * weight[k];
          }
        }
      }
    }
    const std::int64_t line_out =
        (std::int64_t{strip.image} * axes.rows.output + row) * axes.columns.output;
#pragma unroll
    for (int t = 0; t < kSegment; ++t) {
      if (strip.column + t >= axes.columns.output) break;
      store_outputs(epilogue, sums[t], filter, filters,
                    (line_out + strip.column + t) * filters + filter, y);
    }
  }
}

template <int kChannels, class T>
__global__ void __launch_bounds__(kWindowThreads, 1)
    conv_first_layer_filter_kernel(ConvAxes axes, ConvStrips strips, unsigned strips_per_part,
                                   int filters, const T* x, const T* dy, float* parts) {
  const int filter = static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x) * kFilters;
  const int taps = axes.rows.kernel * axes.columns.kernel;
  const int tap = static_cast<int>(blockIdx.z * blockDim.z + threadIdx.z) * kTaps;
  const bool takes_part = filter < filters && tap < taps;
  const unsigned first = blockIdx.x * strips_per_part;
  const unsigned last = takes_part ? std::min(first + strips_per_part, strips.count) : 0;
  int tap_row[kTaps],
      tap_column[kTaps];  // here, since divisions in the loop would cost more than it
#pragma unroll
  for (int n = 0; n < kTaps; ++n) {
    tap_row[n] = (tap + n) / axes.columns.kernel;
    tap_column[n] = (tap + n) % axes.columns.kernel;
  }
  float sums[kTaps][kChannels][kFilters] = {};
  for (unsigned index = first + threadIdx.y; index < last; index += blockDim.y) {
    const ConvStrips::Strip strip = strips.at(index);
    const T* picture =
        x + std::int64_t{strip.image} * axes.rows.input * axes.columns.input * kChannels;
    const std::int64_t line_out =
        (std::int64_t{strip.image} * axes.rows.output + strip.row) * axes.columns.output;
    for (int t = 0; t < kSegment; ++t) {
      const int column = strip.column + t;
      if (column >= axes.columns.output) break;
      float gradients[kFilters];
      load_gradients(dy + (line_out + column) * filters + filter, filter, filters, gradients);
#pragma unroll
      for (int n = 0; n < kTaps; ++n) {
        const int h = axes.rows.cell(strip.row, tap_row[n]);
        const int w = axes.columns.cell(column, tap_column[n]);
        float cell[kChannels];
        load_pixel(picture, h < 0 || w < 0 ? -1 : h * axes.columns.input + w, cell);
#pragma unroll
        for (int c = 0; c < kChannels; ++c) {
#pragma unroll
          for (int k = 0; k < kFilters; ++k) sums[n][c][k] += cell[c] * gradients[k];
        }
      }
    }
  }
  float* part = parts + std::int64_t{blockIdx.x} * filters * taps * kChannels;
#pragma unroll
  for (int n = 0; n < kTaps; ++n) {
#pragma unroll
    for (int c = 0; c < kChannels; ++c) {
      sum_along_y(sums[n][c], [&](int k, float sum) {
        if (filter + k >= filters || tap + n >= taps) return;
        part[(std::int64_t{filter + k} * taps + tap + n) * kChannels + c] = sum;
      });
    }
  }
}

namespace {

/// Calls body(kChannels) as an integral constant.
template <class Body>
cudaError_t with_channels(std::int64_t channels, const Body& body) {
  switch (channels) {
    case 1:
      return body(std::integral_constant<int, 1>{});
    case 2:
      return body(std::integral_constant<int, 2>{});
    case 3:
      return body(std::integral_constant<int, 3>{});
    case 4:
      return body(std::integral_constant<int, 4>{});
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace

const char* conv_first_layer_declines(const ConvShape& shape) {
  if (shape.groups != 1) return "groups > 1";
  if (shape.channels > kMostChannels) return "more than 4 channels";
  if (shape.patch() > kLongestPatch) return "filters of more than 1,024 weights";
  return conv_window_declines(shape);
}

cudaError_t conv_forward_first_layer(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                     const void* x, const void* w, const Epilogue& epilogue,
                                     void* y) {
  if (conv_first_layer_declines(shape) != nullptr) return cudaErrorInvalidValue;
  const ConvAxes axes = forward_axes(shape);
  const std::int64_t vectors = blocks_for(shape.filters, kFilters);
  const unsigned lanes =
      even_share(vectors, std::min(kMostLanes, Weights::most_lanes(shape.patch())));
  const dim3 threads{lanes, kWindowThreads / lanes};
  const unsigned along_filters = blocks_for(vectors, lanes);
  const ConvStrips strips = strips_for(shape.images, axes, threads.y, along_filters);
  const auto shared_bytes = static_cast<std::size_t>(Weights::bytes(shape.patch(), lanes));
  const cudaError_t status = with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_channels(shape.channels, [&](auto channels) {
      constexpr int kChannels = channels;
      return launch("conv_first_layer_kernel", stream,
                    {{blocks_for(strips.count, threads.y), along_filters}, threads, shared_bytes},
                    conv_first_layer_kernel<kChannels, T>, axes, strips,
                    static_cast<int>(shape.filters), static_cast<const T*>(x),
                    static_cast<const T*>(w), epilogue_of<T>(epilogue), static_cast<T*>(y));
    });
  });
  if (status != cudaSuccess) return status;
  return finish_epilogue(stream, epilogue, dtype, y, shape.output_pixels() * shape.filters);
}

std::int64_t conv_backward_filter_first_layer_workspace_bytes(const ConvShape& shape) {
  return FilterParts(shape).bytes(shape);
}

cudaError_t conv_backward_filter_first_layer(cudaStream_t stream, const ConvShape& shape,
                                             DType dtype, const void* x, const void* dy, void* dw,
                                             void* workspace) {
  if (conv_first_layer_declines(shape) != nullptr) return cudaErrorInvalidValue;
  const FilterParts parts(shape);
  const std::int64_t vectors = blocks_for(shape.filters, kFilters);
  const std::int64_t units = blocks_for(shape.kernel_height * shape.kernel_width, kTaps);
  auto* sums = static_cast<float*>(workspace);
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_channels(shape.channels, [&](auto channels) {
      constexpr int kChannels = channels;
      const cudaError_t status = launch(
          "conv_first_layer_filter_kernel", stream,
          filter_launch(even_share(vectors, kMostLanes), vectors, units, parts.count, kFilters),
          conv_first_layer_filter_kernel<kChannels, T>, forward_axes(shape), parts.strips,
          parts.strips_per_part, static_cast<int>(shape.filters), static_cast<const T*>(x),
          static_cast<const T*>(dy), sums);
      if (status != cudaSuccess) return status;
      return sum_filter_parts(stream, shape, parts, sums, static_cast<T*>(dw));
    });
  });
}

}  // namespace fovea::kernels
