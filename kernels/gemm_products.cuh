// How a warp multiplies the tiles in shared memory: on tensor cores, or as plain f32.
#pragma once

#include "kernels/mma.cuh"

namespace fovea::kernels {

/// Which axis of an operand is contiguous in memory, and in its tile: the inner one, over which
/// products are summed, or the outer one, which is C's rows or columns.
enum class Major { inner, outer };

/// A tile in shared memory. Its rows are cut into chunks of 16 bytes, which lie in another order in
/// each of eight neighbouring rows: eight threads that read one chunk in each of eight rows, or
/// neighbouring chunks of a row, meet all banks once.
template <class Config, int kOuter, Major kMajor>
struct alignas(16) OperandTile {
  using T = typename Config::Element;
  static constexpr int kChunk = kVectorSize<T>;
  static constexpr int kRow = kMajor == Major::inner ? Config::kDepth : kOuter;

  T elements[kOuter * Config::kDepth];

  __device__ __forceinline__ int place(int outer, int inner) const {
    const int row = kMajor == Major::inner ? outer : inner;
    const int column = kMajor == Major::inner ? inner : outer;
    const int swizzle = kRow / kChunk == 4 ? row / 2 % 4 : row % 4 * 2 + row / 4 % 2;
    return row * kRow + (column / kChunk ^ swizzle) * kChunk + column % kChunk;
  }
  __device__ __forceinline__ T* at(int outer, int inner) { return elements + place(outer, inner); }
  __device__ __forceinline__ const T* at(int outer, int inner) const {
    return elements + place(outer, inner);
  }
};

/// Sums of 16 x 8 fragments, multiplied by multiply_fragments.
template <class Config, Major kMajorA, Major kMajorB>
class TensorProduct {
 public:
  using T = typename Config::Element;

  template <class ATile, class BTile>
  __device__ __forceinline__ void multiply(const ATile& a_tile, const BTile& b_tile, int row,
                                           int column) {
#pragma unroll(kIs16Bit ? 2 : 1)  // tf32 needs the registers for addresses
    for (int inner = 0; inner < Config::kDepth; inner += kStep) {
      unsigned b[kAcross][2];
#pragma unroll
      for (int n = 0; n < kAcross; n += 2) load_b(b_tile, column + n * 8, inner, b[n], b[n + 1]);
#pragma unroll
      for (int m = 0; m < kDown; ++m) {
        unsigned a[4];
        load_a(a_tile, row + m * 16, inner, a);
#pragma unroll
        for (int n = 0; n < kAcross; ++n) multiply_fragments<T>(sums_[m][n], a, b[n]);
      }
    }
  }

  /// Rows 16 slab to 16 slab + 15 of the sums.
  __device__ __forceinline__ void stage(int slab, float* to, int pitch) const {
    const auto lane = static_cast<int>(threadIdx.x % kWarpSize);
#pragma unroll
    for (int n = 0; n < kAcross; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        to[(lane / 4 + i / 2 * 8) * pitch + n * 8 + lane % 4 * 2 + i % 2] = sums_[slab][n][i];
      }
    }
  }

 private:
  static constexpr bool kIs16Bit = sizeof(T) == 2;
  static constexpr int kStep = kIs16Bit ? 16 : 8;
  static constexpr int kDown = Config::kWarpRows / 16;
  static constexpr int kAcross = Config::kWarpColumns / 8;

  /// Four 8 x 8 matrices of which matrix lane / 8 begins at (outer, inner).
  template <Major kMajor, class Tile>
  static __device__ __forceinline__ void load_four(const Tile& tile, int outer, int inner,
                                                   unsigned (&r)[4]) {
    const auto row = static_cast<int>(threadIdx.x % 8);
    if constexpr (kMajor == Major::inner) {
      load_matrices(r, tile.at(outer + row, inner));
    } else {
      load_matrices_transposed(r, tile.at(outer, inner + row));
    }
  }

  template <class Tile>
  static __device__ __forceinline__ void load_a(const Tile& tile, int outer, int inner,
                                                unsigned (&a)[4]) {
    const auto lane = static_cast<int>(threadIdx.x % kWarpSize);
    if constexpr (kIs16Bit) {
      load_four<kMajorA>(tile, outer + lane / 8 % 2 * 8, inner + lane / 16 * 8, a);
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        a[i] = to_tf32(*tile.at(outer + lane / 4 + i % 2 * 8, inner + lane % 4 + i / 2 * 4));
      }
    }
  }

  /// The fragments of columns outer to outer + 7, and of the eight after them.
  template <class Tile>
  static __device__ __forceinline__ void load_b(const Tile& tile, int outer, int inner,
                                                unsigned (&b0)[2], unsigned (&b1)[2]) {
    const auto lane = static_cast<int>(threadIdx.x % kWarpSize);
    if constexpr (kIs16Bit) {
      unsigned r[4];
      load_four<kMajorB>(tile, outer + lane / 16 * 8, inner + lane / 8 % 2 * 8, r);
      b0[0] = r[0], b0[1] = r[1], b1[0] = r[2], b1[1] = r[3];
    } else {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        b0[i] = to_tf32(*tile.at(outer + lane / 4, inner + lane % 4 + i * 4));
        b1[i] = to_tf32(*tile.at(outer + 8 + lane / 4, inner + lane % 4 + i * 4));
      }
    }
  }

  float sums_[kDown][kAcross][4] = {};
};

