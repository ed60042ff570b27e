// The same source is compiled for the GPU and, with THRUST_DEVICE_SYSTEM_CPP, for the tests on the
// host.
//
// count_labels: sorts the labels, or the numbers of their pairs, and looks up where each one ends.
// channel_moments: one reduction over the cells for every four channels; pictures have no more.
// ranked_pairs: sorts the scores of label 1, and looks up every other score among them.
#include "cuda/thrust_statistics.h"

#include <thrust/adjacent_difference.h>
#include <thrust/binary_search.h>
#include <thrust/copy.h>
#include <thrust/execution_policy.h>
#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/sort.h>
#include <thrust/system_error.h>
#include <thrust/transform.h>
#include <thrust/transform_reduce.h>

#include <cstddef>
#include <new>

#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA
#include <thrust/system/cuda/execution_policy.h>
#else
#include <thrust/system/cpp/execution_policy.h>

#include <functional>

namespace on_host {  // as in tests/host_kernels/cuda_on_host.h, which Thrust's headers cannot bear
cudaError_t wait_for(cudaStream_t stream, const char* name, const std::function<void()>& work);
}  // namespace on_host
#endif

namespace fovea::cuda {
namespace {

using Index = thrust::counting_iterator<std::int64_t>;

/// Calls body(policy), and returns when the stream is through with it.
#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA
template <class Body>
cudaError_t run(cudaStream_t stream, const Body& body) {
  body(thrust::cuda::par.on(stream));
  return cudaSuccess;
}
#else
template <class Body>
cudaError_t run(cudaStream_t stream, const Body& body) {
  return on_host::wait_for(stream, "Thrust", [&] { body(thrust::cpp::par); });
}
#endif

/// Calls body(policy); Thrust's exceptions become a status.
template <class Body>
cudaError_t with_policy(cudaStream_t stream, const Body& body) {
  try {
    return run(stream, body);
  } catch (const std::bad_alloc&) {
    return cudaErrorMemoryAllocation;
  } catch (const thrust::system_error& error) {
    static_cast<void>(cudaGetLastError());
    return static_cast<cudaError_t>(error.code().value());
  }
}

/// The number of a sample's label or pair of labels; `bins` where it is not counted.
struct KeyOf {
  const std::int32_t* first;
  const std::int32_t* second;
  std::int64_t classes, bins;
  __host__ __device__ std::int32_t operator()(std::int64_t i) const {
    const std::int64_t row = first[i], column = second == nullptr ? 0 : second[i];
    if (row < 0 || row >= classes || column < 0 || column >= classes) {
      return static_cast<std::int32_t>(bins);
    }
    return static_cast<std::int32_t>(second == nullptr ? row : row * classes + column);
  }
};

/// Of up to four channels.
constexpr int kChannels = 4;
template <class Sum>
struct Moments {
  Sum sums[kChannels] = {};
  Sum squares[kChannels] = {};
};

template <class X, class Sum>
struct MomentsOfCell {
  const X* x;  ///< at the first of the channels
  std::int64_t channels;
  int count;  ///< of the channels that are summed
  __host__ __device__ Moments<Sum> operator()(std::int64_t cell) const {
    Moments<Sum> moments;
    for (int c = 0; c < count; ++c) {
      const auto value = static_cast<Sum>(x[cell * channels + c]);
      moments.sums[c] = value;
      moments.squares[c] = value * value;
    }
    return moments;
  }
};

template <class Sum>
struct AddMoments {
  __host__ __device__ Moments<Sum> operator()(Moments<Sum> a, const Moments<Sum>& b) const {
    for (int c = 0; c < kChannels; ++c) {
      a.sums[c] += b.sums[c];
      a.squares[c] += b.squares[c];
    }
    return a;
  }
};

/// Writes what the host has learnt into device memory.
template <class Sum>
struct StoreMoments {
  Moments<Sum> moments;
  Sum *sums, *squares;
  __host__ __device__ void operator()(std::int64_t c) const {
    sums[c] = moments.sums[c];
    squares[c] = moments.squares[c];
  }
};
struct StorePair {
  std::int64_t first, second;
  std::int64_t *to_first, *to_second;
  __host__ __device__ void operator()(std::int64_t) const {
    *to_first = first;
    *to_second = second;
  }
};

template <class X, class Sum>
cudaError_t channel_moments(cudaStream_t stream, const X* x, std::int64_t cells,
                            std::int64_t channels, Sum* sums, Sum* squares) {
  return with_policy(stream, [&](const auto& policy) {
    for (std::int64_t c = 0; c < channels; c += kChannels) {
      const std::int64_t left = channels - c;
      const int count = left < kChannels ? static_cast<int>(left) : kChannels;
      const Moments<Sum> moments = thrust::transform_reduce(
          policy, Index(0), Index(cells), MomentsOfCell<X, Sum>{x + c, channels, count},
          Moments<Sum>{}, AddMoments<Sum>{});
      thrust::for_each_n(policy, Index(0), count,
                         StoreMoments<Sum>{moments, sums + c, squares + c});
    }
  });
}

struct IsOne {
  __host__ __device__ bool operator()(std::int32_t label) const { return label == 1; }
};

/// How many of the sorted scores [ones, ones + count) are above sample i, and how many not below.
template <class T>
struct AboveAndNotBelow {
  const std::int32_t* labels;
  const T* scores;
  const T* ones;
  std::int64_t count;
  __host__ __device__ std::int64_t operator()(std::int64_t i) const {
    if (labels[i] == 1) return 0;
    const T* const end = ones + count;
    return (end - thrust::lower_bound(thrust::seq, ones, end, scores[i])) +
           (end - thrust::upper_bound(thrust::seq, ones, end, scores[i]));
  }
};

struct Plus {
  __host__ __device__ std::int64_t operator()(std::int64_t a, std::int64_t b) const {
    return a + b;
  }
};

template <class T>
cudaError_t ranked_pairs(cudaStream_t stream, const std::int32_t* labels, const T* scores,
                         std::int64_t samples, T* ones, std::int64_t* twice,
                         std::int64_t* ones_count) {
  return with_policy(stream, [&](const auto& policy) {
    T* const end = thrust::copy_if(policy, scores, scores + samples, labels, ones, IsOne{});
    thrust::sort(policy, ones, end);
    const std::int64_t count = end - ones;
    const std::int64_t sum = thrust::transform_reduce(
        policy, Index(0), Index(samples), AboveAndNotBelow<T>{labels, scores, ones, count},
        std::int64_t{0}, Plus{});
    thrust::for_each_n(policy, Index(0), 1, StorePair{sum, count, twice, ones_count});
  });
}

}  // namespace

cudaError_t thrust_count_labels(cudaStream_t stream, const std::int32_t* first,
                                const std::int32_t* second, std::int64_t samples,
                                std::int64_t classes, std::int32_t* keys, std::int64_t* counts) {
  const std::int64_t bins = second == nullptr ? classes : classes * classes;
  return with_policy(stream, [&](const auto& policy) {
    thrust::transform(policy, Index(0), Index(samples), keys, KeyOf{first, second, classes, bins});
    thrust::sort(policy, keys, keys + samples);
    const thrust::counting_iterator<std::int32_t> bin(0);
    thrust::upper_bound(policy, keys, keys + samples, bin, bin + bins, counts);
    thrust::adjacent_difference(policy, counts, counts + bins, counts);
  });
}

cudaError_t thrust_channel_moments(cudaStream_t stream, DType dtype, const void* x,
                                   std::int64_t cells, std::int64_t channels, void* sums,
                                   void* squares) {
  if (dtype == DType::u8) {
    return channel_moments(stream, static_cast<const std::uint8_t*>(x), cells, channels,
                           static_cast<std::int64_t*>(sums), static_cast<std::int64_t*>(squares));
  }
  if (dtype != DType::f32) return cudaErrorInvalidValue;
  return channel_moments(stream, static_cast<const float*>(x), cells, channels,
                         static_cast<double*>(sums), static_cast<double*>(squares));
}

cudaError_t thrust_ranked_pairs(cudaStream_t stream, DType dtype, const std::int32_t* labels,
                                const void* scores, std::int64_t samples, void* ones,
                                std::int64_t* twice, std::int64_t* ones_count) {
  if (dtype == DType::f32) {
    return ranked_pairs(stream, labels, static_cast<const float*>(scores), samples,
                        static_cast<float*>(ones), twice, ones_count);
  }
  if (dtype != DType::f64) return cudaErrorInvalidValue;
  return ranked_pairs(stream, labels, static_cast<const double*>(scores), samples,
                      static_cast<double*>(ones), twice, ones_count);
}

}  // namespace fovea::cuda
