// The forward convolution as an implicit GEMM: Y (pixels x filters) = patches of x (pixels x RSC)
// times the weights' transpose (RSC x filters), then bias, residual and activation.
//
// Mapping, bytes moved and preconditions: gemm.cuh.
#include "kernels/conv_gemm.cuh"

namespace fovea::kernels {

const char* conv_implicit_gemm_declines(const ConvShape& shape, ConvPass pass) {
  if (shape.groups != 1) return "groups > 1";
  if (shape.input_pixels() * shape.channels >= kLargestGemmOperand ||
      shape.output_pixels() * shape.filters >= kLargestGemmOperand ||
      (shape.filters + 256) * shape.patch() >= kLargestGemmOperand) {
    return "a tensor of 2^30 elements or more";
  }
  if (pass == ConvPass::backward_data &&
      shape.stride_height * shape.stride_width > kLargestConvStrides) {
    return "strides whose product is more than 9";
  }
  return nullptr;
}

std::vector<GemmChoice> conv_implicit_gemm_choices(const ConvShape& shape, ConvPass pass,
                                                   DType dtype) {
  switch (pass) {
    case ConvPass::forward:
      return gemm_tiles<false>(forward_task(shape, dtype));
    case ConvPass::backward_data:
      return gemm_tiles<false>(backward_data_task(shape, dtype));
    case ConvPass::backward_filter:
      return backward_filter_choices(shape, dtype);
  }
  return {};
}

cudaError_t conv_forward_implicit_gemm(cudaStream_t stream, const ConvShape& shape, DType dtype,
                                       bool allow_tf32, const GemmChoice& choice, const void* x,
                                       const void* w, const Epilogue& epilogue, void* y) {
  if (conv_implicit_gemm_declines(shape, ConvPass::forward) != nullptr) {
    return cudaErrorInvalidValue;
  }
  const std::int64_t pixels = shape.output_pixels();
  const auto windows = static_cast<int>(pixels);
  const auto filters = static_cast<int>(shape.filters);
  const auto patch = static_cast<int>(shape.patch());
  const auto start = [&](auto config) {
    using Config = decltype(config);
    using T = typename Config::Element;
    using Part = GemmPart<PatchRows<T>, MatrixOperand<T, Major::inner>, GemmOutput<T>>;
    const Part part = {.a = {static_cast<const T*>(x), windows, forward_grid(shape)},
                       .b = {static_cast<const T*>(w), filters, patch},
                       .c = {static_cast<T*>(y),
                             nullptr,
                             windows,
                             filters,
                             filters % kVectorSize<T> == 0,
                             epilogue_of<T>(epilogue),
                             {}},
                       .inner = patch};
    const GemmProblem<Part> problem = {{part}, 0, patch};
    return launch_gemm<Config>(stream, problem, pixels, shape.filters, 1);
  };
  const cudaError_t status =
      with_gemm_config<false>(forward_task(shape, dtype), allow_tf32, choice, start);
  if (status != cudaSuccess) return status;
  return finish_epilogue(stream, epilogue, dtype, y, pixels * shape.filters);
}

}  // namespace fovea::kernels
