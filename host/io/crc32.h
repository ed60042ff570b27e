// CRC-32 (polynomial 0x04C11DB7, reflected: the one of zlib, gzip and PNG).
#pragma once

#include <cstddef>
#include <cstdint>

#include "fovea/export.h"

namespace fovea {

/// The CRC of some bytes, or, given the CRC of what comes before them, of all together.
FOVEA_INTERNAL std::uint32_t crc32(const void* data, std::size_t bytes, std::uint32_t before = 0);

}  // namespace fovea
