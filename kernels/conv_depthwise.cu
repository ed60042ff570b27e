// Depthwise convolutions: one filter per channel.
//   y[n, oh, ow, c] = sum over r, s of x[n, oh sh - ph + r dh, ow sw - pw + s dw, c] w[c, r, s]
// Backward data is the same walk over dy, with the taps in reverse order and dy's cells as far
// apart as the stride. Backward filter sums x dy over all pixels.
//
// Mapping: a thread has kCount neighbouring channels, a vector of 16 bytes where the channels are
// whole vectors, else one; see conv_window.cuh. Forward and backward data: it computes a strip of
// rows, kSegment outputs at a time, its block's filters being in shared memory. Where windows move
// by single cells, kTaps = kernel width, each cell of a row is loaded once for all outputs and taps
// that see it; else kTaps = 1, once per output and tap. Backward filter: it sums kTaps weights of a
// row of the filter over its share of the pixels; the block adds up its threads' sums in shared
// memory, column_sum_kernel the blocks' rows, all in a fixed order.
// Bytes moved: each tensor once from memory; rows that windows share come from the caches. Backward
// filter: 8 bytes per part and weight more.
// Preconditions: conv_depthwise_declines; tensors aligned to 16 bytes.
#include "kernels/conv_window.cuh"
#include "kernels/epilogue.cuh"

