// y = f(x) and dx = dy f': elementwise, by elementwise_kernel.
// Bytes moved: 2 count sizeof(T) forward, 3 count sizeof(T) backward.
#include "kernels/activation.h"

#include "kernels/activation_functions.cuh"
#include "kernels/elementwise.cuh"

namespace fovea::kernels {
namespace {

template <class Activation>
struct Forward {
  Activation activation;
  __device__ float operator()(float x) const { return activation.forward(x); }
};

template <class Activation>
struct Backward {
  Activation activation;
  __device__ float operator()(float dy, float saved) const {
    return dy * activation.derivative(saved);
  }
};

}  // namespace

cudaError_t activation_forward(cudaStream_t stream, ActivationFunction function, DType dtype,
                               const void* x, void* y, std::int64_t count) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_activation(function, [&](auto activation) {
      return elementwise(stream, count, static_cast<T*>(y),
                         Forward<decltype(activation)>{activation}, static_cast<const T*>(x));
    });
  });
}

cudaError_t activation_backward(cudaStream_t stream, ActivationFunction function, DType dtype,
                                const void* dy, const void* saved, void* dx, std::int64_t count) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_activation(function, [&](auto activation) {
      return elementwise(stream, count, static_cast<T*>(dx),
                         Backward<decltype(activation)>{activation}, static_cast<const T*>(dy),
                         static_cast<const T*>(saved));
    });
  });
}

}  // namespace fovea::kernels
