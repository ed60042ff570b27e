// Sums over all axes but the last: a tensor (..., C) seen as rows of C columns, taken a block of
// columns at a time. Every column is summed from the first row to the last, in double, whatever the
// number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "fovea/shape.h"
#include "host/cpu/parallel.h"

namespace fovea::cpu {

/// How many rows of its last axis a tensor has.
inline std::int64_t row_count(const Shape& shape) {
  std::int64_t rows = 1;
  for (int axis = 0; axis + 1 < shape.rank(); ++axis) rows *= shape[axis];
  return rows;
}

/// Columns [first, first + width) of all rows.
struct ColumnBlock {
  static constexpr std::int64_t kWidth = 16;  ///< one cache line of floats
  std::int64_t first, width, rows, columns;

  /// Calls body(offset of the block's first element in the row) for each row.
  template <class Body>
  void for_each_row(const Body& body) const {
    for (std::int64_t row = 0; row < rows; ++row) body(row * columns + first);
  }
};

/// Calls body(ColumnBlock) for blocks that together cover all columns.
template <class Body>
void for_each_column_block(int threads, const Shape& shape, const Body& body) {
  const std::int64_t rows = row_count(shape);
  const std::int64_t columns = shape.c();
  const std::int64_t blocks = (columns + ColumnBlock::kWidth - 1) / ColumnBlock::kWidth;
  parallel_for(
      threads, blocks, grain_of(rows * ColumnBlock::kWidth),
      [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t first = i * ColumnBlock::kWidth;
          body(ColumnBlock{first, std::min(ColumnBlock::kWidth, columns - first), rows, columns});
        }
      });
}

}  // namespace fovea::cpu