namespace fovea::kernels {
namespace {

/// Lanes along the channels: full cache lines.
template <int kCount>
constexpr std::int64_t kMostLanes = kCount > 1 ? 16 : 32;

/// Filters with more taps would not fit into shared memory.
constexpr std::int64_t kMostTaps = SharedWeights<8>::kMostBytes / SharedWeights<8>::bytes(1, 1);

/// Calls body(kCount, kTaps) as integral constants. `dense`: windows move by single cells.
template <class T, class Body>
cudaError_t with_depthwise_sizes(const ConvShape& shape, bool dense, const Body& body) {
  using std::integral_constant;
  if (shape.channels % kVectorSize < T >> 0) {
    return body(integral_constant<int, 1>{}, integral_constant<int, 1>{});
  }
  constexpr integral_constant<int, kVectorSize<T>> kCount;
  if (dense && shape.kernel_width == 3) return body(kCount, integral_constant<int, 3>{});
  if (dense && shape.kernel_width == 5) return body(kCount, integral_constant<int, 5>{});
  if (dense && shape.kernel_width == 7) return body(kCount, integral_constant<int, 7>{});
  return body(kCount, integral_constant<int, 1>{});
}

bool is_dense(const ConvShape& shape) {
  return shape.stride_width == 1 && shape.dilation_width == 1;
}

/// The cells under the segment's windows at taps [s, s + kTaps); zeros outside.
template <int kCount, int kTaps, bool kSpaced, class T>
__device__ __forceinline__ void load_cells(const T* line, int channels, const ConvAxis& columns,
                                           int first, int s,
                                           Vector<T, kCount> (&cells)[kSegment + kTaps - 1]) {
#pragma unroll
  for (int j = 0; j < kSegment + kTaps - 1; ++j) {
    const int column = columns.cell<kSpaced>(first + j, s);
    cells[j] = column >= 0 ? load_vector<kCount>(line + column * channels) : Vector<T, kCount>{};
  }
}

}  // namespace

/// in -> out: x -> y, or dy -> dx with `reversed` taps.
template <int kCount, int kTaps, bool kSpaced, class T>
__global__ void __launch_bounds__(kWindowThreads, 1)
    conv_depthwise_kernel(ConvAxes axes, ConvStrips strips, int channels, const T* in, const T* w,
                          bool reversed, EpilogueOf<T> epilogue, T* out) {
  const int first = static_cast<int>(blockIdx.y * blockDim.x) * kCount;
  const SharedWeights<kCount> weights(w, first, channels, axes.rows.kernel * axes.columns.kernel,
                                      reversed);
  const int channel = first + static_cast<int>(threadIdx.x) * kCount;
  const unsigned strip_index = blockIdx.x * blockDim.y + threadIdx.y;
  if (channel >= channels || strip_index >= strips.count) return;
  const ConvStrips::Strip strip = strips.at(strip_index);
  const T* picture =
      in + std::int64_t{strip.image} * axes.rows.input * axes.columns.input * channels + channel;
  const int last_row = std::min(strip.row + strips.height, axes.rows.output);
  for (int row = strip.row; row < last_row; ++row) {
    float sums[kSegment][kCount] = {};
    for (int r = 0; r < axes.rows.kernel; ++r) {
      const int h = axes.rows.cell<kSpaced>(row, r);
      if (h < 0) continue;
      const T* line = picture + h * axes.columns.input * channels;
      for (int s = 0; s < axes.columns.kernel; s += kTaps) {
        Vector<T, kCount> cells[kSegment + kTaps - 1];
        load_cells<kCount, kTaps, kSpaced>(line, channels, axes.columns, strip.column, s, cells);
#pragma unroll
        for (int n = 0; n < kTaps; ++n) {
          float weight[kCount];
          weights.load(r * axes.columns.kernel + s + n, weight);
#pragma unroll
          for (int t = 0; t < kSegment; ++t) {
#pragma unroll
            for (int i = 0; i < kCount; ++i) {
              sums[t][i] += to_float(cells[t + n].at[i]) * weight[i];
            }
          }
        }
      }
    }
    const std::int64_t line_out =
        (std::int64_t{strip.image} * axes.rows.output + row) * axes.columns.output;
#pragma unroll
    for (int t = 0; t < kSegment; ++t) {
      if (strip.column + t >= axes.columns.output) break;
      epilogue.template store<kCount>(sums[t], channel,
                                      (line_out + strip.column + t) * channels + channel, out);
    }
  }
}

template <int kCount, int kTaps, class T>
__global__ void __launch_bounds__(kWindowThreads, 1)
    conv_depthwise_filter_kernel(ConvAxes axes, ConvStrips strips, unsigned strips_per_part,
                                 int channels, const T* x, const T* dy, float* parts) {
  const int channel = static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x) * kCount;
  const int taps = axes.rows.kernel * axes.columns.kernel;
  const int tap = static_cast<int>(blockIdx.z * blockDim.z + threadIdx.z) * kTaps;
  const int r = tap / axes.columns.kernel;
  const int s = tap % axes.columns.kernel;
  const bool takes_part = channel < channels && tap < taps;
  const unsigned first = blockIdx.x * strips_per_part;
  const unsigned last = takes_part ? std::min(first + strips_per_part, strips.count) : 0;
  float sums[kTaps][kCount] = {};
  for (unsigned index = first + threadIdx.y; index < last; index += blockDim.y) {
    const ConvStrips::Strip strip = strips.at(index);
    const int h = axes.rows.cell(strip.row, r);
    if (h < 0) continue;
    const T* line =
        x + (std::int64_t{strip.image} * axes.rows.input + h) * axes.columns.input * channels +
        channel;
    Vector<T, kCount> cells[kSegment + kTaps - 1];
    load_cells<kCount, kTaps, false>(line, channels, axes.columns, strip.column, s, cells);
    const std::int64_t line_out =
        (std::int64_t{strip.image} * axes.rows.output + strip.row) * axes.columns.output;
    const T* gradient = dy + (line_out + strip.column) * channels + channel;
#pragma unroll
    for (int t = 0; t < kSegment; ++t) {
      if (strip.column + t >= axes.columns.output) break;
      const Vector<T, kCount> slope = load_vector<kCount>(gradient + t * channels);
#pragma unroll
      for (int n = 0; n < kTaps; ++n) {
#pragma unroll
        for (int i = 0; i < kCount; ++i) {
          sums[n][i] += to_float(cells[t + n].at[i]) * to_float(slope.at[i]);
        }
      }
    }
  }
  float* part = parts + std::int64_t{blockIdx.x} * channels * taps;
#pragma unroll
  for (int n = 0; n < kTaps; ++n) {
    sum_along_y(sums[n], [&](int i, float sum) {
      if (takes_part) part[std::int64_t{channel + i} * taps + tap + n] = sum;
    });
  }
}

