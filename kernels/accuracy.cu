// One-hot rows, whether predictions are right, and sums of what lies above thresholds.
//
// Mapping: one_hot gives a thread to a class, its block's x running over classes and its y over
// samples, so no thread divides; accuracy_of_classes gives a warp to a sample, of which lane l
// takes the classes l, l + 32, ..., as does accuracy_of_top, which reads the row twice;
// accuracy_of_answers is a sum over rows. Bytes moved: samples classes sizeof(T), and the labels
// once. sum_above gives a block to a threshold: it reads scores and values once per threshold, out
// of the cache.
#include <algorithm>

#include "kernels/label_rows.cuh"
#include "kernels/loss.h"
#include "kernels/reduce.cuh"
#include "kernels/sum_rows.cuh"

namespace fovea::kernels {
namespace {

constexpr int kThreads = 128;
constexpr int kRowsPerBlock = kThreads / kWarpSize;

/// A number and where it stands in its row.
struct Place {
  float value;
  std::int64_t index;
};

/// The larger number; the first of equal ones.
struct FirstLargest {
  __device__ Place operator()(const Place& a, const Place& b) const {
    if (a.value != b.value) return a.value > b.value ? a : b;
    return a.index <= b.index ? a : b;
  }
};

/// Where the first of the row's largest numbers stands. As comparing one after another finds it, a
/// NaN is largest in the first place, and never elsewhere.
template <class Row>
__device__ __forceinline__ std::int64_t first_largest(const Row& row, std::int64_t classes) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Place best{-kInfinity, classes};
  for (std::int64_t c = threadIdx.x % kWarpSize; c < classes; c += kWarpSize) {
    const float value = row[c];
    const float ranked = value == value ? value : c == 0 ? kInfinity : -kInfinity;
    best = FirstLargest{}(best, Place{ranked, c});
  }
#pragma unroll
  for (int offset = kWarpSize / 2; offset > 0; offset /= 2) {
    const Place other{__shfl_xor_sync(kAllLanes, best.value, offset),
                      __shfl_xor_sync(kAllLanes, best.index, offset)};
    best = FirstLargest{}(best, other);
  }
  return best.index;
}

__device__ __forceinline__ std::int64_t right_class(const SparseLabels::Row& row, std::int64_t) {
  return row.label;
}
template <class Row>
__device__ __forceinline__ std::int64_t right_class(const Row& row, std::int64_t classes) {
  return first_largest(row, classes);
}

/// 1 where the answer is right, else 0.
struct RightAnswer {
  float threshold;
  __device__ float operator()(float p, float t) const {
    return (p > threshold) == (t > 0.5f) ? 1.0f : 0.0f;
  }
};

}  // namespace

template <class T>
__global__ void one_hot_kernel(std::int64_t samples, std::int64_t classes, SparseLabels labels,
                               T* rows) {
  const std::int64_t n = std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
  if (n >= samples) return;
  const SparseLabels::Row row = labels.row(n, classes);
  for (std::int64_t c = threadIdx.x; c < classes; c += blockDim.x) {
    rows[n * classes + c] = from_float<T>(row[c]);
  }
}

template <class T, class Labels>
__global__ void accuracy_of_classes_kernel(std::int64_t samples, std::int64_t classes,
                                           const T* predictions, Labels labels, T* matches) {
  const std::int64_t n = row_of_warp<kThreads>();
  if (n >= samples) return;  // the whole warp
  const auto predicted = first_largest(DenseLabels<T>{predictions}.row(n, classes), classes);
  const auto right = right_class(labels.row(n, classes), classes);
  if (threadIdx.x % kWarpSize == 0) matches[n] = from_float<T>(predicted == right ? 1.0f : 0.0f);
}

