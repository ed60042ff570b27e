// The checksum of event files.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fovea/export.h"

namespace fovea::report {

/// CRC-32C (Castagnoli), reflected, polynomial 0x82f63b78. Source: RFC 3720, section 12.1.
FOVEA_INTERNAL std::uint32_t crc32c(const void* data, std::size_t bytes);

/// As TFRecord files store it: rotated right by 15 bits, plus 0xa282ead8, so that a checksum of
/// data that hold checksums stays a good one. Source: TensorFlow,
/// tensorflow/core/lib/hash/crc32c.h.
FOVEA_INTERNAL std::uint32_t masked_crc32c(const void* data, std::size_t bytes);

}  // namespace fovea::report
