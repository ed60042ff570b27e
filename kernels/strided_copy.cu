// to[r][j] = from[r][j - before], or 0 where there is no such cell.
//
// Cells are the widest units of 1 to 16 bytes of which all addresses, strides and sizes are
// multiples.
// Mapping: the block's x runs along a row and its y over rows, so no thread divides; a thread moves
// one cell, and more where a row is longer than the grid is high.
// Bytes moved: rows (size from the source, all of the row to the destination).
#include "kernels/strided_copy.h"

#include <algorithm>
#include <bit>

#include "kernels/launch.h"

namespace fovea::kernels {
namespace {

constexpr std::int64_t kThreads = 256;
constexpr std::int64_t kMostBlocksY = 65535;

}  // namespace

/// Strides and sizes in cells; `width` is that of a written row.
template <class Cell>
__global__ void copy_rows_kernel(std::int64_t rows, const Cell* from, std::int64_t from_stride,
                                 Cell* to, std::int64_t to_stride, std::int64_t before,
                                 std::int64_t size, std::int64_t width) {
  const std::int64_t row = std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
  if (row >= rows) return;
  from += row * from_stride;
  to += row * to_stride;
  const std::int64_t step = std::int64_t{gridDim.y} * blockDim.x;
  for (std::int64_t j = std::int64_t{blockIdx.y} * blockDim.x + threadIdx.x; j < width; j += step) {
    const std::int64_t source = j - before;
    to[j] = source >= 0 && source < size ? from[source] : Cell{};
  }
}

namespace {

template <class Cell>
cudaError_t copy_cells(cudaStream_t stream, const RowCopy& copy) {
  constexpr std::int64_t kBytes = sizeof(Cell);
  const std::int64_t width = (copy.zeros_before + copy.size + copy.zeros_after) / kBytes;
  if (width == 0) return cudaSuccess;
  const std::int64_t threads_x = std::min(width, kThreads);
  const std::int64_t threads_y = kThreads / threads_x;
  const std::int64_t blocks_y = std::min((width + threads_x - 1) / threads_x, kMostBlocksY);
  const dim3 blocks(blocks_for(copy.rows, threads_y), static_cast<unsigned>(blocks_y));
  const dim3 threads(static_cast<unsigned>(threads_x), static_cast<unsigned>(threads_y));
  return launch("copy_rows_kernel", stream, {blocks, threads}, copy_rows_kernel<Cell>, copy.rows,
                static_cast<const Cell*>(copy.from), copy.from_stride / kBytes,
                static_cast<Cell*>(copy.to), copy.to_stride / kBytes, copy.zeros_before / kBytes,
                copy.size / kBytes, width);
}

}  // namespace

cudaError_t copy_rows(cudaStream_t stream, const RowCopy& copy) {
  const auto all = reinterpret_cast<std::uintptr_t>(copy.from) |
                   reinterpret_cast<std::uintptr_t>(copy.to) |
                   static_cast<std::uintptr_t>(copy.from_stride | copy.to_stride |
                                               copy.zeros_before | copy.size | copy.zeros_after);
  switch (std::countr_zero(all)) {
    case 0:
      return copy_cells<std::uint8_t>(stream, copy);
    case 1:
      return copy_cells<std::uint16_t>(stream, copy);
    case 2:
      return copy_cells<std::uint32_t>(stream, copy);
    case 3:
      return copy_cells<uint2>(stream, copy);
    default:
      return copy_cells<uint4>(stream, copy);
  }
}

}  // namespace fovea::kernels
