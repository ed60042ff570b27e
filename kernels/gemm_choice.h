// The ways in which gemm_kernel may compute one product.
#pragma once

#include <cstdint>

namespace fovea::kernels {

/// A block's tile of C, and how many blocks share out each tile's sums.
struct GemmChoice {
  int tile_rows = 64, tile_columns = 64;
  std::int64_t parts = 1;
  bool operator==(const GemmChoice&) const = default;
};

}  // namespace fovea::kernels
