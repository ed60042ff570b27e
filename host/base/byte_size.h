// Sizes of memory as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fovea/export.h"

namespace fovea {

/// "4096", "512MiB", "1.5 GiB": bytes, with KiB, MiB, GiB or TiB (powers of 1024). Throws
/// invalid_argument, naming `what` was to be read, for anything else and for negative sizes.
FOVEA_INTERNAL std::int64_t parse_byte_size(std::string_view text, std::string_view what);

/// "139.8 GiB", "512 bytes".
FOVEA_INTERNAL std::string byte_size_text(std::int64_t bytes);

}  // namespace fovea
