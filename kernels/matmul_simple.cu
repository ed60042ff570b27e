// C = f(op(A) op(B) + bias + residual) for matrices of any size and alignment.
//
// Mapping: a block makes a 32 x 32 tile of C, a thread four elements of one of its columns. Tiles
// of A and B, 32 of the inner axis deep, pass through shared memory as f32; threads read them along
// the axis that is contiguous in memory. Where C has few tiles, blockIdx.z shares out the inner
// axis, and sum_parts_kernel adds the parts.
// Bytes moved: A once per 32 columns of C and B once per 32 rows, mostly from the cache.
// Preconditions: fewer than 2^31 rows, columns and inner.
#include <algorithm>

#include "kernels/launch.h"
#include "kernels/matmul.h"
#include "kernels/shared_memory.cuh"
#include "kernels/sum_parts.cuh"

namespace fovea::kernels {
namespace {

constexpr int kTile = 32;
constexpr int kThreads = 256;
constexpr int kRowsPerPass = kThreads / kTile;

struct Tiles {
  float a[kTile][kTile + 1];  ///< [inner][row]; one more, so that columns lie in different banks
  float b[kTile][kTile + 1];  ///< [inner][column]
};

/// A matrix seen as (outer, inner).
template <class T>
struct StridedMatrix {
  const T* memory;
  std::int64_t outer, inner;            ///< sizes
  std::int64_t outer_step, inner_step;  ///< one of them is 1

  /// A tile from (first_outer, first_inner), zeros beyond the edge.
  __device__ void load(float (&tile)[kTile][kTile + 1], std::int64_t first_outer,
                       std::int64_t first_inner, std::int64_t last_inner) const {
    const unsigned fast = threadIdx.x % kTile;
#pragma unroll
    for (unsigned slow = threadIdx.x / kTile; slow < kTile; slow += kRowsPerPass) {
      const unsigned o = inner_step == 1 ? slow : fast;
      const unsigned i = inner_step == 1 ? fast : slow;
      const bool inside = first_outer + o < outer && first_inner + i < last_inner;
      tile[i][o] =
          inside ? to_float(memory[(first_outer + o) * outer_step + (first_inner + i) * inner_step])
                 : 0.0f;
    }
  }
};

/// Parts of the inner axis, so that there are blocks enough.
std::int64_t parts_of(const MatmulShape& shape) {
  constexpr std::int64_t kBlocksWanted = 256, kShortestPart = 256;
  const std::int64_t tiles =
      std::int64_t{blocks_for(shape.rows, kTile)} * std::int64_t{blocks_for(shape.columns, kTile)};
  if (tiles == 0) return 1;
  return std::clamp(std::min(kBlocksWanted / tiles, shape.inner / kShortestPart), std::int64_t{1},
                    std::int64_t{64});
}

}  // namespace

/// Part blockIdx.z of the inner axis; parts of C lie rows x columns apart.
template <class T, class Out>
__global__ void matmul_simple_kernel(StridedMatrix<T> a, StridedMatrix<T> b,
                                     std::int64_t inner_per_part, EpilogueOf<Out> epilogue,
                                     Out* c) {
  Tiles& tiles = shared_memory<Tiles>();
  const std::int64_t first_row = std::int64_t{blockIdx.x} * kTile;
  const std::int64_t first_column = std::int64_t{blockIdx.y} * kTile;
  const std::int64_t first = blockIdx.z * inner_per_part;
  const std::int64_t last = std::min(first + inner_per_part, a.inner);
  const unsigned column = threadIdx.x % kTile;
  const unsigned row = threadIdx.x / kTile;
  constexpr int kSums = kTile / kRowsPerPass;
  float sums[kSums] = {};
  for (std::int64_t inner = first; inner < last; inner += kTile) {
    a.load(tiles.a, first_row, inner, last);
    b.load(tiles.b, first_column, inner, last);
    __syncthreads();
#pragma unroll 8
    for (int i = 0; i < kTile; ++i) {
#pragma unroll
      for (int s = 0; s < kSums; ++s) {
        sums[s] += tiles.a[i][row + static_cast<unsigned>(s) * kRowsPerPass] * tiles.b[i][column];
      }
    }
    __syncthreads();
  }
  if (first_column + column >= b.outer) return;
#pragma unroll
  for (int s = 0; s < kSums; ++s) {
    const std::int64_t r = first_row + row + s * kRowsPerPass;
    if (r >= a.outer) continue;
    const std::int64_t at = r * b.outer + first_column + column;
    c[blockIdx.z * a.outer * b.outer + at] =
        from_float<Out>(epilogue(sums[s], first_column + column, at));
  }
}

const char* matmul_simple_declines(const MatmulShape& shape) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 31;
  if (shape.rows >= kLimit || shape.inner >= kLimit) return "2^31 rows or more";
  if (shape.columns >= std::int64_t{65535} * kTile) return "more columns than a grid has";
  return nullptr;
}

std::int64_t matmul_simple_workspace_bytes(const MatmulShape& shape) {
  const std::int64_t parts = parts_of(shape);
  return parts > 1 ? parts * shape.rows * shape.columns * std::int64_t{sizeof(float)} : 0;
}

cudaError_t matmul_simple(cudaStream_t stream, const MatmulShape& shape, DType dtype, const void* a,
                          const void* b, const Epilogue& epilogue, void* c, void* workspace) {
  if (matmul_simple_declines(shape) != nullptr) return cudaErrorInvalidValue;
  const std::int64_t parts = parts_of(shape);
  const std::int64_t count = shape.rows * shape.columns;
  const std::int64_t inner_per_part = (shape.inner + parts - 1) / parts;
  const LaunchShape launch_shape = {
      {blocks_for(shape.rows, kTile), blocks_for(shape.columns, kTile),
       static_cast<unsigned>(parts)},
      kThreads};
  const cudaError_t status = with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    const StridedMatrix<T> left = {static_cast<const T*>(a), shape.rows, shape.inner,
                                   shape.transpose_a ? 1 : shape.inner,
                                   shape.transpose_a ? shape.rows : 1};
    const StridedMatrix<T> right = {static_cast<const T*>(b), shape.columns, shape.inner,
                                    shape.transpose_b ? shape.inner : 1,
                                    shape.transpose_b ? 1 : shape.columns};
    const auto start = [&](auto* out, const Epilogue& its_epilogue) {
      using Out = std::remove_pointer_t<decltype(out)>;
      return launch("matmul_simple_kernel", stream, launch_shape, matmul_simple_kernel<T, Out>,
                    left, right, inner_per_part, kernels::epilogue_of<Out>(its_epilogue), out);
    };
    if (parts == 1) return start(static_cast<T*>(c), epilogue);
    auto* sums = static_cast<float*>(workspace);
    const cudaError_t made = start(sums, Epilogue{});
    if (made != cudaSuccess) return made;
    return sum_parts(stream, sums, parts, count, static_cast<T*>(c), shape.columns, epilogue);
  });
  if (status != cudaSuccess) return status;
  return finish_epilogue(stream, epilogue, dtype, c, count);
}

}  // namespace fovea::kernels
