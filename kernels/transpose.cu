// y[i0, i1, ...] = x[i0 stride0 + i1 stride1 + ...]: a tensor's axes in another order.
//
// Mapping: where y's innermost axis is also x's, or one of them is short, thread t writes element t
// of y: writes are coalesced, reads are as far apart as the innermost stride says. Elsewhere a
// block moves a tile of both axes through shared memory: it reads rows along x's axis and writes
// rows along y's, and a column of padding keeps the elements of a column in banks of their own.
// Positions are counted in 32 bits: where thread t writes element t, tensors of more elements are
// done a range of the outermost axis at a time.
// Bytes moved: 2 elements.
#include "kernels/transpose.h"

#include <algorithm>
#include <limits>

#include "kernels/divide.cuh"
#include "kernels/launch.h"
#include "kernels/shared_memory.cuh"

namespace fovea::kernels {
namespace {

constexpr int kThreads = 256;

/// A tile's side; axes of half of it are still worth tiles.
constexpr int kTile = 32;
constexpr int kTileThreadsY = kThreads / kTile;

/// The axes inside the outermost one, innermost first.
struct InnerAxes {
  int count = 0;
  FastDivisor by_size[kMostTransposedAxes - 1] = {FastDivisor(1), FastDivisor(1), FastDivisor(1),
                                                  FastDivisor(1), FastDivisor(1), FastDivisor(1),
                                                  FastDivisor(1)};
  std::int64_t stride[kMostTransposedAxes - 1] = {};
};

/// The two axes of which tiles are made, and how blocks are dealt out: tiles along y's innermost
/// axis first, then those along x's, then the other axes from the inside out.
struct TiledAxes {
  std::int64_t y_inner, x_inner;  ///< sizes of y's innermost axis and of x's
  std::int64_t x_stride = 0;      ///< in x, of y's innermost axis
  std::int64_t y_stride = 0;      ///< in y, of x's innermost axis
  FastDivisor y_tiles, x_tiles;
  struct Other {
    FastDivisor by_size = FastDivisor(1);
    std::int64_t x_stride = 0, y_stride = 0;
  };
  int count = 0;
  Other others[kMostTransposedAxes - 2];
  std::int64_t blocks;

