// Which library this is.
#pragma once

#include <string>

#include "fovea/export.h"

namespace fovea {

/// "0.1.0".
FOVEA_API std::string version();
/// The compiler that built the library: "g++ 12.2.0".
FOVEA_API std::string compiler();

}  // namespace fovea
