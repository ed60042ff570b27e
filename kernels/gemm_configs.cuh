// The tile sizes that gemm_kernel is compiled for, and which of them a problem may get.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/gemm_choice.h"
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

/// A product as far as the choice of its tiles goes: the type, copy_bytes of all contiguous axes
/// and the size of C.
struct GemmTask {
  DType dtype;
  int bytes;
  std::int64_t rows, columns;
};

/// The tiles that with_gemm_config knows, each once, the likeliest fastest first. A side of 128 is
/// offered where C is longer than 64. With kShared blocks share out the inner axis, so that there
/// are plenty with any tiles.
template <bool kShared>
std::vector<GemmChoice> gemm_tiles(const GemmTask& task) {
  constexpr GemmChoice kSmall{64, 64}, kTall{128, 64}, kLarge{128, 128};
  const auto [dtype, bytes, rows, columns] = task;
  if (bytes < 16) return {kSmall};
  GemmChoice first = kSmall;
  const bool wide = columns > 64 && (kShared ? rows > 64 : has_many_tiles(rows, columns, 128, 128));
  const bool has_tall = !kShared && dtype_size(dtype) == 2;
  if (wide) {
    first = kLarge;
  } else if (has_tall && columns <= 64 && has_many_tiles(rows, columns, 128, 64)) {
    first = kTall;
  }
  std::vector<GemmChoice> tiles = {first};
  const auto offer = [&](const GemmChoice& tile, bool fits) {
    if (fits && tile != first) tiles.push_back(tile);
  };
  offer(kLarge, rows > 64 && columns > 64);
  offer(kTall, has_tall && rows > 64);
  offer(kSmall, true);
  return tiles;
}

/// Each of the tiles with `parts`, then each with half and twice as many, up to `most_parts`.
inline std::vector<GemmChoice> with_other_parts(const std::vector<GemmChoice>& tiles,
                                                std::int64_t parts, std::int64_t most_parts) {
  std::vector<GemmChoice> choices;
  for (const std::int64_t count : {parts, parts / 2, parts * 2}) {
    if (count < 1 || (count > parts && count > most_parts)) continue;
    for (GemmChoice choice : tiles) {
      choice.parts = count;
      choices.push_back(choice);
    }
  }
  return choices;
}

/// Calls body(config) where the kernel is compiled for this tile.
template <class T, bool kOnTensorCores, bool kShared, class Body>
cudaError_t with_tile(int bytes, const GemmChoice& choice, const Body& body) {
  const auto is = [&](int rows, int columns) {
    return choice.tile_rows == rows && choice.tile_columns == columns;
  };
  if (is(64, 64)) {
    if constexpr (sizeof(T) == 2) {
      if (bytes == 2) return body(GemmConfig<T, kOnTensorCores, 2, 64, 64, 16, 32>{});
    }
    if (bytes == 4) return body(GemmConfig<T, kOnTensorCores, 4, 64, 64, 16, 32>{});
    return body(GemmConfig<T, kOnTensorCores, 16, 64, 64, 32, 32>{});
  }
  if (bytes < 16) return cudaErrorInvalidValue;
  if (is(128, 128)) {
    constexpr int kWarpRows = kOnTensorCores ? 64 : 32, kWarpColumns = kOnTensorCores ? 32 : 64;
    return body(GemmConfig<T, kOnTensorCores, 16, 128, 128, kWarpRows, kWarpColumns>{});
  }
  if constexpr (kOnTensorCores && sizeof(T) == 2 && !kShared) {
    if (is(128, 64)) return body(GemmConfig<T, true, 16, 128, 64, 64, 32>{});
  }
  return cudaErrorInvalidValue;
}

/// The same for a type known at run time. cudaErrorInvalidValue where there is no such kernel.
template <bool kShared, class Body>
cudaError_t with_gemm_config(const GemmTask& task, bool allow_tf32, const GemmChoice& choice,
                             const Body& body) {
  switch (task.dtype) {
    case DType::f32:
      return allow_tf32 ? with_tile<float, true, kShared>(task.bytes, choice, body)
                        : with_tile<float, false, kShared>(task.bytes, choice, body);
    case DType::f16:
      return with_tile<f16, true, kShared>(task.bytes, choice, body);
    case DType::bf16:
      return with_tile<bf16, true, kShared>(task.bytes, choice, body);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace fovea::kernels
