// Stands in for the simulated CUDA runtime: device memory is the host's, and all work runs at once.
#include <cuda_runtime_api.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "tests/simulated_gpu/runtime.h"

namespace {

struct Memory {
  std::mutex mutex;
  std::map<std::uintptr_t, std::size_t> allocations;  ///< begin and size
};
Memory& memory() {
  static auto& all = *new Memory;
  return all;
}

}  // namespace

namespace simulated_gpu {

cudaError_t enqueue(cudaStream_t, const char*, std::function<void()> work) {
  work();
  return cudaSuccess;
}

void require_device_memory(const void* p, std::size_t bytes, const char* what) {
  const auto begin = reinterpret_cast<std::uintptr_t>(p);
  const std::scoped_lock lock(memory().mutex);
  auto after = memory().allocations.upper_bound(begin);
  if (after != memory().allocations.begin()) {
    const auto& [first, size] = *--after;
    if (begin + bytes <= first + size) return;
  }
  std::fprintf(stderr, "%s: %zu bytes at %p are no device memory\n", what, bytes, p);
  std::abort();
}

}  // namespace simulated_gpu

#define SIMULATED_API extern "C" __attribute__((visibility("default")))

SIMULATED_API cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  constexpr std::size_t kAlignment = 256;
  *pointer = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  if (*pointer == nullptr) return cudaErrorMemoryAllocation;
  const std::scoped_lock lock(memory().mutex);
  memory().allocations[reinterpret_cast<std::uintptr_t>(*pointer)] = bytes;
  return cudaSuccess;
}
SIMULATED_API cudaError_t cudaFree(void* pointer) {
  const std::scoped_lock lock(memory().mutex);
  memory().allocations.erase(reinterpret_cast<std::uintptr_t>(pointer));
  std::free(pointer);
  return cudaSuccess;
}
SIMULATED_API cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes,
                                     cudaMemcpyKind) {
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}
SIMULATED_API cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = reinterpret_cast<cudaStream_t>(std::uintptr_t{0x10});
  return cudaSuccess;
}
SIMULATED_API cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
SIMULATED_API cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
SIMULATED_API cudaError_t cudaGetLastError() { return cudaSuccess; }
SIMULATED_API const char* cudaGetErrorName(cudaError_t) { return "an error"; }
SIMULATED_API const char* cudaGetErrorString(cudaError_t) { return "an error"; }
