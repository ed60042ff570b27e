// Element types of kernels. Narrow types only store: every kernel computes and accumulates in f32.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::kernels {

using f16 = __half;
using bf16 = __nv_bfloat16;

__device__ __forceinline__ float to_float(float value) { return value; }
__device__ __forceinline__ float to_float(f16 value) { return __half2float(value); }
__device__ __forceinline__ float to_float(bf16 value) { return __bfloat162float(value); }
__device__ __forceinline__ float to_float(double value) { return static_cast<float>(value); }
__device__ __forceinline__ float to_float(std::uint8_t value) { return static_cast<float>(value); }
__device__ __forceinline__ float to_float(std::int32_t value) { return static_cast<float>(value); }

/// Rounded to the nearest, ties to even.
template <class T>
__device__ __forceinline__ T from_float(float value);
template <>
__device__ __forceinline__ float from_float<float>(float value) {
  return value;
}
template <>
__device__ __forceinline__ f16 from_float<f16>(float value) {
  return __float2half_rn(value);
}
template <>
__device__ __forceinline__ bf16 from_float<bf16>(float value) {
  return __float2bfloat16_rn(value);
}

/// `kCount` neighbours, loaded and stored by one instruction of up to 16 bytes.
template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Vector {
  T at[kCount];
};

/// How many T one 16-byte instruction moves.
template <class T>
inline constexpr int kVectorSize = 16 / static_cast<int>(sizeof(T));

template <int kCount, class T>
__device__ __forceinline__ Vector<T, kCount> load_vector(const T* from) {
  return *reinterpret_cast<const Vector<T, kCount>*>(from);
}
template <int kCount, class T>
__device__ __forceinline__ void store_vector(T* to, const Vector<T, kCount>& vector) {
  *reinterpret_cast<Vector<T, kCount>*>(to) = vector;
}

/// Names a type for a generic lambda: [&](auto type) { using T = typename decltype(type)::Type; }.
template <class T>
struct TypeName {
  using Type = T;
};

/// Calls body(TypeName<T>) for the floating type that a kernel was asked for at run time.
template <class Body>
cudaError_t with_floating_type(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::f32:
      return body(TypeName<float>{});
    case DType::f16:
      return body(TypeName<f16>{});
    case DType::bf16:
      return body(TypeName<bf16>{});
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace fovea::kernels
