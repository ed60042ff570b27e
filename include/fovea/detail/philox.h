// Philox4x32-10: a counter-based random generator, the same on the CPU and in CUDA kernels.
//
// A random number is a pure function of (key, counter): nothing is stored, any number can be
// recomputed, and the order in which numbers are asked for never matters.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011).
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

#ifdef __CUDACC__
#define FOVEA_HOST_DEVICE __host__ __device__
#else
#define FOVEA_HOST_DEVICE
#endif

namespace fovea::detail {

/// Four independent uniform 32-bit words.
struct Philox4 {
  std::uint32_t word[4];
};

/// The upper 32 bits of a product. nvcc makes 64-bit arithmetic of the plain formula and of all
/// that is done with the result, several times the instructions.
FOVEA_HOST_DEVICE constexpr std::uint32_t multiply_high(std::uint32_t a, std::uint32_t b) {
#ifdef __CUDA_ARCH__
  if (!std::is_constant_evaluated()) return __umulhi(a, b);
#endif
  return static_cast<std::uint32_t>((std::uint64_t{a} * b) >> 32);
}

/// The block at `counter` (128 bits: high, low) of the stream named by `key`.
FOVEA_HOST_DEVICE constexpr Philox4 philox4x32(std::uint64_t key, std::uint64_t counter_high,
                                               std::uint64_t counter_low) {
  std::uint32_t key0 = static_cast<std::uint32_t>(key);
  std::uint32_t key1 = static_cast<std::uint32_t>(key >> 32);
  std::uint32_t c0 = static_cast<std::uint32_t>(counter_low);
  std::uint32_t c1 = static_cast<std::uint32_t>(counter_low >> 32);
  std::uint32_t c2 = static_cast<std::uint32_t>(counter_high);
  std::uint32_t c3 = static_cast<std::uint32_t>(counter_high >> 32);
  for (int round = 0; round < 10; ++round) {
    constexpr std::uint32_t kFactor0 = 0xD2511F53u, kFactor1 = 0xCD9E8D57u;
    const std::uint32_t high0 = multiply_high(kFactor0, c0), low0 = kFactor0 * c0;
    const std::uint32_t high1 = multiply_high(kFactor1, c2), low1 = kFactor1 * c2;
    c0 = high1 ^ c1 ^ key0;
    c1 = low1;
    c2 = high0 ^ c3 ^ key1;
    c3 = low0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

/// A number in [0, 1) with 24 bits, exact in f32.
FOVEA_HOST_DEVICE constexpr float uniform01(std::uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1.0p-24f;
}

/// Mixes two 64-bit values into a stream key (the finalizer of SplitMix64).
FOVEA_HOST_DEVICE constexpr std::uint64_t mix_key(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = a + 0x9E3779B97F4A7C15u * (b + 1);
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// A key from a name such as a node's path (FNV-1a, 64 bits).
constexpr std::uint64_t path_key(std::string_view path) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (char c : path) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

/// A keyed permutation of [0, count): a four-round Feistel network over the next even number of
/// bits, walked until it lands inside the range (fewer than four rounds of walking on average).
/// `count` is at most 2^62; the same on every device.
FOVEA_HOST_DEVICE constexpr std::uint64_t permute_index(std::uint64_t index, std::uint64_t count,
                                                        std::uint64_t key) {
  int half_bits = 1;
  while ((std::uint64_t{1} << (2 * half_bits)) < count) ++half_bits;
  const std::uint64_t mask = (std::uint64_t{1} << half_bits) - 1;
  do {
    std::uint64_t left = index >> half_bits;
    std::uint64_t right = index & mask;
    for (std::uint64_t round = 0; round < 4; ++round) {
      const std::uint64_t mixed = mix_key(key ^ right, round) & mask;
      const std::uint64_t next = left ^ mixed;
      left = right;
      right = next;
    }
    index = (left << half_bits) | right;
  } while (index >= count);
  return index;
}

}  // namespace fovea::detail
