// A product of matrices as its descriptors give it.
#pragma once

#include <cuda_runtime_api.h>

#include "tests/simulated_gpu/cublaslt/descriptors.h"

namespace simulated_gpu::cublaslt {

/// D (rows x columns) = alpha op(A) op(B) + beta C, through the epilogue; all column-major.
struct Product {
  Operation operation;
  Layout a, b, c, d;

  std::int64_t inner() const;
  bool has_bias() const;
  bool has_bias_gradient() const;  ///< A's sums over the inner axis go where the bias would be
  bool points_to_bias() const { return has_bias() || has_bias_gradient(); }
  bool has_relu() const;
  /// Of operation and layouts, without the bias's address.
  std::uint64_t hash() const;
};

/// Fails where the sizes do not fit together, or with NOT_SUPPORTED for what is not simulated.
Product product_of(const Operation& operation, const Layout& a, const Layout& b, const Layout& c,
                   const Layout& d);

Type type_of(cudaDataType_t type);
/// From the first to behind the last element.
std::size_t extent_bytes(const Layout& layout);

struct Pointers {
  const void* a = nullptr;
  const void* b = nullptr;
  const void* c = nullptr;
  void* d = nullptr;
  void* workspace = nullptr;
  std::size_t workspace_bytes = 0;  ///< that the algorithm uses
};

/// Ends the program where a pointer is none of device memory.
void check_memory(const Product& product, const Pointers& pointers);

/// Fills the workspace and D with NaN, then computes.
void multiply(const Product& product, double alpha, double beta, const Pointers& pointers);

}  // namespace simulated_gpu::cublaslt
