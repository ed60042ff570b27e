// CUDA's status codes as errors of this library.
#pragma once

#include <cuda_runtime_api.h>

#include <string_view>

namespace fovea::cuda {

/// Returns where `status` is success. Otherwise clears CUDA's last error and throws out_of_memory,
/// device_lost (after a fault that CUDA does not recover from in this process) or cuda, with
/// `what` was being done and CUDA's own words.
void check(cudaError_t status, std::string_view what);

}  // namespace fovea::cuda