/// f32 by multiply-adds: a warp's lanes are 4 down and 8 across, each with kDown x kAcross sums.
template <class Config, Major kMajorA, Major kMajorB>
class SimtProduct {
 public:
  template <class ATile, class BTile>
  __device__ __forceinline__ void multiply(const ATile& a_tile, const BTile& b_tile, int row,
                                           int column) {
    const auto lane = static_cast<int>(threadIdx.x % kWarpSize);
#pragma unroll 1  // or there are too few registers
    for (int inner = 0; inner < Config::kDepth; inner += kStep) {
      float a[kDown][kStep], b[kAcross][kStep];
      load<kMajorA, kLanesDown>(a_tile, row, lane / kLanesAcross, inner, a);
      load<kMajorB, kLanesAcross>(b_tile, column, lane % kLanesAcross, inner, b);
#pragma unroll
      for (int i = 0; i < kStep; ++i) {
#pragma unroll
        for (int m = 0; m < kDown; ++m) {
#pragma unroll
          for (int n = 0; n < kAcross; ++n) sums_[m][n] += a[m][i] * b[n][i];
        }
      }
    }
  }

  /// Rows 16 slab to 16 slab + 15 of the sums.
  __device__ __forceinline__ void stage(int slab, float* to, int pitch) const {
    const auto lane = static_cast<int>(threadIdx.x % kWarpSize);
#pragma unroll
    for (int m = 0; m < 4; ++m) {
      const int row = index<kMajorA, kLanesDown>(lane / kLanesAcross, m);
#pragma unroll
      for (int n = 0; n < kAcross; ++n) {
        const int column = index<kMajorB, kLanesAcross>(lane % kLanesAcross, n);
        to[row * pitch + column] = sums_[slab * 4 + m][n];
      }
    }
  }

 private:
  static constexpr int kStep = 2;  // of the inner axis, at once in registers
  static constexpr int kLanesDown = 4, kLanesAcross = 8;
  static constexpr int kDown = Config::kWarpRows / kLanesDown;
  static constexpr int kAcross = Config::kWarpColumns / kLanesAcross;

  /// The row or column that is a lane's i-th. Those that lie in one vector are one lane's.
  template <Major kMajor, int kLanes>
  static __device__ __forceinline__ int index(int lane, int i) {
    return kMajor == Major::inner ? lane + i * kLanes : i / 4 * 4 * kLanes + lane * 4 + i % 4;
  }

  template <Major kMajor, int kLanes, class Tile, int kCount>
  static __device__ __forceinline__ void load(const Tile& tile, int outer, int lane, int inner,
                                              float (&values)[kCount][kStep]) {
    if constexpr (kMajor == Major::inner) {
#pragma unroll
      for (int i = 0; i < kCount; ++i) {
        const auto v = load_vector<kStep>(tile.at(outer + index<kMajor, kLanes>(lane, i), inner));
#pragma unroll
        for (int j = 0; j < kStep; ++j) values[i][j] = v.at[j];
      }
    } else {
#pragma unroll
      for (int i = 0; i < kCount; i += 4) {
#pragma unroll
        for (int j = 0; j < kStep; ++j) {
          const auto v = load_vector<4>(tile.at(outer + index<kMajor, kLanes>(lane, i), inner + j));
#pragma unroll
          for (int e = 0; e < 4; ++e) values[i + e][j] = v.at[e];
        }
      }
    }
  }

  float sums_[kDown][kAcross] = {};
};

/// The sizes of a block's tile and of its warps' parts, in elements.
template <class T, bool kOnTensorCores, int kCopyBytesOf, int kTileRows, int kTileColumns,
          int kPartRows, int kPartColumns>
struct GemmConfig {
  using Element = T;
  static constexpr int kCopyBytes = kCopyBytesOf;
  static constexpr int kRows = kTileRows, kColumns = kTileColumns;
  static constexpr int kWarpRows = kPartRows, kWarpColumns = kPartColumns;
  static constexpr int kDepth = 64 / static_cast<int>(sizeof(T));
  static constexpr int kStages = 3;
  static constexpr int kWarps = kRows / kWarpRows * (kColumns / kWarpColumns);
  static constexpr unsigned kThreads = kWarps * kWarpSize;
#ifdef FOVEA_BEFORE_SM80
  static constexpr unsigned kBlocksPerProcessor = 1;  // copies wait in registers
#else
  static constexpr unsigned kBlocksPerProcessor = 512 / kThreads;  // at up to 128 registers
#endif
  template <Major kMajorA, Major kMajorB>
  using Product = std::conditional_t<kOnTensorCores, TensorProduct<GemmConfig, kMajorA, kMajorB>,
                                     SimtProduct<GemmConfig, kMajorA, kMajorB>>;
};

}  // namespace fovea::kernels
