// The CUDA device as the rest of the library sees it. cuda/cuda_device.cpp has it; a build without
// CUDA has no_cuda.cpp in its place.
#pragma once

#include <memory>

#include "fovea/device.h"

namespace fovea {

/// The GPU of this number, the same device each time. Throws unsupported with the reason where it
/// cannot be had.
std::shared_ptr<Device> make_cuda_device(int ordinal);

/// One line per GPU, or a single one that says why there is none.
std::vector<DeviceReport> cuda_devices();

}  // namespace fovea
