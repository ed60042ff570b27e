// What the pooling kernels share: threads on the pixels and channels of a batch of pictures, and a
// window's cells.
//
// Mapping: a thread takes kCount channels, one vector, of one pixel; neighbours take the following
// channels, then the next pixel. Forward it is a pixel of y, which reads its window. Backward it is
// a pixel of x, which gathers from the windows that cover it: no two threads write to one place.
#pragma once

#include <algorithm>
#include <concepts>
#include <limits>

#include "kernels/divide.cuh"
#include "kernels/launch.h"
#include "kernels/numbers.cuh"
#include "kernels/pool.h"

namespace fovea::kernels {

inline constexpr int kPoolThreads = 256;

/// PoolShape in the numbers that kernels compute with.
struct PoolWindow {
  int input_h, input_w, output_h, output_w, kernel_h, kernel_w, stride_h, stride_w;
  int pad_top, pad_left, channels;
  FastDivisor by_stride_h, by_stride_w;

  explicit PoolWindow(const PoolShape& shape)
      : input_h(static_cast<int>(shape.input_h)),
        input_w(static_cast<int>(shape.input_w)),
        output_h(static_cast<int>(shape.output_h)),
        output_w(static_cast<int>(shape.output_w)),
        kernel_h(static_cast<int>(shape.kernel_h)),
        kernel_w(static_cast<int>(shape.kernel_w)),
        stride_h(static_cast<int>(shape.stride_h)),
        stride_w(static_cast<int>(shape.stride_w)),
        pad_top(static_cast<int>(shape.pad_top)),
        pad_left(static_cast<int>(shape.pad_left)),
        channels(static_cast<int>(shape.channels)),
        by_stride_h(shape.stride_h),
        by_stride_w(shape.stride_w) {}

  /// Where a picture, and what is made of it, begins.
  __device__ std::int64_t input_at(unsigned image) const {
    return std::int64_t{image} * input_h * input_w * channels;
  }
  __device__ std::int64_t output_at(unsigned image) const {
    return std::int64_t{image} * output_h * output_w * channels;
  }
};

/// A pixel of a picture and the first channel that a thread takes of it.
struct PoolPlace {
  unsigned image;
  int h, w, channel;
};

/// The places of all threads.
class PoolPlaces {
 public:
  PoolPlaces(std::int64_t h, std::int64_t w, std::int64_t vectors)
      : height_(h), width_(w), vectors_(vectors) {}

  template <int kCount>
  __device__ PoolPlace at(unsigned thread) const {
    PoolPlace place{};
    place.channel = static_cast<int>(vectors_.divide(thread)) * kCount;
    place.w = static_cast<int>(width_.divide(thread));
    place.h = static_cast<int>(height_.divide(thread));
    place.image = thread;
    return place;
  }

 private:
  FastDivisor height_, width_, vectors_;
};

/// The range of a window's rows, or of its columns, that lie in the picture.
struct PoolRange {
  int first, last;
  __device__ PoolRange(int origin, int kernel, int size)
      : first(std::max(0, -origin)), last(std::min(kernel, size - origin)) {}
  __device__ int count() const { return last - first; }
  __device__ bool contains(int cell) const { return cell >= first && cell < last; }
};

/// The windows [first, last] along one axis that hold `cell` of x. There may be none.
struct PoolCover {
  int first, last;
  __device__ PoolCover(int cell, int pad, int kernel, const FastDivisor& by_stride, int windows) {
    const int behind = cell + pad - kernel;  // where a window would end just before the cell
    first = behind < 0 ? 0 : static_cast<int>(by_stride.quotient(behind)) + 1;
    last = std::min(static_cast<int>(by_stride.quotient(cell + pad)), windows - 1);
  }
};

/// Calls take(cell, r, s) for the window's cells inside the picture, in order; `image` points to
/// the thread's channels of the first pixel. kSide > 0 says that the window is a square of this
/// size: then all of it is loaded before the first cell is taken.
template <int kSide, int kCount, class T, class Take>
__device__ __forceinline__ void for_each_cell(const T* image, const PoolWindow& window, int top,
                                              int left, const PoolRange& rows,
                                              const PoolRange& columns, const Take& take) {
  const auto load = [&](int r, int s) {
    return load_vector<kCount>(image + ((top + r) * window.input_w + left + s) * window.channels);
  };
  if constexpr (kSide > 0) {
    Vector<T, kCount> cells[kSide * kSide] = {};
#pragma unroll
    for (int i = 0; i < kSide * kSide; ++i) {
      const int r = i / kSide, s = i % kSide;
      if (rows.contains(r) && columns.contains(s)) cells[i] = load(r, s);
    }
#pragma unroll
    for (int i = 0; i < kSide * kSide; ++i) {
      const int r = i / kSide, s = i % kSide;
      if (rows.contains(r) && columns.contains(s)) take(cells[i], r, s);
    }
  } else {
    for (int r = rows.first; r < rows.last; ++r) {
      for (int s = columns.first; s < columns.last; ++s) take(load(r, s), r, s);
    }
  }
}

/// Calls body(integral_constant kCount, integral_constant kSide): a vector of T where the channels
/// are whole vectors, else 1; the window's side where it is a square of 2 or 3, else 0.
template <class T, class Body>
cudaError_t with_pool_sizes(const PoolShape& shape, const Body& body) {
  const auto with_side = [&](auto count) {
    const bool square = shape.kernel_h == shape.kernel_w;
    if (square && shape.kernel_h == 2) return body(count, std::integral_constant<int, 2>{});
    if (square && shape.kernel_h == 3) return body(count, std::integral_constant<int, 3>{});
    return body(count, std::integral_constant<int, 0>{});
  };
  if (shape.channels % kVectorSize < T >> 0) return with_side(std::integral_constant<int, 1>{});
  return with_side(std::integral_constant<int, kVectorSize<T>>{});
}

/// Whether the sums and products in a kernel stay below 2^31.
inline bool fits_pool_kernels(const PoolShape& s) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 30;
  const auto small = [](std::same_as<std::int64_t> auto... sizes) {
    return ((sizes < kLimit) && ...);
  };
  return small(s.input_h, s.input_w, s.output_h, s.output_w, s.channels, s.kernel_h, s.kernel_w,
               s.stride_h, s.stride_w, s.pad_top, s.pad_left) &&
         s.kernel_h * s.kernel_w < kLimit && s.input_h * s.input_w < kLimit &&
         s.output_h * s.output_w < kLimit && s.input_h * s.input_w * s.channels < kLimit &&
         s.output_h * s.output_w * s.channels < kLimit;
}

/// Calls start(first image, places, threads) for as many images at a time as 31 bits can count the
/// threads of; `h` and `w` are the size of the pictures that threads are laid on.
template <class Start>
cudaError_t for_pool_threads(const PoolShape& shape, std::int64_t h, std::int64_t w,
                             std::int64_t vectors, const Start& start) {
  if (!fits_pool_kernels(shape)) return cudaErrorInvalidValue;
  const std::int64_t per_image = h * w * vectors;
  if (per_image == 0) return cudaSuccess;
  const std::int64_t at_once = std::numeric_limits<std::int32_t>::max() / per_image;
  const PoolPlaces places(h, w, vectors);
  for (std::int64_t first = 0; first < shape.images; first += at_once) {
    const std::int64_t threads = std::min(at_once, shape.images - first) * per_image;
    const cudaError_t status = start(first, places, static_cast<unsigned>(threads));
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

}  // namespace fovea::kernels
