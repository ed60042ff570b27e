// Average pooling, over windows and over whole pictures.
//
// Windows: y = mean of the window's cells inside the picture; dx = sum of dy / count over the
// windows that hold the cell. See pool_window.cuh for the mapping. Bytes moved: x and y once, dy
// and dx once; overlapping windows read again from caches.
// Whole pictures: forward is column_sum_kernel with a picture per group. Backward a thread keeps
// its channels of dy / pixels and writes them to up to eight pixels; see columns.cuh. Bytes moved:
// x or dx once, and one pixel per picture.
#include "kernels/column_sum.cuh"
#include "kernels/pool_window.cuh"

namespace fovea::kernels {

template <int kCount, int kSide, class T>
__global__ void avg_pool_forward_kernel(const T* x, T* y, PoolWindow window, PoolPlaces places,
                                        unsigned threads) {
  const unsigned thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= threads) return;
  const PoolPlace place = places.at<kCount>(thread);
  const int top = place.h * window.stride_h - window.pad_top;
  const int left = place.w * window.stride_w - window.pad_left;
  const PoolRange rows(top, window.kernel_h, window.input_h);
  const PoolRange columns(left, window.kernel_w, window.input_w);
  const T* image = x + window.input_at(place.image) + place.channel;
  float sum[kCount] = {};
  for_each_cell<kSide, kCount>(image, window, top, left, rows, columns,
                               [&](const Vector<T, kCount>& cell, int, int) {
#pragma unroll
                                 for (int i = 0; i < kCount; ++i) sum[i] += to_float(cell.at[i]);
                               });
  const float share = 1.0f / static_cast<float>(rows.count() * columns.count());
  Vector<T, kCount> out;
#pragma unroll
  for (int i = 0; i < kCount; ++i) out.at[i] = from_float<T>(sum[i] * share);
  store_vector<kCount>(y + std::int64_t{thread} * kCount, out);
}

template <int kCount, class T>
__global__ void avg_pool_backward_kernel(const T* dy, T* dx, PoolWindow window, PoolPlaces places,
                                         unsigned threads) {
  const unsigned thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= threads) return;
  const PoolPlace place = places.at<kCount>(thread);
  const PoolCover rows(place.h, window.pad_top, window.kernel_h, window.by_stride_h,
                       window.output_h);
  const PoolCover columns(place.w, window.pad_left, window.kernel_w, window.by_stride_w,
                          window.output_w);
  const T* image = dy + window.output_at(place.image) + place.channel;
  float sum[kCount] = {};
  for (int oh = rows.first; oh <= rows.last; ++oh) {
    const int height =
        PoolRange(oh * window.stride_h - window.pad_top, window.kernel_h, window.input_h).count();
    for (int ow = columns.first; ow <= columns.last; ++ow) {
      const int width =
          PoolRange(ow * window.stride_w - window.pad_left, window.kernel_w, window.input_w)
              .count();
      const float share = 1.0f / static_cast<float>(height * width);
      const Vector<T, kCount> in =
          load_vector<kCount>(image + (oh * window.output_w + ow) * window.channels);
#pragma unroll
      for (int i = 0; i < kCount; ++i) sum[i] += to_float(in.at[i]) * share;
    }
  }
  Vector<T, kCount> out;
#pragma unroll
  for (int i = 0; i < kCount; ++i) out.at[i] = from_float<T>(sum[i]);
  store_vector<kCount>(dx + std::int64_t{thread} * kCount, out);
}

