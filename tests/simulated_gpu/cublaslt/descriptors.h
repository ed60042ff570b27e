// What cuBLASLt's handles point to.
#pragma once

#include <cublasLt.h>

#include <cstdint>
#include <string>

#include "tests/simulated_gpu/numbers.h"

namespace simulated_gpu::cublaslt {

/// Thrown by what a call leads to; the call returns the status and, with CUBLASLT_LOG_LEVEL in the
/// environment, says why.
struct Failure {
  cublasStatus_t status;
  std::string words;
};

/// What a call ends with, unless `holds`.
inline void require(bool holds, cublasStatus_t status, const std::string& words) {
  if (!holds) throw Failure{status, words};
}

struct Context {};

struct Operation {
  cublasComputeType_t compute{};
  cudaDataType_t scale{};
  cublasOperation_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
  std::int32_t bias_type = -1;  ///< the result's
};

/// A column-major matrix.
struct Layout {
  cudaDataType_t type{};
  std::int64_t rows = 0, columns = 0, leading = 0;
};

/// The defaults are cuBLASLt's.
struct Preference {
  std::uint64_t workspace_limit = 0;
  std::uint32_t reduction_schemes = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::uint32_t alignment_a = 256, alignment_b = 256, alignment_c = 256, alignment_d = 256;
};

/// What cublasLtMatmulAlgo_t holds: which algorithm, and for what it was chosen.
struct Algorithm {
  std::uint64_t magic = 0;
  std::uint64_t problem = 0;  ///< a hash of operation and layouts
  std::uint32_t workspace_bytes = 0;
  std::uint32_t alignment_a = 0, alignment_b = 0, alignment_c = 0, alignment_d = 0,
                alignment_bias = 0;
};
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t));

}  // namespace simulated_gpu::cublaslt
