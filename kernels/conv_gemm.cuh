// Convolutions as matrix products: what the three passes share. Windows are rows of a matrix, the
// patches they see its columns; the matrix is never stored.
#pragma once

#include "kernels/conv.h"
#include "kernels/gemm.cuh"
#include "kernels/gemm_configs.cuh"

namespace fovea::kernels {

/// For conv_implicit_gemm_declines: sums of indices must stay below 2^31.
inline constexpr std::int64_t kLargestGemmOperand = std::int64_t{1} << 30;

/// Backward data has a part per residue of the rows and columns modulo the strides.
inline constexpr int kLargestConvStrides = 9;

/// Bytes per copy that the contiguous axes allow: channels, and where `filters_too` filters.
inline int conv_copy_bytes(const ConvShape& shape, DType dtype, bool filters_too) {
  const std::int64_t both = filters_too ? shape.channels | shape.filters : shape.channels;
  return copy_bytes(both, dtype);
}

/// The passes as products.
inline GemmTask forward_task(const ConvShape& s, DType dtype) {
  return {dtype, conv_copy_bytes(s, dtype, false), s.output_pixels(), s.filters};
}
inline GemmTask backward_filter_task(const ConvShape& s, DType dtype) {
  return {dtype, conv_copy_bytes(s, dtype, true), s.filters, s.patch()};
}
/// Backward data's parts together: each has part_rows() rows.
inline std::int64_t part_rows(const ConvShape& s) {
  return s.images * ((s.height + s.stride_height - 1) / s.stride_height) *
         ((s.width + s.stride_width - 1) / s.stride_width);
}
inline GemmTask backward_data_task(const ConvShape& s, DType dtype) {
  return {dtype, conv_copy_bytes(s, dtype, true), part_rows(s) * s.stride_height * s.stride_width,
          s.channels};
}

/// The choices of backward filter.
std::vector<GemmChoice> backward_filter_choices(const ConvShape& shape, DType dtype);

/// The windows of the forward pass over x.
inline WindowGrid forward_grid(const ConvShape& s) {
  return {.height = static_cast<int>(s.height),
          .width = static_cast<int>(s.width),
          .channels = static_cast<int>(s.channels),
          .step_height = static_cast<int>(s.stride_height),
          .step_width = static_cast<int>(s.stride_width),
          .top = static_cast<int>(-s.pad_top),
          .left = static_cast<int>(-s.pad_left),
          .tap_height = static_cast<int>(s.dilation_height),
          .tap_width = static_cast<int>(s.dilation_width),
          .by_grid_height = FastDivisor(s.out_height),
          .by_grid_width = FastDivisor(s.out_width),
          .by_taps_across = FastDivisor(s.kernel_width),
          .by_channels = FastDivisor(s.channels)};
}

}  // namespace fovea::kernels
