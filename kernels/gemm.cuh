// C (rows x columns) = A (rows x inner) B (inner x columns), where the operands are matrices or are
// gathered from pictures: the one kernel behind products and implicit-GEMM convolutions.
//
// Mapping: a block makes a tile of C, each of its warps a part of the tile. Tiles of A and B, 64
// bytes of the inner axis deep, pass through shared memory in stages: while one is multiplied, the
// next are copied. Blocks along x are the tiles, those of the same rows side by side, so that A
// comes from the second-level cache; blocks along z are the problem's parts, or else share out the
// inner axis. At the end each warp turns 16 rows of its sums at a time in shared memory, so
// that it stores whole vectors.
// Bytes moved: A once per column of tiles, B once per row of tiles, C once.
// Preconditions: operands' addresses, pitches and sizes along their contiguous axis are multiples
// of the copies' bytes; every operand has fewer than 2^31 elements.
#pragma once

#include "kernels/async_copy.cuh"
#include "kernels/epilogue.cuh"
#include "kernels/gemm_operands.cuh"
#include "kernels/gemm_products.cuh"
#include "kernels/launch.h"
#include "kernels/shared_memory.cuh"

namespace fovea::kernels {

/// Rows of C that lie one behind the other.
struct DenseRows {
  __device__ __forceinline__ std::int64_t index(int row) const { return row; }
};

/// Where a block's sums go. `Rows` says which row of C a row of the product is.
template <class T, class Rows = DenseRows>
struct GemmOutput {
  T* c;
  float* parts;  ///< where not null, sums go here as they are, and nothing into c
  int rows, columns;
  bool vectors;  ///< columns are a multiple of kVectorSize<T>
  EpilogueOf<T> epilogue;
  Rows place;

  static constexpr int kCount = kVectorSize<T>;

  __device__ __forceinline__ void store(int row, int column, const float* sums) const {
    if (row >= rows || column >= columns) return;
    if (parts != nullptr) {
      const std::int64_t part = std::int64_t{blockIdx.z} * rows;
      store_each(parts + (part + row) * columns + column, column, sums);
    } else if (vectors) {
      epilogue.template store<kCount>(sums, column, place.index(row) * columns + column, c);
    } else {
      const std::int64_t at = place.index(row) * columns + column;
#pragma unroll
      for (int i = 0; i < kCount; ++i) {
        if (column + i < columns) c[at + i] = from_float<T>(epilogue(sums[i], column + i, at + i));
      }
    }
  }

 private:
  __device__ __forceinline__ void store_each(float* to, int column, const float* sums) const {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      if (column + i < columns) to[i] = sums[i];
    }
  }
};

/// One product. A and B are operands of gemm_operands.cuh.
template <class AOperand, class BOperand, class COutput>
struct GemmPart {
  using A = AOperand;
  using B = BOperand;
  using C = COutput;
  A a;
  B b;
  C c;
  int inner;
};

/// Up to kParts products of the same kind, all with one grid of tiles. With one product blockIdx.z
/// is the stretch of the inner axis to sum, `inner_per_block` long, a multiple of the tiles' depth.
template <class PartType, int kParts = 1>
struct GemmProblem {
  using Part = PartType;
  Part parts[kParts];
  unsigned column_tiles;
  int inner_per_block;

  __device__ __forceinline__ const Part& part() const { return parts[kParts > 1 ? blockIdx.z : 0]; }
  __device__ __forceinline__ int first() const {
    return kParts > 1 ? 0 : static_cast<int>(blockIdx.z) * inner_per_block;
  }
  __device__ __forceinline__ int last() const {
    if constexpr (kParts > 1) return part().inner;
    const int end = first() + inner_per_block;
    return end < part().inner ? end : part().inner;
  }
};

template <class Config, class Part>
struct GemmStage {
  OperandTile<Config, Config::kRows, Part::A::kMajor> a;
  OperandTile<Config, Config::kColumns, Part::B::kMajor> b;
};

/// 16 rows of a warp's sums; the rows begin 4 banks apart.
template <class Config>
struct WarpSums {
  static constexpr int kPitch = Config::kWarpColumns + 4;
  float at[16 * kPitch];
};

template <class Config, class Part>
constexpr std::size_t gemm_shared_bytes() {
  return std::max(Config::kStages * sizeof(GemmStage<Config, Part>),
                  Config::kWarps * sizeof(WarpSums<Config>));
}

