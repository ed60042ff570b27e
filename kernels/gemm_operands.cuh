// The operands of gemm_kernel: matrices, the patches that a convolution's windows see, and weights
// as backward data needs them. Each describes itself to the kernel as a small struct with
//   kMajor          the axis along which it is contiguous,
//   Loader          what a thread keeps while it copies its share of each tile.
// A Loader is made for the tile's first outer index; load() begins the copies of the tile at inner
// index `first`, zeros from `last` on.
#pragma once

#include "kernels/divide.cuh"
#include "kernels/gemm_products.cuh"

namespace fovea::kernels {

/// How a block's threads share out a tile's copies: a thread has one column of a tile's rows, and
/// of these every kRowsPerPass-th.
template <class Config, int kOuter, Major kMajor>
struct TileShare {
  static constexpr int kElements =
      Config::kCopyBytes / static_cast<int>(sizeof(typename Config::Element));
  static constexpr int kColumns = kMajor == Major::inner ? Config::kDepth : kOuter;
  static constexpr int kRows = kMajor == Major::inner ? kOuter : Config::kDepth;
  static constexpr int kPerRow = kColumns / kElements;
  static constexpr int kRowsPerPass = static_cast<int>(Config::kThreads) / kPerRow;
  static constexpr int kCopies = kRows / kRowsPerPass;
  static_assert(kRows % kRowsPerPass == 0 && kCopies > 0, "the threads cannot share out the tile");

  static __device__ __forceinline__ int column() {
    return static_cast<int>(threadIdx.x) % kPerRow * kElements;
  }
  static __device__ __forceinline__ int row(int copy) {
    return static_cast<int>(threadIdx.x) / kPerRow + copy * kRowsPerPass;
  }
};

/// A matrix, its rows `pitch` elements apart.
template <class T, Major kMajorOf>
struct MatrixOperand {
  static constexpr Major kMajor = kMajorOf;
  const T* memory;
  int outer;
  int pitch;

  template <class Config, int kOuter>
  class Loader {
    using Share = TileShare<Config, kOuter, kMajor>;

   public:
    static constexpr int kCopies = Share::kCopies;

    __device__ __forceinline__ Loader(const MatrixOperand& matrix, int first_outer)
        : outer_(first_outer + (kMajor == Major::inner ? Share::row(0) : Share::column())),
          inner_(kMajor == Major::inner ? Share::column() : Share::row(0)),
          from_(kMajor == Major::inner ? outer_ * matrix.pitch + inner_
                                       : inner_ * matrix.pitch + outer_) {}

    template <class CopyGroup, class Tile>
    __device__ __forceinline__ void load(const MatrixOperand& matrix, CopyGroup& copies, int slot,
                                         Tile& tile, int first, int last) const {
      const int base = from_ + (kMajor == Major::inner ? first : first * matrix.pitch);
#pragma unroll
      for (int i = 0; i < kCopies; ++i) {
        const int step = i * Share::kRowsPerPass;
        const int outer = outer_ + (kMajor == Major::inner ? step : 0);
        const int inner = first + inner_ + (kMajor == Major::inner ? 0 : step);
        void* to = kMajor == Major::inner ? tile.at(Share::row(i), Share::column())
                                          : tile.at(Share::column(), Share::row(i));
        copies.copy(slot + i, to, matrix.memory + (base + step * matrix.pitch),
                    outer < matrix.outer && inner < last);
      }
    }

   private:
    int outer_, inner_, from_;
  };
};

/// Where windows lie over a batch of pictures. The window of grid cell (i, j) has its tap (r, s) at
/// row i step_height + top + r tap_height and the column alike.
struct WindowGrid {
  int height, width, channels;  ///< of the pictures
  int step_height, step_width, top, left, tap_height, tap_width;
  FastDivisor by_grid_height, by_grid_width, by_taps_across, by_channels;

  struct Cell {
    int picture, row, column;
  };
  /// The first tap of window `index`, counted over all pictures' grids.
  __device__ __forceinline__ Cell cell(int index) const {
    auto picture = static_cast<unsigned>(index);
    const auto j = static_cast<int>(by_grid_width.divide(picture));
    const auto i = static_cast<int>(by_grid_height.divide(picture));
    return {static_cast<int>(picture), i * step_height + top, j * step_width + left};
  }

  struct Tap {
    int row, column, channel;
  };
  /// Element `index` of a patch, in the order (r, s, channel), relative to the first tap.
  __device__ __forceinline__ Tap tap(int index) const {
    auto r = static_cast<unsigned>(index);
    const auto channel = static_cast<int>(by_channels.divide(r));
    const auto s = static_cast<int>(by_taps_across.divide(r));
    return {static_cast<int>(r) * tap_height, s * tap_width, channel};
  }

