// Eight bytes at a time ("slicing-by-8"): table k holds the effect of a byte with k bytes after it.
#include "host/io/crc32.h"

#include <array>
#include <bit>
#include <cstring>

namespace fovea {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kSlices = 8;
using Tables = std::array<std::array<std::uint32_t, 256>, kSlices>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320u : 0u);
    tables[0][byte] = crc;
  }
  for (std::size_t slice = 1; slice < kSlices; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[slice - 1][byte];
      tables[slice][byte] = (crc >> 8) ^ tables[0][crc & 0xFF];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

std::uint32_t crc32(const void* data, std::size_t bytes, std::uint32_t before) {
  const auto* next = static_cast<const std::uint8_t*>(data);
  std::uint32_t crc = ~before;
  for (; bytes >= kSlices; bytes -= kSlices, next += kSlices) {
    std::uint64_t word = 0;
    std::memcpy(&word, next, sizeof word);
    word ^= crc;
    crc = 0;
    for (std::size_t i = 0; i < kSlices; ++i) {
      crc ^= kTables[kSlices - 1 - i][(word >> (8 * i)) & 0xFF];
    }
  }
  for (; bytes > 0; --bytes, ++next) crc = (crc >> 8) ^ kTables[0][(crc ^ *next) & 0xFF];
  return ~crc;
}

}  // namespace fovea