/// Stores what a warp has summed, 16 rows at a time.
template <class Config, class Product, class Output>
__device__ __forceinline__ void store_sums(const Product& product, const Output& output,
                                           WarpSums<Config>& warp_sums, int first_row,
                                           int first_column) {
  constexpr int kCount = Output::kCount;
  constexpr int kPerRow = Config::kWarpColumns / kCount;
  const auto lane = static_cast<int>(threadIdx.x % kWarpSize);
#pragma unroll
  for (int slab = 0; slab < Config::kWarpRows / 16; ++slab) {
    product.stage(slab, warp_sums.at, WarpSums<Config>::kPitch);
    __syncwarp();
#pragma unroll
    for (int i = 0; i < 16 * kPerRow / kWarpSize; ++i) {
      const int vector = lane + i * kWarpSize;
      const int row = vector / kPerRow;
      const int column = vector % kPerRow * kCount;
      output.store(first_row + slab * 16 + row, first_column + column,
                   warp_sums.at + row * WarpSums<Config>::kPitch + column);
    }
    __syncwarp();
  }
}

template <class Config, class Problem>
__global__ void __launch_bounds__(Config::kThreads, Config::kBlocksPerProcessor)
    gemm_kernel(const __grid_constant__ Problem problem) {
  using Part = typename Problem::Part;
  using Stage = GemmStage<Config, Part>;
  using ALoader = typename Part::A::template Loader<Config, Config::kRows>;
  using BLoader = typename Part::B::template Loader<Config, Config::kColumns>;
  const Part& part = problem.part();
  const int first_row = static_cast<int>(blockIdx.x / problem.column_tiles) * Config::kRows;
  const int first_column = static_cast<int>(blockIdx.x % problem.column_tiles) * Config::kColumns;
  if (first_row >= part.c.rows) return;  // the whole block: parts may have fewer rows than others

  Stage* stages = dynamic_shared_memory<Stage>();
  Copies<Config::kCopyBytes, ALoader::kCopies + BLoader::kCopies> copies;
  ALoader a(part.a, first_row);
  BLoader b(part.b, first_column);
  const int first = problem.first();
  const int last = problem.last();
  const int tiles = (last - first + Config::kDepth - 1) / Config::kDepth;
  const int stage_count = copy_stages<Config::kCopyBytes>(Config::kStages);
  const auto begin_copy = [&](int tile, int stage) {
    a.load(part.a, copies, 0, stages[stage].a, first + tile * Config::kDepth, last);
    b.load(part.b, copies, ALoader::kCopies, stages[stage].b, first + tile * Config::kDepth, last);
  };
  for (int tile = 0; tile < stage_count - 1; ++tile) {
    if (tile < tiles) begin_copy(tile, tile);
    copies.commit();
  }

  constexpr int kWarpsAcross = Config::kColumns / Config::kWarpColumns;
  const auto warp = static_cast<int>(threadIdx.x / kWarpSize);
  const int warp_row = warp / kWarpsAcross * Config::kWarpRows;
  const int warp_column = warp % kWarpsAcross * Config::kWarpColumns;
  typename Config::template Product<Part::A::kMajor, Part::B::kMajor> product;
  int stage = 0, free_stage = stage_count - 1;
  for (int tile = 0; tile < tiles; ++tile) {
    copies.template wait<Config::kStages - 2>();
    __syncthreads();  // the tile is there for all, and all are done with the one before it
    if (tile + stage_count - 1 < tiles) begin_copy(tile + stage_count - 1, free_stage);
    copies.commit();
    product.multiply(stages[stage].a, stages[stage].b, warp_row, warp_column);
    free_stage = stage;
    stage = stage + 1 == stage_count ? 0 : stage + 1;
  }
  __syncthreads();  // the stages' memory is free
  store_sums<Config>(product, part.c, dynamic_shared_memory<WarpSums<Config>>()[warp],
                     first_row + warp_row, first_column + warp_column);
}

/// `rows` is the largest among the parts'.
template <class Config, class Problem>
cudaError_t launch_gemm(cudaStream_t stream, Problem problem, std::int64_t rows,
                        std::int64_t columns, unsigned blocks_z) {
  problem.column_tiles = blocks_for(columns, Config::kColumns);
  const std::int64_t tiles =
      std::int64_t{problem.column_tiles} * std::int64_t{blocks_for(rows, Config::kRows)};
  return launch("gemm_kernel", stream,
                {{static_cast<unsigned>(tiles), 1, blocks_z},
                 Config::kThreads,
                 gemm_shared_bytes<Config, typename Problem::Part>()},
                gemm_kernel<Config, Problem>, problem);
}

}  // namespace fovea::kernels
