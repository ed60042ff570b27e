// SHA-256, to verify downloads without depending on another program.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "fovea/export.h"

namespace fovea::data {

/// Hashes bytes given piece by piece. Source: NIST FIPS 180-4.
class FOVEA_INTERNAL Sha256 {
 public:
  void add(const void* bytes, std::size_t count);
  /// The digest as 64 lower-case hexadecimal digits; ends the hash, so call it once.
  std::string hex();

 private:
  void add_block(const std::uint8_t* block);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> pending_{};
  std::uint64_t total_ = 0;  // bytes added so far
};

}  // namespace fovea::data
