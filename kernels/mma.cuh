// Matrix fragments and their products on tensor cores: ldmatrix and mma.sync, one function each.
// Source: the layouts of fragments in the PTX ISA, "Warp-level matrix instructions".
//
// All lanes of a warp take part in each. Chips before sm_80 multiply f16 alone, half as deep; the
// other types are multiplied without tensor cores there. In the tests the functions run on the
// host, written from the layouts' definitions.
#pragma once

#include <type_traits>

#include "kernels/numbers.cuh"
#include "kernels/reduce.cuh"

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define FOVEA_BEFORE_SM80 1
#endif

namespace fovea::kernels {

/// Four 8 x 8 matrices of 16-bit elements: lane l brings the address of row l % 8 of matrix l / 8,
/// 16 bytes, and gets of matrix i in r[i] the elements (l / 4, 2 (l % 4)) and the one to its right.
__device__ __forceinline__ void load_matrices(unsigned (&r)[4], const void* row);
/// The same of the transposed matrices.
__device__ __forceinline__ void load_matrices_transposed(unsigned (&r)[4], const void* row);

/// f32 rounded to tf32, which has 10 bits of fraction.
__device__ __forceinline__ unsigned to_tf32(float value);

/// C (16 x 8) += A (16 x 16) B (16 x 8) for 16-bit T, A (16 x 8) B (8 x 8) for float, in tf32.
/// With g = lane / 4 and t = lane % 4, c[i] is C(g + 8 (i / 2), 2 t + i % 2). In 16 bits a[i] holds
/// A(g + 8 (i % 2), 8 (i / 2) + 2 t) and the one to its right, b[i] B(8 i + 2 t, g) and the one
/// below. In tf32 a[i] is A(g + 8 (i % 2), t + 4 (i / 2)) and b[i] is B(t + 4 i, g).
template <class T>
__device__ __forceinline__ void multiply_fragments(float (&c)[4], const unsigned (&a)[4],
                                                   const unsigned (&b)[2]);

/// Two neighbouring elements in one register.
template <class T>
struct PackedPair {
  T low, high;
};

/// sum + a b, over the elements that two registers hold.
template <class T>
__device__ __forceinline__ float multiply_registers(unsigned a, unsigned b, float sum) {
  if constexpr (std::is_same_v<T, float>) {
    return sum + __uint_as_float(a) * __uint_as_float(b);
  } else {
    const auto x = __builtin_bit_cast(PackedPair<T>, a);
    const auto y = __builtin_bit_cast(PackedPair<T>, b);
    sum += to_float(x.low) * to_float(y.low);
    return sum + to_float(x.high) * to_float(y.high);
  }
}

/// multiply_fragments without tensor cores: a lane asks the four lanes that share its rows of A,
/// and the four of each of its columns of B.
template <class T>
__device__ __forceinline__ void multiply_fragments_by_shuffles(float (&c)[4],
                                                               const unsigned (&a)[4],
                                                               const unsigned (&b)[2]) {
  const unsigned lane = threadIdx.x % kWarpSize;
  const auto row_lanes = static_cast<int>(lane / 4 * 4);
  const auto column_lanes = static_cast<int>(lane % 4 * 8);
#pragma unroll 1  // slow at any rate: better short
  for (int t = 0; t < 4; ++t) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const unsigned a0 = __shfl_sync(kAllLanes, a[2 * half], row_lanes + t);
      const unsigned a1 = __shfl_sync(kAllLanes, a[2 * half + 1], row_lanes + t);
      const unsigned b0 = __shfl_sync(kAllLanes, b[half], column_lanes + t);
      const unsigned b1 = __shfl_sync(kAllLanes, b[half], column_lanes + 4 + t);
      c[0] = multiply_registers<T>(a0, b0, c[0]);
      c[1] = multiply_registers<T>(a0, b1, c[1]);
      c[2] = multiply_registers<T>(a1, b0, c[2]);
      c[3] = multiply_registers<T>(a1, b1, c[3]);
    }
  }
}

#ifndef FOVEA_KERNELS_ON_HOST

__device__ __forceinline__ unsigned shared_address(const void* pointer) {
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}