namespace {

/// Forward and backward data; the latter where kSpaced, or without strides.
template <bool kSpaced>
cudaError_t walk(cudaStream_t stream, const ConvShape& shape, const ConvAxes& axes, DType dtype,
                 const void* in, const void* w, bool reversed, const Epilogue& epilogue,
                 void* out) {
  const std::int64_t taps = shape.kernel_height * shape.kernel_width;
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_depthwise_sizes<T>(shape, is_dense(shape), [&](auto count, auto at_once) {
      constexpr int kCount = count;
      constexpr int kTaps = kSpaced ? 1 : at_once;
      const std::int64_t vectors = shape.channels / kCount;
      using Weights = SharedWeights<kCount>;
      const unsigned lanes =
          even_share(vectors, std::min(kMostLanes<kCount>, Weights::most_lanes(taps)));
      const dim3 threads{lanes, kWindowThreads / lanes};
      const unsigned along_channels = blocks_for(vectors, lanes);
      const ConvStrips strips = strips_for(shape.images, axes, threads.y, along_channels);
      const auto shared_bytes = static_cast<std::size_t>(Weights::bytes(taps, lanes));
      return launch("conv_depthwise_kernel", stream,
                    {{blocks_for(strips.count, threads.y), along_channels}, threads, shared_bytes},
                    conv_depthwise_kernel<kCount, kTaps, kSpaced, T>, axes, strips,
                    static_cast<int>(shape.channels), static_cast<const T*>(in),
                    static_cast<const T*>(w), reversed, epilogue_of<T>(epilogue),
                    static_cast<T*>(out));
    });
  });
}

}  // namespace

const char* conv_depthwise_declines(const ConvShape& shape) {
  if (shape.groups != shape.channels || shape.filters != shape.channels) {
    return "not one filter for each channel";
  }
  if (shape.patch() > kMostTaps) return "filters of more than 1,024 weights";
  return conv_window_declines(shape);
}

cudaError_t conv_forward_depthwise(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                   const void* x, const void* w, const Epilogue& epilogue,
                                   void* y) {
  if (conv_depthwise_declines(shape) != nullptr) return cudaErrorInvalidValue;
  const cudaError_t status =
      walk<false>(stream, shape, forward_axes(shape), dtype, x, w, false, epilogue, y);
  if (status != cudaSuccess) return status;
  return finish_epilogue(stream, epilogue, dtype, y, shape.output_pixels() * shape.filters);
}

cudaError_t conv_backward_data_depthwise(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                         const void* dy, const void* w, void* dx) {
  if (conv_depthwise_declines(shape) != nullptr) return cudaErrorInvalidValue;
  const ConvAxes axes = backward_data_axes(shape);
  if (shape.stride_height == 1 && shape.stride_width == 1) {
    return walk<false>(stream, shape, axes, dtype, dy, w, true, {}, dx);
  }
  return walk<true>(stream, shape, axes, dtype, dy, w, true, {}, dx);
}

std::int64_t conv_backward_filter_depthwise_workspace_bytes(const ConvShape& shape) {
  return FilterParts(shape).bytes(shape);
}

cudaError_t conv_backward_filter_depthwise(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                           const void* x, const void* dy, void* dw,
                                           void* workspace) {
  if (conv_depthwise_declines(shape) != nullptr) return cudaErrorInvalidValue;
  const FilterParts parts(shape);
  auto* sums = static_cast<float*>(workspace);
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_depthwise_sizes<T>(shape, is_dense(shape), [&](auto count, auto at_once) {
      constexpr int kCount = count;
      constexpr int kTaps = at_once;
      const std::int64_t vectors = shape.channels / kCount;
      const cudaError_t status =
          launch("conv_depthwise_filter_kernel", stream,
                 filter_launch(even_share(vectors, kMostLanes<kCount>), vectors,
                               shape.patch() / kTaps, parts.count, kCount),
                 conv_depthwise_filter_kernel<kCount, kTaps, T>, forward_axes(shape), parts.strips,
                 parts.strips_per_part, static_cast<int>(shape.channels), static_cast<const T*>(x),
                 static_cast<const T*>(dy), sums);
      if (status != cudaSuccess) return status;
      return sum_filter_parts(stream, shape, parts, sums, static_cast<T*>(dw));
    });
  });
}

}  // namespace fovea::kernels
