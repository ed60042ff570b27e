// Convolutions by their formulas: for every shape, and the fallback where faster ways decline.
//
// Mapping: forward, a thread sums one y[n, oh, ow, k]; backward data, one dx[n, h, w, c]; backward
// filter, one dw[k, r, s, c] over a part of the pixels, sum_parts_kernel then adds the parts in
// order. Neighbouring threads have neighbouring channels, so what they store is contiguous.
// Bytes moved: each operand once from memory; what neighbours share comes from the caches.
// Preconditions: fewer than 2^31 pixels, and pictures of fewer than 2^31 elements.
#include <algorithm>

#include "kernels/conv.h"
#include "kernels/divide.cuh"
#include "kernels/epilogue.cuh"
#include "kernels/launch.h"
#include "kernels/sum_parts.cuh"

namespace fovea::kernels {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kMaxParts = 256;
constexpr std::int64_t kPixelsPerPart = 512;

/// ConvShape for kernels.
struct Sizes {
  int height, width, channels, out_height, out_width, filters;
  int kernel_height, kernel_width, group_channels, group_filters;
  int stride_height, stride_width, dilation_height, dilation_width, pad_top, pad_left;
  unsigned input_pixels, output_pixels;
  FastDivisor by_height, by_width, by_out_height, by_out_width;

  explicit Sizes(const ConvShape& s)
      : height(static_cast<int>(s.height)),
        width(static_cast<int>(s.width)),
        channels(static_cast<int>(s.channels)),
        out_height(static_cast<int>(s.out_height)),
        out_width(static_cast<int>(s.out_width)),
        filters(static_cast<int>(s.filters)),
        kernel_height(static_cast<int>(s.kernel_height)),
        kernel_width(static_cast<int>(s.kernel_width)),
        group_channels(static_cast<int>(s.group_channels())),
        group_filters(static_cast<int>(s.group_filters())),
        stride_height(static_cast<int>(s.stride_height)),
        stride_width(static_cast<int>(s.stride_width)),
        dilation_height(static_cast<int>(s.dilation_height)),
        dilation_width(static_cast<int>(s.dilation_width)),
        pad_top(static_cast<int>(s.pad_top)),
        pad_left(static_cast<int>(s.pad_left)),
        input_pixels(static_cast<unsigned>(s.input_pixels())),
        output_pixels(static_cast<unsigned>(s.output_pixels())),
        by_height(s.height),
        by_width(s.width),
        by_out_height(s.out_height),
        by_out_width(s.out_width) {}
};

/// Threads along x take neighbouring channels, threads along y neighbouring pixels.
LaunchShape shape_for(std::int64_t pixels, std::int64_t channels) {
  unsigned wide = 8;
  while (wide < channels && wide < kThreads) wide *= 2;
  const unsigned high = kThreads / wide;
  return {{blocks_for(pixels, high), blocks_for(channels, wide)}, {wide, high}};
}

std::int64_t parts_of(const ConvShape& shape) {
  return std::clamp(shape.output_pixels() / kPixelsPerPart, std::int64_t{1}, kMaxParts);
}

}  // namespace

template <class T>
__global__ void conv_forward_direct_kernel(Sizes sizes, const T* x, const T* w,
                                           EpilogueOf<T> epilogue, T* y) {
  const unsigned pixel = blockIdx.x * blockDim.y + threadIdx.y;
  const int k = static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x);
  if (pixel >= sizes.output_pixels || k >= sizes.filters) return;
  unsigned image = pixel;
  const int ow = static_cast<int>(sizes.by_out_width.divide(image));
  const int oh = static_cast<int>(sizes.by_out_height.divide(image));
  const int depth = sizes.group_channels;
  const T* picture = x + std::int64_t{image} * sizes.height * sizes.width * sizes.channels +
                     k / sizes.group_filters * depth;
  const T* weights = w + std::int64_t{k} * sizes.kernel_height * sizes.kernel_width * depth;
  float sum = 0;
  for (int r = 0; r < sizes.kernel_height; ++r) {
    const int h = oh * sizes.stride_height - sizes.pad_top + r * sizes.dilation_height;
    if (h < 0 || h >= sizes.height) continue;
    for (int s = 0; s < sizes.kernel_width; ++s) {
      const int column = ow * sizes.stride_width - sizes.pad_left + s * sizes.dilation_width;
      if (column < 0 || column >= sizes.width) continue;
      const T* cell = picture + (h * sizes.width + column) * sizes.channels;
      const T* tap = weights + (r * sizes.kernel_width + s) * depth;
#pragma unroll 4
      for (int c = 0; c < depth; ++c) sum += to_float(cell[c]) * to_float(tap[c]);
    }
  }
  const std::int64_t at = std::int64_t{pixel} * sizes.filters + k;
  y[at] = from_float<T>(epilogue(sum, k, at));
}

