// What the simulated libraries ask of the simulated CUDA runtime.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>

namespace simulated_gpu {

/// Puts `work` into the stream (or into the graph that captures it), as a launch would: it runs
/// later, when device memory may be touched.
__attribute__((visibility("default"))) cudaError_t enqueue(cudaStream_t stream, const char* name,
                                                           std::function<void()> work);

/// Ends the program with a message unless [p, p + bytes) lies within one allocation of device
/// memory.
__attribute__((visibility("default"))) void require_device_memory(const void* p, std::size_t bytes,
                                                                  const char* what);

}  // namespace simulated_gpu
