// Numbers that tests/golden/hashed.py computes, too, so that they need not lie in files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fovea/tensor.h"

namespace fovea::test {

/// A 32-bit word: a multiplicative hash of the index, then the finalizer of MurmurHash3.
inline std::uint32_t hashed_word(const std::string& name, std::int64_t index) {
  std::uint32_t seed = 0;
  for (const char letter : name) seed = seed * 31 + static_cast<unsigned char>(letter);
  std::uint32_t h = static_cast<std::uint32_t>(index) * 2654435761u + seed;
  h ^= h >> 16;
  h *= 0x85EBCA6Bu;
  h ^= h >> 13;
  h *= 0xC2B2AE35u;
  h ^= h >> 16;
  return h;
}

/// Between `low` and `high`, in steps of 2^-24 of the way.
inline float hashed_uniform(const std::string& name, std::int64_t index, double low = 0,
                            double high = 1) {
  const double unit = static_cast<double>(hashed_word(name, index) >> 8) * 0x1p-24;
  return static_cast<float>(low + (high - low) * unit);
}

inline Tensor hashed_tensor(const std::string& name, const Shape& shape, double low = 0,
                            double high = 1) {
  Tensor tensor(shape, DType::f32);
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    tensor.data<float>()[i] = hashed_uniform(name, i, low, high);
  }
  return tensor;
}

}  // namespace fovea::test