template <class T>
__global__ void conv_backward_data_direct_kernel(Sizes sizes, const T* dy, const T* w, T* dx) {
  const unsigned pixel = blockIdx.x * blockDim.y + threadIdx.y;
  const int c = static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x);
  if (pixel >= sizes.input_pixels || c >= sizes.channels) return;
  unsigned image = pixel;
  const int column = static_cast<int>(sizes.by_width.divide(image));
  const int row = static_cast<int>(sizes.by_height.divide(image));
  const int depth = sizes.group_channels;
  const int first_filter = c / depth * sizes.group_filters;
  const int filter_size = sizes.kernel_height * sizes.kernel_width * depth;
  const T* gradient =
      dy + std::int64_t{image} * sizes.out_height * sizes.out_width * sizes.filters + first_filter;
  const T* weights = w + std::int64_t{first_filter} * filter_size + c % depth;
  float sum = 0;
  for (int r = 0; r < sizes.kernel_height; ++r) {
    const int h = row + sizes.pad_top - r * sizes.dilation_height;
    const int oh = h / sizes.stride_height;
    if (h < 0 || oh >= sizes.out_height || oh * sizes.stride_height != h) continue;
    for (int s = 0; s < sizes.kernel_width; ++s) {
      const int v = column + sizes.pad_left - s * sizes.dilation_width;
      const int ow = v / sizes.stride_width;
      if (v < 0 || ow >= sizes.out_width || ow * sizes.stride_width != v) continue;
      const T* cell = gradient + (oh * sizes.out_width + ow) * sizes.filters;
      const T* tap = weights + (r * sizes.kernel_width + s) * depth;
#pragma unroll 4
      for (int k = 0; k < sizes.group_filters; ++k) {
        sum += to_float(cell[k]) * to_float(tap[std::int64_t{k} * filter_size]);
      }
    }
  }
  dx[std::int64_t{pixel} * sizes.channels + c] = from_float<T>(sum);
}

/// Part blockIdx.y of the pixels.
template <class T>
__global__ void conv_backward_filter_direct_kernel(Sizes sizes, const T* x, const T* dy,
                                                   float* parts, std::int64_t weights,
                                                   unsigned pixels_per_part) {
  const std::int64_t weight = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (weight >= weights) return;
  const int depth = sizes.group_channels;
  const int c = static_cast<int>(weight % depth);
  const auto tap = static_cast<int>(weight / depth % (sizes.kernel_height * sizes.kernel_width));
  const auto k = static_cast<int>(weight / depth / (sizes.kernel_height * sizes.kernel_width));
  const int top = tap / sizes.kernel_width * sizes.dilation_height - sizes.pad_top;
  const int left = tap % sizes.kernel_width * sizes.dilation_width - sizes.pad_left;
  const T* channel = x + k / sizes.group_filters * depth + c;
  const unsigned first = blockIdx.y * pixels_per_part;
  const unsigned last = std::min(first + pixels_per_part, sizes.output_pixels);
  float sum = 0;
#pragma unroll 4
  for (unsigned pixel = first; pixel < last; ++pixel) {
    unsigned image = pixel;
    const int ow = static_cast<int>(sizes.by_out_width.divide(image));
    const int oh = static_cast<int>(sizes.by_out_height.divide(image));
    const int row = oh * sizes.stride_height + top;
    const int column = ow * sizes.stride_width + left;
    if (row < 0 || row >= sizes.height || column < 0 || column >= sizes.width) continue;
    const std::int64_t cell = (std::int64_t{image} * sizes.height + row) * sizes.width + column;
    sum += to_float(channel[cell * sizes.channels]) *
           to_float(dy[std::int64_t{pixel} * sizes.filters + k]);
  }
  parts[blockIdx.y * weights + weight] = sum;
}

const char* conv_direct_declines(const ConvShape& shape) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 31;
  if (shape.input_pixels() >= kLimit || shape.output_pixels() >= kLimit) {
    return "2^31 pixels or more";
  }
  if (shape.height * shape.width * shape.channels >= kLimit ||
      shape.out_height * shape.out_width * shape.filters >= kLimit || shape.patch() >= kLimit) {
    return "a picture of 2^31 elements or more";
  }
  return nullptr;
}

cudaError_t conv_forward_direct(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                const void* x, const void* w, const Epilogue& epilogue, void* y) {
  if (conv_direct_declines(shape) != nullptr) return cudaErrorInvalidValue;
  const cudaError_t status = with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch("conv_forward_direct_kernel", stream,
                  shape_for(shape.output_pixels(), shape.filters), conv_forward_direct_kernel<T>,
                  Sizes(shape), static_cast<const T*>(x), static_cast<const T*>(w),
                  epilogue_of<T>(epilogue), static_cast<T*>(y));
  });
  if (status != cudaSuccess) return status;
  return finish_epilogue(stream, epilogue, dtype, y, shape.output_pixels() * shape.filters);
}

cudaError_t conv_backward_data_direct(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                      const void* dy, const void* w, void* dx) {
  if (conv_direct_declines(shape) != nullptr) return cudaErrorInvalidValue;
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch("conv_backward_data_direct_kernel", stream,
                  shape_for(shape.input_pixels(), shape.channels),
                  conv_backward_data_direct_kernel<T>, Sizes(shape), static_cast<const T*>(dy),
                  static_cast<const T*>(w), static_cast<T*>(dx));
  });
}

std::int64_t conv_backward_filter_direct_workspace_bytes(const ConvShape& shape) {
  return parts_of(shape) * shape.weights() * std::int64_t{sizeof(float)};
}

cudaError_t conv_backward_filter_direct(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                        const void* x, const void* dy, void* dw, void* workspace) {
  if (conv_direct_declines(shape) != nullptr) return cudaErrorInvalidValue;
  const std::int64_t parts = parts_of(shape);
  const auto pixels_per_part = static_cast<unsigned>((shape.output_pixels() + parts - 1) / parts);
  auto* sums = static_cast<float*>(workspace);
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    const cudaError_t status =
        launch("conv_backward_filter_direct_kernel", stream,
               {{blocks_for(shape.weights(), kThreads), static_cast<unsigned>(parts)}, kThreads},
               conv_backward_filter_direct_kernel<T>, Sizes(shape), static_cast<const T*>(x),
               static_cast<const T*>(dy), sums, shape.weights(), pixels_per_part);
    if (status != cudaSuccess) return status;
    return sum_parts(stream, sums, parts, shape.weights(), static_cast<T*>(dw));
  });
}

}  // namespace fovea::kernels