template <class T, class Labels>
__global__ void accuracy_of_top_kernel(std::int64_t samples, std::int64_t classes, std::int64_t k,
                                       const T* predictions, Labels labels, T* matches) {
  const std::int64_t n = row_of_warp<kThreads>();
  if (n >= samples) return;  // the whole warp
  const auto row = DenseLabels<T>{predictions}.row(n, classes);
  const std::int64_t right = right_class(labels.row(n, classes), classes);
  const bool known = right >= 0 && right < classes;
  const float wanted = known ? row[right] : 0.0f;
  std::int32_t larger = 0;
  for (std::int64_t c = threadIdx.x % kWarpSize; c < classes; c += kWarpSize) {
    larger += row[c] > wanted ? 1 : 0;
  }
  larger = warp_reduce(larger, Sum{});
  const bool matches_top = known && wanted == wanted && larger < k;
  if (threadIdx.x % kWarpSize == 0) matches[n] = from_float<T>(matches_top ? 1.0f : 0.0f);
}

template <class T>
__global__ void sum_above_kernel(std::int64_t count, float highest, const T* scores,
                                 const T* values, T* sums) {
  const auto threshold = static_cast<float>(blockIdx.x);
  float own = 0;
  for (std::int64_t n = threadIdx.x; n < count; n += kThreads) {
    const bool above = blockIdx.x == 0 || to_float(scores[n]) * highest > threshold;
    own += above ? to_float(values[n]) : 0.0f;
  }
  own = block_reduce(own, Sum{});
  if (threadIdx.x == 0) sums[blockIdx.x] = from_float<T>(own);
}

cudaError_t one_hot(cudaStream_t stream, DType dtype, const std::int32_t* labels, void* rows,
                    std::int64_t samples, std::int64_t classes) {
  const auto threads_x = static_cast<unsigned>(std::min<std::int64_t>(classes, kThreads));
  const dim3 threads(threads_x, kThreads / threads_x);
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch("one_hot_kernel", stream, {blocks_for(samples, threads.y), threads},
                  one_hot_kernel<T>, samples, classes, SparseLabels{labels}, static_cast<T*>(rows));
  });
}

cudaError_t accuracy_of_classes(cudaStream_t stream, const ClassShape& shape,
                                const void* predictions, const void* labels, void* matches) {
  return with_floating_type(shape.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_labels<T>(shape.sparse, labels, [&](auto rows) {
      return launch("accuracy_of_classes_kernel", stream,
                    {blocks_for(shape.samples, kRowsPerBlock), kThreads},
                    accuracy_of_classes_kernel<T, decltype(rows)>, shape.samples, shape.classes,
                    static_cast<const T*>(predictions), rows, static_cast<T*>(matches));
    });
  });
}

cudaError_t accuracy_of_top(cudaStream_t stream, const ClassShape& shape, std::int64_t k,
                            const void* predictions, const void* labels, void* matches) {
  return with_floating_type(shape.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_labels<T>(shape.sparse, labels, [&](auto rows) {
      return launch("accuracy_of_top_kernel", stream,
                    {blocks_for(shape.samples, kRowsPerBlock), kThreads},
                    accuracy_of_top_kernel<T, decltype(rows)>, shape.samples, shape.classes, k,
                    static_cast<const T*>(predictions), rows, static_cast<T*>(matches));
    });
  });
}

cudaError_t sum_above(cudaStream_t stream, DType dtype, std::int64_t thresholds, std::int64_t count,
                      const void* scores, const void* values, void* sums) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch("sum_above_kernel", stream, {static_cast<unsigned>(thresholds), kThreads},
                  sum_above_kernel<T>, count, static_cast<float>(thresholds - 1),
                  static_cast<const T*>(scores), static_cast<const T*>(values),
                  static_cast<T*>(sums));
  });
}

cudaError_t accuracy_of_answers(cudaStream_t stream, const ClassShape& shape, float threshold,
                                const void* predictions, const void* labels, void* matches,
                                void* partial) {
  return with_floating_type(shape.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    const auto compare = [&](const auto* answers) {
      return sum_rows(stream, shape.samples, shape.classes, RightAnswer{threshold},
                      static_cast<float>(shape.classes), static_cast<T*>(matches),
                      static_cast<float*>(partial), static_cast<const T*>(predictions), answers);
    };
    return shape.sparse ? compare(static_cast<const std::int32_t*>(labels))
                        : compare(static_cast<const T*>(labels));
  });
}

}  // namespace fovea::kernels
