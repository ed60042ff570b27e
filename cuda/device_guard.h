// Makes a GPU the calling thread's current one, and the one before current again: a program that
// embeds the library may use CUDA itself.
#pragma once

#include "cuda/check.h"

namespace fovea::cuda {

/// Makes a GPU current that was so before, where it has a context in this process. Elsewhere that
/// would make one, of some hundred megabytes, on a GPU that nobody asked for: then ours stays
/// current.
void make_current_again(int previous) noexcept;

class DeviceGuard {
 public:
  explicit DeviceGuard(int ordinal) : ordinal_(ordinal) {
    check(cudaGetDevice(&previous_), "cannot ask for the current GPU");
    if (previous_ != ordinal_) check(cudaSetDevice(ordinal_), "cannot switch to the GPU");
  }
  ~DeviceGuard() {
    if (previous_ != ordinal_) make_current_again(previous_);
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int ordinal_;
  int previous_ = 0;
};

}  // namespace fovea::cuda
