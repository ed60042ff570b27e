// The epilogue inside kernels: bias, residual and the activations that are linear on either side
// of 0. The others would cost every kernel their code and registers; they follow as a pass of
// their own over y.
#pragma once

#include "kernels/epilogue.h"
#include "kernels/numbers.cuh"

namespace fovea::kernels {

template <class T>
struct EpilogueOf {
  const T* bias;
  const T* residual;
  bool linear;     ///< f is the identity
  float negative;  ///< f's slope below 0, else: 0 for relu

  __device__ __forceinline__ float activate(float x) const {
    if (linear || !(x < 0)) return x;
    return negative == 0 ? 0.0f : negative * x;  // 0 times infinity would be a NaN
  }

  /// `offset` is the element's place in y.
  __device__ __forceinline__ float operator()(float sum, std::int64_t column,
                                              std::int64_t offset) const {
    if (bias != nullptr) sum += to_float(bias[column]);
    if (residual != nullptr) sum += to_float(residual[offset]);
    return activate(sum);
  }

  /// Writes kCount neighbours, all of them aligned as vectors of so many are.
  template <int kCount>
  __device__ __forceinline__ void store(const float* sums, std::int64_t column, std::int64_t offset,
                                        T* y) const {
    Vector<T, kCount> added{}, more{}, out;
    if (bias != nullptr) added = load_vector<kCount>(bias + column);
    if (residual != nullptr) more = load_vector<kCount>(residual + offset);
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      out.at[i] = from_float<T>(activate(sums[i] + to_float(added.at[i]) + to_float(more.at[i])));
    }
    store_vector<kCount>(y + offset, out);
  }
};

/// Whether kernels apply f themselves.
inline bool is_piecewise_linear(ActivationFunction function) {
  return function.kind == ActivationKind::identity || function.kind == ActivationKind::relu ||
         function.kind == ActivationKind::leaky_relu;
}

template <class T>
EpilogueOf<T> epilogue_of(const Epilogue& epilogue) {
  const ActivationFunction& f = epilogue.function;
  const bool leaky = f.kind == ActivationKind::leaky_relu;
  return {static_cast<const T*>(epilogue.bias), static_cast<const T*>(epilogue.residual),
          f.kind == ActivationKind::identity || !is_piecewise_linear(f), leaky ? f.alpha : 0.0f};
}

/// The activation's own pass, where the kernel that made y has left it out.
inline cudaError_t finish_epilogue(cudaStream_t stream, const Epilogue& epilogue, DType dtype,
                                   void* y, std::int64_t count) {
  if (is_piecewise_linear(epilogue.function)) return cudaSuccess;
  return activation_forward(stream, epilogue.function, dtype, y, y, count);
}

}  // namespace fovea::kernels
