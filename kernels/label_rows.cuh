// Labels of either kind, seen as rows of targets, for kernels that give a warp to a row.
#pragma once

#include <cstdint>
#include <limits>

#include "kernels/numbers.cuh"
#include "kernels/reduce.cuh"

namespace fovea::kernels {

/// The row of this thread's warp, where each warp of a block of this many threads takes a row.
template <int kThreads>
__device__ __forceinline__ std::int64_t row_of_warp() {
  return std::int64_t{blockIdx.x} * (kThreads / kWarpSize) + threadIdx.x / kWarpSize;
}

/// One label per row: zeros with a one. A label outside [0, classes) is a row of NaNs, which makes
/// the loss NaN instead of quietly leaving the sample out.
struct SparseLabels {
  const std::int32_t* labels;

  struct Row {
    std::int64_t label;
    float others;
    __device__ float operator[](std::int64_t c) const { return c == label ? 1.0f : others; }
  };

  __device__ Row row(std::int64_t n, std::int64_t classes) const {
    const std::int32_t label = labels[n];
    const bool valid = label >= 0 && label < classes;
    return {label, valid ? 0.0f : std::numeric_limits<float>::quiet_NaN()};
  }
};

/// A row of targets per row of predictions.
template <class T>
struct DenseLabels {
  const T* labels;

  struct Row {
    const T* targets;
    __device__ float operator[](std::int64_t c) const { return to_float(targets[c]); }
  };

  __device__ Row row(std::int64_t n, std::int64_t classes) const { return {labels + n * classes}; }
};

/// A target t made less certain: t (1 - s) + s / classes.
struct Smoothing {
  float kept, added;

  Smoothing(double smoothing, std::int64_t classes)
      : kept(static_cast<float>(1 - smoothing)),
        added(static_cast<float>(smoothing / static_cast<double>(classes))) {}
  __device__ float operator()(float target) const { return target * kept + added; }
};

/// Calls body(labels) with the type that the labels have.
template <class T, class Body>
cudaError_t with_labels(bool sparse, const void* labels, const Body& body) {
  if (sparse) return body(SparseLabels{static_cast<const std::int32_t*>(labels)});
  return body(DenseLabels<T>{static_cast<const T*>(labels)});
}

}  // namespace fovea::kernels
