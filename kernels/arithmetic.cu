// Sums, products and the like: elementwise, by elementwise_kernel.
// Bytes moved: count sizeof(T) times the number of tensors. Single numbers are read from device
// memory by every thread, which the cache serves.
#include "kernels/arithmetic.h"

#include "kernels/elementwise.cuh"

namespace fovea::kernels {
namespace {

struct AddFunction {
  __device__ float operator()(float a, float b) const { return a + b; }
};

struct MultiplyFunction {
  __device__ float operator()(float a, float b) const { return a * b; }
};

struct ScaleFunction {
  float factor;
  __device__ float operator()(float x) const { return factor * x; }
};

template <class T>
struct BroadcastFunction {
  float factor;
  const T* value;
  __device__ float operator()() const { return factor * to_float(*value); }
};

template <class T>
struct PenaltyDerivative {
  float l1, l2;
  const T* dy;
  __device__ float operator()(float w) const {
    const float sign = w > 0 ? 1.0f : w < 0 ? -1.0f : 0.0f;
    return to_float(*dy) * (l1 * sign + 2 * l2 * w);
  }
};

}  // namespace

cudaError_t add(cudaStream_t stream, DType dtype, const void* a, const void* b, void* y,
                std::int64_t count) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return elementwise(stream, count, static_cast<T*>(y), AddFunction{}, static_cast<const T*>(a),
                       static_cast<const T*>(b));
  });
}

cudaError_t multiply(cudaStream_t stream, DType dtype, const void* a, const void* b, void* y,
                     std::int64_t count) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return elementwise(stream, count, static_cast<T*>(y), MultiplyFunction{},
                       static_cast<const T*>(a), static_cast<const T*>(b));
  });
}

cudaError_t scale(cudaStream_t stream, DType dtype, float factor, const void* x, void* y,
                  std::int64_t count) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return elementwise(stream, count, static_cast<T*>(y), ScaleFunction{factor},
                       static_cast<const T*>(x));
  });
}

cudaError_t broadcast(cudaStream_t stream, DType dtype, float factor, const void* value, void* y,
                      std::int64_t count) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return elementwise(stream, count, static_cast<T*>(y),
                       BroadcastFunction<T>{factor, static_cast<const T*>(value)});
  });
}

cudaError_t weight_penalty_backward(cudaStream_t stream, DType dtype, float l1, float l2,
                                    const void* dy, const void* w, void* dw, std::int64_t count) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return elementwise(stream, count, static_cast<T*>(dw),
                       PenaltyDerivative<T>{l1, l2, static_cast<const T*>(dy)},
                       static_cast<const T*>(w));
  });
}

}  // namespace fovea::kernels
