// Convolutions of (N, H, W, C) pictures with (K, R, S, C / groups) weights, and their gradients:
//   y[n, oh, ow, k] = sum over r, s, c of x[n, oh sh - ph + r dh, ow sw - pw + s dw, c] w[k, r, s,
//   c]
// with zeros where the window hangs over the edge; k and c are of the same group. Tensors are f32,
// f16 or bf16, all of one type, aligned to 16 bytes; sums are f32.
//
// Four ways. `direct` takes everything. `implicit_gemm` is a matrix product whose operands are
// gathered from the pictures as it goes, on tensor cores for 16-bit types. `depthwise` is for one
// filter per channel, `first_layer` for up to four channels, without backward data.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <vector>

#include "fovea/dtype.h"
#include "kernels/epilogue.h"
#include "kernels/gemm_choice.h"

namespace fovea::kernels {

/// All sizes of a convolution.
struct ConvShape {
  std::int64_t images, height, width, channels;      ///< x
  std::int64_t out_height, out_width, filters;       ///< y, with x's images
  std::int64_t kernel_height, kernel_width, groups;  ///< w
  std::int64_t stride_height, stride_width;
  std::int64_t dilation_height, dilation_width;
  std::int64_t pad_top, pad_left;

  std::int64_t input_pixels() const { return images * height * width; }
  std::int64_t output_pixels() const { return images * out_height * out_width; }
  std::int64_t group_channels() const { return channels / groups; }
  std::int64_t group_filters() const { return filters / groups; }
  /// Weights per filter.
  std::int64_t patch() const { return kernel_height * kernel_width * group_channels(); }
  std::int64_t weights() const { return filters * patch(); }
};

enum class ConvPass { forward, backward_data, backward_filter };

/// Why the kernels below cannot take these sizes, or null where they can.
const char* conv_direct_declines(const ConvShape& shape);
const char* conv_implicit_gemm_declines(const ConvShape& shape, ConvPass pass);
const char* conv_depthwise_declines(const ConvShape& shape);
const char* conv_first_layer_declines(const ConvShape& shape);

/// y = f(conv(x, w) + bias + residual). y may be the residual.
cudaError_t conv_forward_direct(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                const void* x, const void* w, const Epilogue& epilogue, void* y);
cudaError_t conv_backward_data_direct(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                      const void* dy, const void* w, void* dx);
/// Sums over parts of the pixels go through `workspace`, aligned to 16 bytes.
cudaError_t conv_backward_filter_direct(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                        const void* x, const void* dy, void* dw, void* workspace);
std::int64_t conv_backward_filter_direct_workspace_bytes(const ConvShape& shape);

/// What the three functions below may be asked to do, each once, the likeliest fastest first.
/// Precondition: conv_implicit_gemm_declines says null.
std::vector<GemmChoice> conv_implicit_gemm_choices(const ConvShape& shape, ConvPass pass,
                                                   DType dtype);
/// As above. `allow_tf32`: f32 operands are rounded to 10 bits of fraction, for tensor cores.
cudaError_t conv_forward_implicit_gemm(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                       bool allow_tf32, const GemmChoice& choice, const void* x,
                                       const void* w, const Epilogue& epilogue, void* y);
cudaError_t conv_backward_data_implicit_gemm(cudaStream_t stream, const ConvShape& shape,
                                             DType dtype, bool allow_tf32, const GemmChoice& choice,
                                             const void* dy, const void* w, void* dx);
cudaError_t conv_backward_filter_implicit_gemm(cudaStream_t stream, const ConvShape& shape,
                                               DType dtype, bool allow_tf32,
                                               const GemmChoice& choice, const void* x,
                                               const void* dy, void* dw, void* workspace);
std::int64_t conv_backward_filter_implicit_gemm_workspace_bytes(const ConvShape& shape,
                                                                const GemmChoice& choice);

/// As `direct`.
cudaError_t conv_forward_depthwise(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                   const void* x, const void* w, const Epilogue& epilogue, void* y);
cudaError_t conv_backward_data_depthwise(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                         const void* dy, const void* w, void* dx);
cudaError_t conv_backward_filter_depthwise(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                           const void* x, const void* dy, void* dw,
                                           void* workspace);
std::int64_t conv_backward_filter_depthwise_workspace_bytes(const ConvShape& shape);

/// As `direct`.
cudaError_t conv_forward_first_layer(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                     const void* x, const void* w, const Epilogue& epilogue,
                                     void* y);
cudaError_t conv_backward_filter_first_layer(cudaStream_t stream, const ConvShape& shape,
                                             DType dtype, const void* x, const void* dy, void* dw,
                                             void* workspace);
std::int64_t conv_backward_filter_first_layer_workspace_bytes(const ConvShape& shape);

}  // namespace fovea::kernels
