// The CUDA device's kernel table over host memory: plans lower to it and run as they would on a
// GPU.
#pragma once

#include <memory>

#include "fovea/device.h"

namespace fovea::test {

/// The same one each time.
const std::shared_ptr<Device>& cuda_on_host();

}  // namespace fovea::test
