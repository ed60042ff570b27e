// The CPU device, beyond what fovea/device.h says of it.
#pragma once

#include <string>

#include "fovea/device.h"

namespace fovea {

/// Which fast path it found, or why none.
std::string cpu_device_detail();

}  // namespace fovea
