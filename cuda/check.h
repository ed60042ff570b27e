// CUDA's status codes as errors of this library.
#pragma once

#include <cuda_runtime_api.h>

#include <string_view>

namespace fovea::cuda {

/// Returns where `status` is success. Otherwise clears CUDA's last error and throws out_of_memory,
/// device_lost (after a fault that CUDA does not recover from in this process) or cuda, with
/// `what` was being done and CUDA's own words.
void check(cudaError_t status, std::string_view what);

/// Throws device_lost where earlier work on the GPU ended in a fault, which a library's own status
/// may not tell. May be called while the stream is captured.
void check_not_lost(cudaStream_t stream, std::string_view what);

}  // namespace fovea::cuda
