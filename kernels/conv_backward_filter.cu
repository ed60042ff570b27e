// The gradient with respect to a convolution's weights as an implicit GEMM: dW (filters x RSC) =
// dY^T (filters x pixels) times the patches of x (pixels x RSC).
//
// The sums run over all pixels, while dW is small: blocks along z share out the pixels, store their
// sums in f32, and sum_parts_kernel adds these in order.
//
// Mapping, bytes moved and preconditions: gemm.cuh.
#include <algorithm>

#include "kernels/conv_gemm.cuh"
#include "kernels/sum_parts.cuh"

namespace fovea::kernels {
namespace {

/// How many blocks may share one tile's pixels, so that each has some and their sums fit.
std::int64_t most_parts(const ConvShape& shape) {
  constexpr std::int64_t kFewestPixels = 128, kMostParts = 256;
  constexpr std::int64_t kMostBytes = std::int64_t{64} << 20;
  const std::int64_t fitting = kMostBytes / (shape.weights() * std::int64_t{sizeof(float)});
  return std::clamp(std::min(fitting, shape.output_pixels() / kFewestPixels), std::int64_t{1},
                    kMostParts);
}

/// How many of them should: enough to fill the largest GPUs a few times over, but not so many that
/// the second pass costs more than it brings.
std::int64_t parts_of(const ConvShape& shape) {
  constexpr std::int64_t kBlocksWanted = 512;
  const std::int64_t tile = shape.filters > 64 && shape.patch() > 64 ? 128 : 64;
  const std::int64_t tiles =
      ((shape.filters + tile - 1) / tile) * ((shape.patch() + tile - 1) / tile);
  return std::min((kBlocksWanted + tiles - 1) / tiles, most_parts(shape));
}

}  // namespace

std::vector<GemmChoice> backward_filter_choices(const ConvShape& shape, DType dtype) {
  return with_other_parts(gemm_tiles<true>(backward_filter_task(shape, dtype)), parts_of(shape),
                          most_parts(shape));
}

std::int64_t conv_backward_filter_implicit_gemm_workspace_bytes(const ConvShape& shape,
                                                                const GemmChoice& choice) {
  return choice.parts * shape.weights() * std::int64_t{sizeof(float)};
}

cudaError_t conv_backward_filter_implicit_gemm(cudaStream_t stream, const ConvShape& shape,
                                               DType dtype, bool allow_tf32,
                                               const GemmChoice& choice, const void* x,
                                               const void* dy, void* dw, void* workspace) {
  if (conv_implicit_gemm_declines(shape, ConvPass::backward_filter) != nullptr) {
    return cudaErrorInvalidValue;
  }
  const std::int64_t parts = choice.parts;
  const auto pixels = static_cast<int>(shape.output_pixels());
  const auto filters = static_cast<int>(shape.filters);
  const auto patch = static_cast<int>(shape.patch());
  auto* sums = static_cast<float*>(workspace);
  const auto start = [&](auto config) {
    using Config = decltype(config);
    using T = typename Config::Element;
    using Product = GemmPart<MatrixOperand<T, Major::outer>, PatchColumns<T>, GemmOutput<T>>;
    const Product product = {.a = {static_cast<const T*>(dy), filters, filters},
                             .b = {static_cast<const T*>(x), patch, forward_grid(shape)},
                             .c = {nullptr, sums, filters, patch, false, epilogue_of<T>({}), {}},
                             .inner = pixels};
    const auto pixels_per_part = static_cast<int>((pixels + parts - 1) / parts);
    const int rounded = (pixels_per_part + Config::kDepth - 1) / Config::kDepth * Config::kDepth;
    const GemmProblem<Product> problem = {{product}, 0, rounded};
    const cudaError_t status =
        launch_gemm<Config>(stream, problem, filters, patch, static_cast<unsigned>(parts));
    if (status != cudaSuccess) return status;
    return sum_parts(stream, sums, parts, shape.weights(), static_cast<T*>(dw));
  };
  return with_gemm_config<true>(backward_filter_task(shape, dtype), allow_tf32, choice, start);
}

}  // namespace fovea::kernels