  __device__ __forceinline__ bool contains(int row, int column) const {
    return static_cast<unsigned>(row) < static_cast<unsigned>(height) &&
           static_cast<unsigned>(column) < static_cast<unsigned>(width);
  }
  __device__ __forceinline__ int offset(int picture, int row, int column) const {
    return ((picture * height + row) * width + column) * channels;
  }
};

/// Patches as an operand whose outer axis is the windows, and whose inner axis runs over a patch.
template <class T>
struct PatchRows {
  static constexpr Major kMajor = Major::inner;
  const T* pictures;
  int windows;
  WindowGrid grid;

  template <class Config, int kOuter>
  class Loader {
    using Share = TileShare<Config, kOuter, kMajor>;

   public:
    static constexpr int kCopies = Share::kCopies;

    __device__ __forceinline__ Loader(const PatchRows& patches, int first_outer) {
#pragma unroll
      for (int i = 0; i < kCopies; ++i) {
        const int window = first_outer + Share::row(i);
        const bool exists = window < patches.windows;
        const WindowGrid::Cell cell = patches.grid.cell(exists ? window : 0);
        row_[i] = exists ? cell.row : kNowhere;
        column_[i] = cell.column;
        from_[i] = patches.grid.offset(cell.picture, cell.row, cell.column);
      }
    }

    template <class CopyGroup, class Tile>
    __device__ __forceinline__ void load(const PatchRows& patches, CopyGroup& copies, int slot,
                                         Tile& tile, int first, int last) const {
      const int inner = first + Share::column();
      const WindowGrid::Tap tap = patches.grid.tap(inner);
      const int step = patches.grid.offset(0, tap.row, tap.column) + tap.channel;
#pragma unroll
      for (int i = 0; i < kCopies; ++i) {
        copies.copy(
            slot + i, tile.at(Share::row(i), Share::column()), patches.pictures + (from_[i] + step),
            inner < last && patches.grid.contains(row_[i] + tap.row, column_[i] + tap.column));
      }
    }

   private:
    static constexpr int kNowhere = -(1 << 30);
    int row_[kCopies], column_[kCopies], from_[kCopies];
  };
};

/// Patches as an operand whose inner axis is the windows, and whose outer axis runs over a patch.
template <class T>
struct PatchColumns {
  static constexpr Major kMajor = Major::outer;
  const T* pictures;
  int patch;
  WindowGrid grid;

  template <class Config, int kOuter>
  class Loader {
    using Share = TileShare<Config, kOuter, kMajor>;

   public:
    static constexpr int kCopies = Share::kCopies;

    __device__ __forceinline__ Loader(const PatchColumns& patches, int first_outer)
        : exists_(first_outer + Share::column() < patches.patch),
          tap_(patches.grid.tap(first_outer + Share::column())) {}

    template <class CopyGroup, class Tile>
    __device__ __forceinline__ void load(const PatchColumns& patches, CopyGroup& copies, int slot,
                                         Tile& tile, int first, int last) const {
#pragma unroll
      for (int i = 0; i < kCopies; ++i) {
        const int window = first + Share::row(i);
        const WindowGrid::Cell cell = patches.grid.cell(window);
        const int row = cell.row + tap_.row;
        const int column = cell.column + tap_.column;
        copies.copy(
            slot + i, tile.at(Share::column(), Share::row(i)),
            patches.pictures + (patches.grid.offset(cell.picture, row, column) + tap_.channel),
            exists_ && window < last && patches.grid.contains(row, column));
      }
    }

   private:
    bool exists_;
    WindowGrid::Tap tap_;
  };
};

/// Weights (K, R, S, C) as an operand whose outer axis is the channels, and whose inner axis runs
/// over (i, j, k): taps r = first_r + i step_r and s = first_s + j step_s, filters k.
template <class T>
struct TapWeights {
  static constexpr Major kMajor = Major::outer;
  const T* weights;
  int channels, kernel_height, kernel_width;
  int first_r, first_s, step_r, step_s;
  FastDivisor by_filters, by_taps_across;

  template <class Config, int kOuter>
  class Loader {
    using Share = TileShare<Config, kOuter, kMajor>;

   public:
    static constexpr int kCopies = Share::kCopies;

    __device__ __forceinline__ Loader(const TapWeights&, int first_outer)
        : channel_(first_outer + Share::column()) {}

    template <class CopyGroup, class Tile>
    __device__ __forceinline__ void load(const TapWeights& w, CopyGroup& copies, int slot,
                                         Tile& tile, int first, int last) const {
#pragma unroll
      for (int n = 0; n < kCopies; ++n) {
        const int inner = first + Share::row(n);
        auto i = static_cast<unsigned>(inner);
        const auto k = static_cast<int>(w.by_filters.divide(i));
        const auto j = static_cast<int>(w.by_taps_across.divide(i));
        const int r = w.first_r + static_cast<int>(i) * w.step_r;
        const int s = w.first_s + j * w.step_s;
        const int row = (k * w.kernel_height + r) * w.kernel_width + s;
        copies.copy(slot + n, tile.at(Share::column(), Share::row(n)),
                    w.weights + (row * w.channels + channel_),
                    channel_ < w.channels && inner < last);
      }
    }

   private:
    int channel_;
  };
};

}  // namespace fovea::kernels