  TiledAxes(std::int64_t y_inner_size, std::int64_t x_inner_size)
      : y_inner(y_inner_size),
        x_inner(x_inner_size),
        y_tiles(blocks_for(y_inner, kTile)),
        x_tiles(blocks_for(x_inner, kTile)),
        blocks(std::int64_t{blocks_for(y_inner, kTile)} * blocks_for(x_inner, kTile)) {}
};

template <class Element>
struct Tile {
  Element at[kTile][kTile + 1];
};

}  // namespace

template <class Element>
__global__ void transpose_kernel(unsigned count, InnerAxes axes, std::int64_t outer_stride,
                                 const Element* x, Element* y) {
  const unsigned element = blockIdx.x * kThreads + threadIdx.x;
  if (element >= count) return;
  unsigned rest = element;
  std::int64_t source = 0;
  for (int i = 0; i < axes.count; ++i) {
    source += axes.by_size[i].divide(rest) * axes.stride[i];
  }
  y[element] = x[source + rest * outer_stride];
}

template <class Element>
__global__ void transpose_tiles_kernel(TiledAxes axes, const Element* x, Element* y) {
  auto& tile = shared_memory<Tile<Element>>().at;
  unsigned rest = blockIdx.x;
  const std::int64_t row = axes.y_tiles.divide(rest) * std::int64_t{kTile};     // in y's inner axis
  const std::int64_t column = axes.x_tiles.divide(rest) * std::int64_t{kTile};  // in x's
  for (int i = 0; i < axes.count; ++i) {
    const unsigned position = axes.others[i].by_size.divide(rest);
    x += position * axes.others[i].x_stride;
    y += position * axes.others[i].y_stride;
  }
  for (unsigned i = threadIdx.y; i < kTile; i += kTileThreadsY) {
    if (row + i < axes.y_inner && column + threadIdx.x < axes.x_inner) {
      tile[i][threadIdx.x] = x[(row + i) * axes.x_stride + column + threadIdx.x];
    }
  }
  __syncthreads();
  for (unsigned i = threadIdx.y; i < kTile; i += kTileThreadsY) {
    if (column + i < axes.x_inner && row + threadIdx.x < axes.y_inner) {
      y[(column + i) * axes.y_stride + row + threadIdx.x] = tile[threadIdx.x][i];
    }
  }
}

namespace {

/// `x_inner` is the place of x's innermost axis among y's.
template <class Element>
cudaError_t transpose_tiles(cudaStream_t stream, std::span<const std::int64_t> sizes,
                            std::span<const std::int64_t> strides, std::size_t x_inner,
                            const void* x, void* y) {
  TiledAxes axes(sizes.back(), sizes[x_inner]);
  axes.x_stride = strides.back();
  std::int64_t y_stride = sizes.back();
  for (std::size_t i = sizes.size() - 1; i-- > 0; y_stride *= sizes[i]) {
    if (i == x_inner) {
      axes.y_stride = y_stride;
    } else {
      axes.others[axes.count++] = {FastDivisor(sizes[i]), strides[i], y_stride};
      axes.blocks *= sizes[i];
    }
  }
  return launch("transpose_tiles_kernel", stream,
                {{blocks_for(axes.blocks, 1)}, {kTile, kTileThreadsY}},
                transpose_tiles_kernel<Element>, axes, static_cast<const Element*>(x),
                static_cast<Element*>(y));
}

template <class Element>
cudaError_t transpose_elements(cudaStream_t stream, std::span<const std::int64_t> sizes,
                               std::span<const std::int64_t> strides, const void* x, void* y) {
  if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) return cudaSuccess;
  const auto x_inner =
      static_cast<std::size_t>(std::find(strides.begin(), strides.end(), 1) - strides.begin());
  if (x_inner + 1 < sizes.size() && std::min(sizes[x_inner], sizes.back()) >= kTile / 2) {
    return transpose_tiles<Element>(stream, sizes, strides, x_inner, x, y);
  }
  InnerAxes axes;
  std::int64_t inner = 1;
  for (std::size_t i = sizes.size(); i-- > 1; ++axes.count) {
    axes.by_size[axes.count] = FastDivisor(sizes[i]);
    axes.stride[axes.count] = strides[i];
    inner *= sizes[i];
  }
  const std::int64_t outer = sizes.empty() ? 1 : sizes[0];
  const std::int64_t outer_stride = sizes.empty() ? 1 : strides[0];
  const std::int64_t most = std::numeric_limits<int>::max() / inner;
  for (std::int64_t first = 0; first < outer; first += most) {
    const std::int64_t count = std::min(most, outer - first) * inner;
    const cudaError_t status =
        launch("transpose_kernel", stream, {blocks_for(count, kThreads), kThreads},
               transpose_kernel<Element>, static_cast<unsigned>(count), axes, outer_stride,
               static_cast<const Element*>(x) + first * outer_stride,
               static_cast<Element*>(y) + first * inner);
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

}  // namespace

cudaError_t transpose(cudaStream_t stream, std::span<const std::int64_t> sizes,
                      std::span<const std::int64_t> strides, std::int64_t element_bytes,
                      const void* x, void* y) {
  switch (element_bytes) {
    case 1:
      return transpose_elements<std::uint8_t>(stream, sizes, strides, x, y);
    case 2:
      return transpose_elements<std::uint16_t>(stream, sizes, strides, x, y);
    case 4:
      return transpose_elements<std::uint32_t>(stream, sizes, strides, x, y);
    case 8:
      return transpose_elements<uint2>(stream, sizes, strides, x, y);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace fovea::kernels