/// blockIdx.x is the picture, blockIdx.y the block along the channels, blockIdx.z along the pixels.
template <int kCount, class T>
__global__ void global_avg_pool_backward_kernel(const T* dy, T* dx, std::int64_t pixels,
                                                std::int64_t channels, float share) {
  const std::int64_t channel = column_of_thread<kCount>();
  if (channel >= channels) return;
  Vector<T, kCount> out = load_vector<kCount>(dy + blockIdx.x * channels + channel);
#pragma unroll
  for (int i = 0; i < kCount; ++i) out.at[i] = from_float<T>(to_float(out.at[i]) * share);
  const std::int64_t first = std::int64_t{blockIdx.z} * blockDim.y * kRowsPerThread + threadIdx.y;
  dx += blockIdx.x * pixels * channels + channel;
#pragma unroll
  for (int i = 0; i < kRowsPerThread; ++i) {
    const std::int64_t pixel = first + std::int64_t{blockDim.y} * i;
    if (pixel < pixels) store_vector<kCount>(dx + pixel * channels, out);
  }
}

cudaError_t avg_pool_forward(cudaStream_t stream, DType dtype, const PoolShape& shape,
                             const void* x, void* y) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_pool_sizes<T>(shape, [&](auto count, auto side) {
      constexpr int kCount = count, kSide = side;
      const std::int64_t x_size = shape.input_h * shape.input_w * shape.channels;
      const std::int64_t y_size = shape.output_h * shape.output_w * shape.channels;
      return for_pool_threads(shape, shape.output_h, shape.output_w, shape.channels / kCount,
                              [&](std::int64_t first, const PoolPlaces& places, unsigned threads) {
                                return launch("avg_pool_forward_kernel", stream,
                                              {blocks_for(threads, kPoolThreads), kPoolThreads},
                                              avg_pool_forward_kernel<kCount, kSide, T>,
                                              static_cast<const T*>(x) + first * x_size,
                                              static_cast<T*>(y) + first * y_size,
                                              PoolWindow(shape), places, threads);
                              });
    });
  });
}

cudaError_t avg_pool_backward(cudaStream_t stream, DType dtype, const PoolShape& shape,
                              const void* dy, void* dx) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_pool_sizes<T>(shape, [&](auto count, auto) {
      constexpr int kCount = count;
      const std::int64_t x_size = shape.input_h * shape.input_w * shape.channels;
      const std::int64_t y_size = shape.output_h * shape.output_w * shape.channels;
      return for_pool_threads(shape, shape.input_h, shape.input_w, shape.channels / kCount,
                              [&](std::int64_t first, const PoolPlaces& places, unsigned threads) {
                                return launch("avg_pool_backward_kernel", stream,
                                              {blocks_for(threads, kPoolThreads), kPoolThreads},
                                              avg_pool_backward_kernel<kCount, T>,
                                              static_cast<const T*>(dy) + first * y_size,
                                              static_cast<T*>(dx) + first * x_size,
                                              PoolWindow(shape), places, threads);
                              });
    });
  });
}

cudaError_t global_avg_pool_forward(cudaStream_t stream, DType dtype, const void* x, void* y,
                                    std::int64_t images, std::int64_t pixels,
                                    std::int64_t channels) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return column_sum(stream, static_cast<const T*>(x), static_cast<T*>(y), images, images * pixels,
                      pixels, channels, 1.0f / static_cast<float>(pixels));
  });
}

cudaError_t global_avg_pool_backward(cudaStream_t stream, DType dtype, const void* dy, void* dx,
                                     std::int64_t images, std::int64_t pixels,
                                     std::int64_t channels) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_column_vectors<T>(channels, [&](auto count) {
      constexpr int kCount = count;
      constexpr unsigned kThreads = 256;
      const std::int64_t vectors = channels / kCount;
      const dim3 threads = column_block(vectors, pixels, kThreads);
      const dim3 blocks{blocks_for(images, 1), blocks_for(vectors, threads.x),
                        blocks_for(pixels, threads.y * kRowsPerThread)};
      return launch("global_avg_pool_backward_kernel", stream, {blocks, threads},
                    global_avg_pool_backward_kernel<kCount, T>, static_cast<const T*>(dy),
                    static_cast<T*>(dx), pixels, channels, 1.0f / static_cast<float>(pixels));
    });
  });
}

}  // namespace fovea::kernels
