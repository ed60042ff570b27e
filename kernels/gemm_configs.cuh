// The tile sizes that gemm_kernel is compiled for, and which of them a problem gets.
#pragma once

#include "kernels/gemm_products.cuh"
#include "kernels/launch.h"

namespace fovea::kernels {

/// The bytes of the copies that rows of a multiple of `elements` allow: 16, 4 or 2.
inline int copy_bytes(std::int64_t elements, DType dtype) {
  const std::int64_t bytes = elements * static_cast<std::int64_t>(dtype_size(dtype));
  return bytes % 16 == 0 ? 16 : bytes % 4 == 0 ? 4 : 2;
}

/// Whether C has at least many_blocks tiles of this size.
inline bool has_many_tiles(std::int64_t rows, std::int64_t columns, std::int64_t tile_rows,
                           std::int64_t tile_columns) {
  return (rows / tile_rows) * ((columns + tile_columns - 1) / tile_columns) >= many_blocks;
}

/// Calls body(config) for a C of this size. With kShared blocks share out the inner axis, so that
/// there are plenty with any tiles.
template <class T, bool kOnTensorCores, bool kShared, class Body>
cudaError_t with_tile_size(int bytes, std::int64_t rows, std::int64_t columns, const Body& body) {
  if constexpr (sizeof(T) == 2) {
    if (bytes == 2) return body(GemmConfig<T, kOnTensorCores, 2, 64, 64, 16, 32>{});
  }
  if (bytes == 4) return body(GemmConfig<T, kOnTensorCores, 4, 64, 64, 16, 32>{});
  const bool wide = columns > 64 && (kShared ? rows > 64 : has_many_tiles(rows, columns, 128, 128));
  if constexpr (!kOnTensorCores) {
    if (wide) return body(GemmConfig<T, false, 16, 128, 128, 32, 64>{});
  } else {
    if (wide) return body(GemmConfig<T, true, 16, 128, 128, 64, 32>{});
  }
  if constexpr (kOnTensorCores && sizeof(T) == 2 && !kShared) {
    if (columns <= 64 && has_many_tiles(rows, columns, 128, 64)) {
      return body(GemmConfig<T, true, 16, 128, 64, 64, 32>{});
    }
  }
  return body(GemmConfig<T, kOnTensorCores, 16, 64, 64, 32, 32>{});
}

/// The same for a type known at run time. `bytes` is copy_bytes of all contiguous axes.
template <bool kShared, class Body>
cudaError_t with_gemm_config(DType dtype, bool allow_tf32, int bytes, std::int64_t rows,
                             std::int64_t columns, const Body& body) {
  switch (dtype) {
    case DType::f32:
      return allow_tf32 ? with_tile_size<float, true, kShared>(bytes, rows, columns, body)
                        : with_tile_size<float, false, kShared>(bytes, rows, columns, body);
    case DType::f16:
      return with_tile_size<f16, true, kShared>(bytes, rows, columns, body);
    case DType::bf16:
      return with_tile_size<bf16, true, kShared>(bytes, rows, columns, body);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace fovea::kernels
