// Matrix products C = op(A) op(B), where op transposes or not. Matrices are row-major and dense,
// f32, f16 or bf16, all of one type, aligned to 16 bytes; sums are f32.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <vector>

#include "fovea/dtype.h"
#include "kernels/epilogue.h"
#include "kernels/gemm_choice.h"

namespace fovea::kernels {

/// C is rows x columns; `inner` is the length of the sums.
struct MatmulShape {
  std::int64_t rows, columns, inner;
  bool transpose_a = false;  ///< A lies as (inner, rows)
  bool transpose_b = false;  ///< B lies as (columns, inner)
};

/// Why the kernels below cannot take these sizes, or null where they can.
const char* matmul_simple_declines(const MatmulShape& shape);
const char* matmul_gemm_declines(const MatmulShape& shape);

/// c = f(op(a) op(b) + bias + residual). For shapes of which nothing divides evenly. Where
/// matmul_simple_parts is more than 1 the sums go through `workspace`.
cudaError_t matmul_simple(cudaStream_t stream, const MatmulShape& shape, DType dtype, const void* a,
                          const void* b, const Epilogue& epilogue, void* c, void* workspace);
std::int64_t matmul_simple_workspace_bytes(const MatmulShape& shape);

/// What matmul_gemm may be asked to do, each once, the likeliest fastest first. Precondition:
/// matmul_gemm_declines says null.
std::vector<GemmChoice> matmul_gemm_choices(const MatmulShape& shape, DType dtype);
/// As above, on tensor cores for 16-bit types. `allow_tf32`: f32 matrices too, rounded to 10 bits
/// of fraction.
cudaError_t matmul_gemm(cudaStream_t stream, const MatmulShape& shape, DType dtype, bool allow_tf32,
                        const GemmChoice& choice, const void* a, const void* b,
                        const Epilogue& epilogue, void* c, void* workspace);
std::int64_t matmul_gemm_workspace_bytes(const MatmulShape& shape, const GemmChoice& choice);

}  // namespace fovea::kernels
