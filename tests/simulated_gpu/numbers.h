// The elements of tensors in memory, as doubles and back.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "fovea/float16.h"

namespace simulated_gpu {

enum class Type { f32, f16, bf16 };

inline std::size_t bytes_of(Type type) { return type == Type::f32 ? 4 : 2; }

inline double load(const void* memory, Type type, std::int64_t index) {
  if (type == Type::f32) return static_cast<const float*>(memory)[index];
  const std::uint16_t bits = static_cast<const std::uint16_t*>(memory)[index];
  return type == Type::f16 ? fovea::detail::f16_to_float(bits) : fovea::detail::bf16_to_float(bits);
}

inline void store(void* memory, Type type, std::int64_t index, double value) {
  const auto narrow = static_cast<float>(value);
  if (type == Type::f32) {
    static_cast<float*>(memory)[index] = narrow;
  } else {
    static_cast<std::uint16_t*>(memory)[index] = type == Type::f16
                                                     ? fovea::detail::float_to_f16(narrow)
                                                     : fovea::detail::float_to_bf16(narrow);
  }
}

/// As it comes back from memory of that type.
inline double rounded(double value, Type type) {
  char element[4];
  store(element, type, 0, value);
  return load(element, type, 0);
}

/// With TF32's 10 bits of mantissa, as tensor cores see an f32.
inline double rounded_to_tf32(double value) {
  constexpr int kDropped = 13;
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  if ((bits & 0x7F800000u) == 0x7F800000u) return value;  // infinite or no number
  return std::bit_cast<float>(fovea::detail::round_bits(bits, kDropped) << kDropped);
}

/// Every element of every type becomes NaN.
inline void fill_with_nan(void* memory, std::size_t bytes) { std::memset(memory, 0xFF, bytes); }

/// Whether two ranges share a byte.
inline bool overlap(const void* a, std::size_t a_bytes, const void* b, std::size_t b_bytes) {
  const auto first = reinterpret_cast<std::uintptr_t>(a);
  const auto second = reinterpret_cast<std::uintptr_t>(b);
  return first < second + b_bytes && second < first + a_bytes;
}

inline bool is_aligned(const void* pointer, std::uint64_t bytes) {
  return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
}

}  // namespace simulated_gpu
