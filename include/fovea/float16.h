// The 16-bit floating types as the host sees them: they store and convert, and compute nothing.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "fovea/dtype.h"

namespace fovea {

namespace detail {

/// `bits` without its `drop` lowest bits, rounded to the nearest, ties to even. A carry moves into
/// the exponent, as it must.
constexpr std::uint32_t round_bits(std::uint32_t bits, int drop) {
  const std::uint32_t half = std::uint32_t{1} << (drop - 1);
  const std::uint32_t odd = (bits >> drop) & 1;
  return (bits + half - 1 + odd) >> drop;
}

constexpr std::uint16_t float_to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  std::uint32_t result = 0;
  if (magnitude > 0x7F800000u) {
    result = 0x7E00u | ((magnitude >> 13) & 0x1FFu);  // NaN stays one
  } else if (magnitude >= 0x477FF000u) {
    result = 0x7C00u;  // rounds to 65536 or more: infinity
  } else if (magnitude >= 0x38800000u) {
    result = round_bits(magnitude - (std::uint32_t{112} << 23), 13);
  } else if (magnitude > 0x33000000u) {  // subnormal: multiples of 2^-24
    const int drop = 126 - static_cast<int>(magnitude >> 23);
    result = round_bits((magnitude & 0x7FFFFFu) | 0x800000u, drop);
  }
  return static_cast<std::uint16_t>(sign | result);
}

constexpr float f16_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1Fu;
  const std::uint32_t fraction = half & 0x3FFu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | (fraction << 13));
  if (exponent > 0) {
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
  }
  const float magnitude = static_cast<float>(fraction) * 0x1.0p-24f;
  return sign != 0 ? -magnitude : magnitude;
}

constexpr std::uint16_t float_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>(round_bits(bits, 16));
}

constexpr float bf16_to_float(std::uint16_t half) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16);
}

}  // namespace detail

/// IEEE binary16: 11 significant bits, up to 65504.
struct Float16 {
  std::uint16_t bits = 0;
  Float16() = default;
  /// Rounded to the nearest, ties to even; from 65520 on, infinity.
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr explicit Float16(T value) : bits(detail::float_to_f16(static_cast<float>(value))) {}
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr explicit operator T() const { return static_cast<T>(detail::f16_to_float(bits)); }
};

/// bfloat16: 8 significant bits, the range of f32.
struct BFloat16 {
  std::uint16_t bits = 0;
  BFloat16() = default;
  /// Rounded to the nearest, ties to even.
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr explicit BFloat16(T value) : bits(detail::float_to_bf16(static_cast<float>(value))) {}
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr explicit operator T() const { return static_cast<T>(detail::bf16_to_float(bits)); }
};

template <>
struct dtype_of_type<Float16> {
  static constexpr DType value = DType::f16;
};
template <>
struct dtype_of_type<BFloat16> {
  static constexpr DType value = DType::bf16;
};

}  // namespace fovea
