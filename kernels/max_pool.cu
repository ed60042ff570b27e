// Max and min pooling with the place of each extreme; see pool_window.cuh for the mapping.
//
// Forward: y = max, or min, over the window, argmax its index. Bytes moved: x once (overlapping
// windows read it again, from caches), y and argmax once.
//
// Backward: dx = sum of dy over the windows whose argmax is this cell. Bytes moved: dy and argmax
// once (all cells of a window read them, from caches), dx once.
#include "kernels/pool_window.cuh"

namespace fovea::kernels {
namespace {

template <class Body>
cudaError_t with_index_type(DType dtype, const Body& body) {
  if (dtype == DType::u8) return body(TypeName<std::uint8_t>{});
  if (dtype == DType::i32) return body(TypeName<std::int32_t>{});
  return cudaErrorInvalidValue;
}

/// What a window's best cell is. A NaN is better than any number.
struct Largest {
  static constexpr float kStart = -std::numeric_limits<float>::infinity();
  __device__ static bool is_better(float value, float best) { return !(value <= best); }
};
struct Smallest {
  static constexpr float kStart = std::numeric_limits<float>::infinity();
  __device__ static bool is_better(float value, float best) { return !(value >= best); }
};

}  // namespace

template <class Best, int kCount, int kSide, class T, class Index>
__global__ void extreme_pool_forward_kernel(const T* x, T* y, Index* argmax, PoolWindow window,
                                            PoolPlaces places, unsigned threads) {
  const unsigned thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= threads) return;
  const PoolPlace place = places.at<kCount>(thread);
  const int top = place.h * window.stride_h - window.pad_top;
  const int left = place.w * window.stride_w - window.pad_left;
  const PoolRange rows(top, window.kernel_h, window.input_h);
  const PoolRange columns(left, window.kernel_w, window.input_w);
  float best[kCount];
  int best_index[kCount];
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    best[i] = Best::kStart;
    best_index[i] = rows.first * window.kernel_w + columns.first;
  }
  const T* image = x + window.input_at(place.image) + place.channel;
  for_each_cell<kSide, kCount>(image, window, top, left, rows, columns,
                               [&](const Vector<T, kCount>& cell, int r, int s) {
#pragma unroll
                                 for (int i = 0; i < kCount; ++i) {
                                   const float value = to_float(cell.at[i]);
                                   const bool is_nan = best[i] != best[i];  // the first one stays
                                   const bool better = !is_nan && Best::is_better(value, best[i]);
                                   best[i] = better ? value : best[i];
                                   best_index[i] = better ? r * window.kernel_w + s : best_index[i];
                                 }
                               });
  Vector<T, kCount> out;
  Vector<Index, kCount> out_index;
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    out.at[i] = from_float<T>(best[i]);
    out_index.at[i] = static_cast<Index>(best_index[i]);
  }
  store_vector<kCount>(y + std::int64_t{thread} * kCount, out);
  store_vector<kCount>(argmax + std::int64_t{thread} * kCount, out_index);
}

template <int kCount, class T, class Index>
__global__ void max_pool_backward_kernel(const T* dy, const Index* argmax, T* dx, PoolWindow window,
                                         PoolPlaces places, unsigned threads) {
  const unsigned thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= threads) return;
  const PoolPlace place = places.at<kCount>(thread);
  const PoolCover rows(place.h, window.pad_top, window.kernel_h, window.by_stride_h,
                       window.output_h);
  const PoolCover columns(place.w, window.pad_left, window.kernel_w, window.by_stride_w,
                          window.output_w);
  const std::int64_t image = window.output_at(place.image) + place.channel;
  float sum[kCount] = {};
  for (int oh = rows.first; oh <= rows.last; ++oh) {
    for (int ow = columns.first; ow <= columns.last; ++ow) {
      const std::int64_t at = image + (oh * window.output_w + ow) * window.channels;
      const Vector<T, kCount> in = load_vector<kCount>(dy + at);
      const Vector<Index, kCount> index = load_vector<kCount>(argmax + at);
      const int r = place.h + window.pad_top - oh * window.stride_h;
      const int s = place.w + window.pad_left - ow * window.stride_w;
#pragma unroll
      for (int i = 0; i < kCount; ++i) {
        sum[i] += index.at[i] == r * window.kernel_w + s ? to_float(in.at[i]) : 0.0f;
      }
    }
  }
  Vector<T, kCount> out;
#pragma unroll
  for (int i = 0; i < kCount; ++i) out.at[i] = from_float<T>(sum[i]);
  store_vector<kCount>(dx + std::int64_t{thread} * kCount, out);
}

namespace {

template <class Best>
cudaError_t extreme_pool_forward(cudaStream_t stream, DType dtype, DType index_dtype,
                                 const PoolShape& shape, const void* x, void* y, void* argmax) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_index_type(index_dtype, [&](auto index_type) {
      using Index = typename decltype(index_type)::Type;
      return with_pool_sizes<T>(shape, [&](auto count, auto side) {
        constexpr int kCount = count;
        constexpr int kSide = sizeof(Index) == 1 ? side : 0;
        const std::int64_t x_size = shape.input_h * shape.input_w * shape.channels;
        const std::int64_t y_size = shape.output_h * shape.output_w * shape.channels;
        return for_pool_threads(
            shape, shape.output_h, shape.output_w, shape.channels / kCount,
            [&](std::int64_t first, const PoolPlaces& places, unsigned threads) {
              return launch(
                  "extreme_pool_forward_kernel", stream,
                  {blocks_for(threads, kPoolThreads), kPoolThreads},
                  extreme_pool_forward_kernel<Best, kCount, kSide, T, Index>,
                  static_cast<const T*>(x) + first * x_size, static_cast<T*>(y) + first * y_size,
                  static_cast<Index*>(argmax) + first * y_size, PoolWindow(shape), places, threads);
            });
      });
    });
  });
}

}  // namespace

cudaError_t max_pool_forward(cudaStream_t stream, DType dtype, DType index_dtype,
                             const PoolShape& shape, const void* x, void* y, void* argmax) {
  return extreme_pool_forward<Largest>(stream, dtype, index_dtype, shape, x, y, argmax);
}

cudaError_t min_pool_forward(cudaStream_t stream, DType dtype, DType index_dtype,
                             const PoolShape& shape, const void* x, void* y, void* argmin) {
  return extreme_pool_forward<Smallest>(stream, dtype, index_dtype, shape, x, y, argmin);
}

cudaError_t max_pool_backward(cudaStream_t stream, DType dtype, DType index_dtype,
                              const PoolShape& shape, const void* dy, const void* argmax,
                              void* dx) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_index_type(index_dtype, [&](auto index_type) {
      using Index = typename decltype(index_type)::Type;
      return with_pool_sizes<T>(shape, [&](auto count, auto) {
        constexpr int kCount = count;
        const std::int64_t x_size = shape.input_h * shape.input_w * shape.channels;
        const std::int64_t y_size = shape.output_h * shape.output_w * shape.channels;
        return for_pool_threads(
            shape, shape.input_h, shape.input_w, shape.channels / kCount,
            [&](std::int64_t first, const PoolPlaces& places, unsigned threads) {
              return launch("max_pool_backward_kernel", stream,
                            {blocks_for(threads, kPoolThreads), kPoolThreads},
                            max_pool_backward_kernel<kCount, T, Index>,
                            static_cast<const T*>(dy) + first * y_size,
                            static_cast<const Index*>(argmax) + first * y_size,
                            static_cast<T*>(dx) + first * x_size, PoolWindow(shape), places,
                            threads);
            });
      });
    });
  });
}

}  // namespace fovea::kernels
