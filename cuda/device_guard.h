// Makes a GPU the calling thread's current one, and the one before current again: a program that
// embeds the library may use CUDA itself.
#pragma once

#include "cuda/check.h"

namespace fovea::cuda {

class DeviceGuard {
 public:
  explicit DeviceGuard(int ordinal) {
    check(cudaGetDevice(&previous_), "cannot ask for the current GPU");
    if (previous_ != ordinal) check(cudaSetDevice(ordinal), "cannot switch to the GPU");
  }
  ~DeviceGuard() { static_cast<void>(cudaSetDevice(previous_)); }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int previous_ = 0;
};

}  // namespace fovea::cuda
