#include "cuda/cub_reduction.h"

#include <thrust/iterator/transform_iterator.h>
#include <thrust/iterator/transform_output_iterator.h>

#include <cub/device/device_reduce.cuh>

#include "kernels/numbers.cuh"

namespace fovea::cuda {
namespace {

template <class T>
struct Widen {
  __host__ __device__ float operator()(T x) const { return kernels::to_float(x); }
};

template <class T>
struct Penalty {
  float l1, l2;
  __host__ __device__ float operator()(T w) const {
    const float value = kernels::to_float(w);
    return l1 * fabsf(value) + l2 * value * value;
  }
};

struct Plus {
  __host__ __device__ float operator()(float a, float b) const { return a + b; }
};

template <class T>
struct Narrow {
  float factor;
  __host__ __device__ T operator()(float sum) const { return kernels::from_float<T>(sum * factor); }
};

/// y[0] = factor times the sum of term(x[i]).
template <class T, class Term>
cudaError_t sum(void* workspace, std::size_t& workspace_bytes, cudaStream_t stream, const void* x,
                Term term, float factor, void* y, std::int64_t count) {
  const auto terms = thrust::make_transform_iterator(static_cast<const T*>(x), term);
  const auto result = thrust::make_transform_output_iterator(static_cast<T*>(y), Narrow<T>{factor});
  return cub::DeviceReduce::Reduce(workspace, workspace_bytes, terms, result,
                                   static_cast<int>(count), Plus{}, 0.0f, stream);
}

}  // namespace

cudaError_t cub_mean(void* workspace, std::size_t& workspace_bytes, cudaStream_t stream,
                     DType dtype, const void* x, void* y, std::int64_t count) {
  return kernels::with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return sum<T>(workspace, workspace_bytes, stream, x, Widen<T>{}, 1 / static_cast<float>(count),
                  y, count);
  });
}

cudaError_t cub_weight_penalty(void* workspace, std::size_t& workspace_bytes, cudaStream_t stream,
                               DType dtype, float l1, float l2, const void* w, void* penalty,
                               std::int64_t count) {
  return kernels::with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return sum<T>(workspace, workspace_bytes, stream, w, Penalty<T>{l1, l2}, 1, penalty, count);
  });
}

}  // namespace fovea::cuda
