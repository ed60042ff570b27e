// The gradient with respect to a convolution's input, as implicit GEMMs.
//
// With strides sh and sw, the rows h of dx with h + ph = a modulo sh meet only the taps r with r dh
// = a modulo sh, and columns alike. So dx falls into sh sw parts, each a convolution of stride 1
// over dy with some of the taps, in reverse order: dX (pixels x channels) = patches of dy times
// W (tap filters x channels), without a multiplication by a zero between the strides. All parts
// are one launch, blockIdx.z says which.
//
// Mapping, bytes moved and preconditions: gemm.cuh.
#include <numeric>

#include "kernels/conv_gemm.cuh"

namespace fovea::kernels {
namespace {

/// One axis of a part: the pixels first, first + stride, ... of dx and the taps they meet.
struct PartAxis {
  int first, pixels;
  int first_tap, tap_step, taps;
  int first_source;  ///< dy's cell under the first pixel and the first tap
  int source_step;   ///< from one tap to the next
};

PartAxis part_axis(std::int64_t first, std::int64_t size, std::int64_t stride,
                   std::int64_t dilation, std::int64_t pad, std::int64_t kernel) {
  const std::int64_t pixels = first < size ? (size - first + stride - 1) / stride : 0;
  const std::int64_t step = stride / std::gcd(stride, dilation);
  std::int64_t tap = 0;
  while (tap < kernel && (first + pad - tap * dilation) % stride != 0) ++tap;
  const std::int64_t taps = tap < kernel ? (kernel - tap + step - 1) / step : 0;
  return {static_cast<int>(first),
          static_cast<int>(pixels),
          static_cast<int>(tap),
          static_cast<int>(step),
          static_cast<int>(taps),
          static_cast<int>(taps > 0 ? (first + pad - tap * dilation) / stride : 0),
          static_cast<int>(-(step * dilation / stride))};
}

/// Rows of the product are a part's pixels; this is their place among all pixels of dx.
struct PartRows {
  int height, width, first_row, first_column, stride_height, stride_width;
  FastDivisor by_height, by_width;

  __device__ __forceinline__ std::int64_t index(int row) const {
    auto picture = static_cast<unsigned>(row);
    const auto j = static_cast<int>(by_width.divide(picture));
    const auto i = static_cast<int>(by_height.divide(picture));
    return (std::int64_t{picture} * height + (first_row + i * stride_height)) * width +
           (first_column + j * stride_width);
  }
};

template <class T>
using Part = GemmPart<PatchRows<T>, TapWeights<T>, GemmOutput<T, PartRows>>;

template <class T>
Part<T> make_part(const ConvShape& s, const PartAxis& down, const PartAxis& across, const T* dy,
                  const T* w, T* dx) {
  const auto filters = static_cast<int>(s.filters);
  const auto channels = static_cast<int>(s.channels);
  const auto pixels = static_cast<int>(s.images * down.pixels * across.pixels);
  const FastDivisor by_height(std::max(down.pixels, 1)), by_width(std::max(across.pixels, 1));
  const FastDivisor by_taps(std::max(across.taps, 1)), by_filters(filters);
  const WindowGrid grid = {.height = static_cast<int>(s.out_height),
                           .width = static_cast<int>(s.out_width),
                           .channels = filters,
                           .step_height = 1,
                           .step_width = 1,
                           .top = down.first_source,
                           .left = across.first_source,
                           .tap_height = down.source_step,
                           .tap_width = across.source_step,
                           .by_grid_height = by_height,
                           .by_grid_width = by_width,
                           .by_taps_across = by_taps,
                           .by_channels = by_filters};
  const PartRows rows = {
      static_cast<int>(s.height),        static_cast<int>(s.width),        down.first, across.first,
      static_cast<int>(s.stride_height), static_cast<int>(s.stride_width), by_height,  by_width};
  return {
      .a = {dy, pixels, grid},
      .b = {w, channels, static_cast<int>(s.kernel_height), static_cast<int>(s.kernel_width),
            down.first_tap, across.first_tap, down.tap_step, across.tap_step, by_filters, by_taps},
      .c = {dx, nullptr, pixels, channels, channels % kVectorSize<T> == 0, epilogue_of<T>({}),
            rows},
      .inner = down.taps * across.taps * filters};
}

/// The places behind the last part hold the first one again; no block looks at them.
template <class T, std::size_t... kIndices>
GemmProblem<Part<T>, kLargestConvStrides> make_problem(const ConvShape& s, const T* dy, const T* w,
                                                       T* dx, std::index_sequence<kIndices...>) {
  const auto part = [&](std::int64_t index) {
    index %= s.stride_height * s.stride_width;
    return make_part<T>(s,
                        part_axis(index / s.stride_width, s.height, s.stride_height,
                                  s.dilation_height, s.pad_top, s.kernel_height),
                        part_axis(index % s.stride_width, s.width, s.stride_width, s.dilation_width,
                                  s.pad_left, s.kernel_width),
                        dy, w, dx);
  };
  return {{part(kIndices)...}, 0, 0};
}

}  // namespace

cudaError_t conv_backward_data_implicit_gemm(cudaStream_t stream, const ConvShape& shape,
                                             DType dtype, bool allow_tf32, const GemmChoice& choice,
                                             const void* dy, const void* w, void* dx) {
  if (conv_implicit_gemm_declines(shape, ConvPass::backward_data) != nullptr) {
    return cudaErrorInvalidValue;
  }
  const std::int64_t parts = shape.stride_height * shape.stride_width;
  const auto start = [&](auto config) {
    using Config = decltype(config);
    using T = typename Config::Element;
    const auto problem =
        make_problem(shape, static_cast<const T*>(dy), static_cast<const T*>(w),
                     static_cast<T*>(dx), std::make_index_sequence<kLargestConvStrides>());
    return launch_gemm<Config>(stream, problem, part_rows(shape), shape.channels,
                               static_cast<unsigned>(parts));
  };
  return with_gemm_config<false>(backward_data_task(shape, dtype), allow_tf32, choice, start);
}

}  // namespace fovea::kernels
