// Device memory and pinned memory of the simulated GPUs.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace simulated_gpu {

/// Memory that only device work can touch, filled with NaN; null where the GPU is full.
void* allocate_device(int ordinal, std::size_t bytes);
/// False where this was not allocated, or was freed before.
bool free_device(void* memory);
void* allocate_pinned(std::size_t bytes);
bool free_pinned(void* memory);

std::size_t total_bytes();
std::size_t free_bytes(int ordinal);

enum class Place { device, pinned, pageable };
/// Where [p, p + bytes) lies; ends the program where it leaves an allocation, or lies on another
/// GPU.
Place place_of(const void* p, std::size_t bytes, int ordinal, const char* what);

/// Lets work of one GPU touch that GPU's memory, as long as it lives. May be nested.
class DeviceWork {
 public:
  explicit DeviceWork(int ordinal);
  ~DeviceWork();
  DeviceWork(const DeviceWork&) = delete;
  DeviceWork& operator=(const DeviceWork&) = delete;

 private:
  int ordinal_;
};

/// A number from the environment, or the default.
std::size_t number_of(const char* variable, std::size_t otherwise);

}  // namespace simulated_gpu
