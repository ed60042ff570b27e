// One matrix product on cuBLASLt, planned once and run many times.
#pragma once

#include <memory>
#include <string>

#include "cuda/cublaslt/library.h"
#include "fovea/dtype.h"

namespace fovea::cuda::cublaslt {

/// D = op(A) op(B), plus a bias per column, through relu: row-major, dense, D of rows x columns. Or
/// D and the sum of B over its inner axis, a bias's gradient where B is that of the biased output.
struct Product {
  DType dtype = DType::f32;  ///< of all matrices and the bias; sums are in f32
  std::int64_t rows = 0, inner = 0, columns = 0;
  bool transpose_a = false, transpose_b = false;
  bool bias = false;
  bool relu = false;           ///< with a bias only
  bool bias_gradient = false;  ///< without a bias
  bool allow_tf32 = false;
  std::int64_t workspace_limit_bytes = 0;
};

/// How many algorithms are worth being measured against each other.
inline constexpr int kMaxVariants = 8;

class Matmul {
 public:
  /// Asks cuBLASLt for its choices among the deterministic algorithms, and takes number `variant`,
  /// below kMaxVariants: 0 is its best estimate. Throws cuda where it has none, unsupported for
  /// types other than f32, f16 and bf16.
  Matmul(std::shared_ptr<const Handle> handle, const Product& product, int variant = 0);
  ~Matmul();
  Matmul(const Matmul&) = delete;
  Matmul& operator=(const Matmul&) = delete;

  std::int64_t workspace_bytes() const { return workspace_bytes_; }
  /// Puts the product into the stream; allocates nothing. `bias`, of D's columns, is what is added,
  /// or takes the bias's gradient, or is null. One thread at a time.
  void run(const void* a, const void* b, const void* bias, void* d, void* workspace,
           cudaStream_t stream);

 private:
  void describe(const Product& product);
  void choose_algorithm(const Product& product, int variant);
  void release() noexcept;

  std::shared_ptr<const Handle> handle_;
  cublasLtMatmulDesc_t operation_ = nullptr;
  // As cuBLASLt sees the problem: column-major, that is transposed, so that B comes first.
  cublasLtMatrixLayout_t left_ = nullptr, right_ = nullptr, result_ = nullptr;
  cublasLtMatmulAlgo_t algorithm_{};
  std::int64_t workspace_bytes_ = 0;
};

}  // namespace fovea::cuda::cublaslt