__device__ __forceinline__ void load_matrices(unsigned (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

__device__ __forceinline__ void load_matrices_transposed(unsigned (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

#ifndef FOVEA_BEFORE_SM80

__device__ __forceinline__ unsigned to_tf32(float value) {
  unsigned rounded;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(value));
  return rounded;
}

#define FOVEA_MULTIPLY_FRAGMENTS(shape_and_types)                        \
  asm("mma.sync.aligned." shape_and_types                                \
      " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                   \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))

template <class T>
__device__ __forceinline__ void multiply_fragments(float (&c)[4], const unsigned (&a)[4],
                                                   const unsigned (&b)[2]) {
  if constexpr (std::is_same_v<T, f16>) {
    FOVEA_MULTIPLY_FRAGMENTS("m16n8k16.row.col.f32.f16.f16.f32");
  } else if constexpr (std::is_same_v<T, bf16>) {
    FOVEA_MULTIPLY_FRAGMENTS("m16n8k16.row.col.f32.bf16.bf16.f32");
  } else {
    FOVEA_MULTIPLY_FRAGMENTS("m16n8k8.row.col.f32.tf32.tf32.f32");
  }
}

#undef FOVEA_MULTIPLY_FRAGMENTS

#else

/// Not rounded: without tensor cores the products are f32.
__device__ __forceinline__ unsigned to_tf32(float value) { return __float_as_uint(value); }

template <class T>
__device__ __forceinline__ void multiply_fragments(float (&c)[4], const unsigned (&a)[4],
                                                   const unsigned (&b)[2]) {
  if constexpr (std::is_same_v<T, f16>) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, "
          "{%0, %1, %2, %3};"
          : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
          : "r"(a[2 * half]), "r"(a[2 * half + 1]), "r"(b[half]));
    }
  } else {
    multiply_fragments_by_shuffles<T>(c, a, b);
  }
}

#endif  // FOVEA_BEFORE_SM80

#else  // FOVEA_KERNELS_ON_HOST

/// The addresses of all 32 rows.
inline std::array<const char*, kWarpSize> gather_rows(const void* row) {
  if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0) on_host::die("ldmatrix: misaligned row");
  return on_host::gather(kAllLanes, static_cast<const char*>(row), Where::current());
}

inline void load_matrices(unsigned (&r)[4], const void* row) {
  const auto rows = gather_rows(row);
  const unsigned lane = threadIdx.x % kWarpSize;
  for (unsigned i = 0; i < 4; ++i) std::memcpy(&r[i], rows[8 * i + lane / 4] + lane % 4 * 4, 4);
}

inline void load_matrices_transposed(unsigned (&r)[4], const void* row) {
  const auto rows = gather_rows(row);
  const unsigned lane = threadIdx.x % kWarpSize;
  for (unsigned i = 0; i < 4; ++i) {
    std::uint16_t pair[2];
    for (unsigned j = 0; j < 2; ++j) {
      std::memcpy(&pair[j], rows[8 * i + lane % 4 * 2 + j] + lane / 4 * 2, 2);
    }
    r[i] = pair[0] | unsigned{pair[1]} << 16;
  }
}

/// To the nearest, ties away from zero.
inline unsigned to_tf32(float value) {
  if (on_host::architecture() < 80) return __float_as_uint(value);
  return (__float_as_uint(value) + 0x1000u) & ~0x1FFFu;
}

struct Fragments {
  unsigned a[4], b[2];
};

/// A(row, k) and B(k, column), found by the definition of the fragments' layouts.
template <class T>
float element_of_a(const std::array<Fragments, kWarpSize>& all, unsigned row, unsigned k) {
  if constexpr (std::is_same_v<T, float>) {
    return __uint_as_float(all[row % 8 * 4 + k % 4].a[row / 8 + k / 4 * 2]);
  } else {
    const unsigned both = all[row % 8 * 4 + k % 8 / 2].a[row / 8 + k / 8 * 2];
    const auto pair = __builtin_bit_cast(PackedPair<T>, both);
    return to_float(k % 2 == 0 ? pair.low : pair.high);
  }
}
template <class T>
float element_of_b(const std::array<Fragments, kWarpSize>& all, unsigned k, unsigned column) {
  if constexpr (std::is_same_v<T, float>) {
    return __uint_as_float(all[column * 4 + k % 4].b[k / 4]);
  } else {
    const unsigned both = all[column * 4 + k % 8 / 2].b[k / 8];
    const auto pair = __builtin_bit_cast(PackedPair<T>, both);
    return to_float(k % 2 == 0 ? pair.low : pair.high);
  }
}

template <class T>
void multiply_fragments(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  if (on_host::architecture() < 80 && !std::is_same_v<T, f16>) {
    return multiply_fragments_by_shuffles<T>(c, a, b);
  }
  const Fragments mine = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const auto all = on_host::gather(kAllLanes, mine, Where::current());
  const unsigned lane = threadIdx.x % kWarpSize;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = lane / 4 + i / 2 * 8;
    const unsigned column = lane % 4 * 2 + i % 2;
    for (unsigned k = 0; k < 32 / sizeof(T); ++k) {
      c[i] += element_of_a<T>(all, row, k) * element_of_b<T>(all, k, column);
    }
  }
}

#endif  // FOVEA_KERNELS_ON_HOST

}  // namespace fovea::kernels
