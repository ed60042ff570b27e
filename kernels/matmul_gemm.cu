// C = f(op(A) op(B) + bias + residual) by gemm_kernel.
//
// Mapping, bytes moved and preconditions: gemm.cuh. Where the choice has several parts, blocks
// along z share out the inner axis and sum_parts_kernel adds their sums.
#include <algorithm>

#include "kernels/gemm.cuh"
#include "kernels/gemm_configs.cuh"
#include "kernels/matmul.h"
#include "kernels/sum_parts.cuh"

namespace fovea::kernels {
namespace {

/// Sums of indices must stay below 2^31.
constexpr std::int64_t kLargestOperand = std::int64_t{1} << 30;
constexpr std::int64_t kLargestTile = 256;

/// How many blocks may share one tile's sums, and how many of them should.
std::int64_t most_parts(const MatmulShape& shape) {
  constexpr std::int64_t kShortestPart = 512, kMostParts = 64;
  return std::clamp(shape.inner / kShortestPart, std::int64_t{1}, kMostParts);
}
std::int64_t parts_of(const MatmulShape& shape) {
  constexpr std::int64_t kBlocksWanted = 256;
  const std::int64_t tiles = ((shape.rows + 63) / 64) * ((shape.columns + 63) / 64);
  if (tiles == 0) return 1;
  return std::clamp(kBlocksWanted / tiles, std::int64_t{1}, most_parts(shape));
}

GemmTask task_of(const MatmulShape& shape, DType dtype) {
  const std::int64_t a = shape.transpose_a ? shape.rows : shape.inner;
  const std::int64_t b = shape.transpose_b ? shape.inner : shape.columns;
  return {dtype, copy_bytes(a | b, dtype), shape.rows, shape.columns};
}

/// One of the three layouts.
template <Major kMajorA, Major kMajorB>
cudaError_t run(cudaStream_t stream, const MatmulShape& shape, DType dtype, bool allow_tf32,
                const GemmChoice& choice, const void* a, const void* b, const Epilogue& epilogue,
                void* c, float* sums) {
  const auto rows = static_cast<int>(shape.rows);
  const auto columns = static_cast<int>(shape.columns);
  const auto inner = static_cast<int>(shape.inner);
  const std::int64_t parts = choice.parts;
  const auto start = [&](auto config) {
    using Config = decltype(config);
    using T = typename Config::Element;
    using Product = GemmPart<MatrixOperand<T, kMajorA>, MatrixOperand<T, kMajorB>, GemmOutput<T>>;
    const Product product = {
        .a = {static_cast<const T*>(a), rows, kMajorA == Major::inner ? inner : rows},
        .b = {static_cast<const T*>(b), columns, kMajorB == Major::inner ? inner : columns},
        .c = {static_cast<T*>(c),
              parts > 1 ? sums : nullptr,
              rows,
              columns,
              columns % kVectorSize<T> == 0,
              epilogue_of<T>(epilogue),
              {}},
        .inner = inner};
    const auto inner_per_part = static_cast<int>((shape.inner + parts - 1) / parts);
    const int rounded = (inner_per_part + Config::kDepth - 1) / Config::kDepth * Config::kDepth;
    const cudaError_t status =
        launch_gemm<Config>(stream, GemmProblem<Product>{{product}, 0, rounded}, shape.rows,
                            shape.columns, static_cast<unsigned>(parts));
    if (status != cudaSuccess || parts == 1) return status;
    return sum_parts(stream, sums, parts, shape.rows * shape.columns, static_cast<T*>(c),
                     shape.columns, epilogue);
  };
  return with_gemm_config<false>(task_of(shape, dtype), allow_tf32, choice, start);
}

}  // namespace

const char* matmul_gemm_declines(const MatmulShape& shape) {
  if (shape.transpose_a && shape.transpose_b) return "both matrices transposed";
  if ((shape.rows + kLargestTile) * (shape.inner + kLargestTile) >= kLargestOperand ||
      (shape.columns + kLargestTile) * (shape.inner + kLargestTile) >= kLargestOperand ||
      shape.rows * shape.columns >= kLargestOperand) {
    return "a matrix of 2^30 elements or more";
  }
  return nullptr;
}

std::vector<GemmChoice> matmul_gemm_choices(const MatmulShape& shape, DType dtype) {
  return with_other_parts(gemm_tiles<false>(task_of(shape, dtype)), parts_of(shape),
                          most_parts(shape));
}

std::int64_t matmul_gemm_workspace_bytes(const MatmulShape& shape, const GemmChoice& choice) {
  if (choice.parts == 1) return 0;
  return choice.parts * shape.rows * shape.columns * std::int64_t{sizeof(float)};
}

cudaError_t matmul_gemm(cudaStream_t stream, const MatmulShape& shape, DType dtype, bool allow_tf32,
                        const GemmChoice& choice, const void* a, const void* b,
                        const Epilogue& epilogue, void* c, void* workspace) {
  if (matmul_gemm_declines(shape) != nullptr) return cudaErrorInvalidValue;
  auto* sums = static_cast<float*>(workspace);
  const auto run_layout = shape.transpose_a   ? run<Major::outer, Major::outer>
                          : shape.transpose_b ? run<Major::inner, Major::inner>
                                              : run<Major::inner, Major::outer>;
  const cudaError_t status =
      run_layout(stream, shape, dtype, allow_tf32, choice, a, b, epilogue, c, sums);
  if (status != cudaSuccess) return status;
  return finish_epilogue(stream, epilogue, dtype, c, shape.rows * shape.columns);
}

}  // namespace fovea::kernels
