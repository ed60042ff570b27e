// Counts a device's memory; used by any number of threads.
#pragma once

#include <algorithm>
#include <mutex>

#include "fovea/device.h"

namespace fovea {

class MemoryMeter {
 public:
  void add(std::int64_t bytes) noexcept {
    const std::scoped_lock lock(mutex_);
    use_.in_use += bytes;
    use_.peak = std::max(use_.peak, use_.in_use);
  }
  MemoryUse use() const {
    const std::scoped_lock lock(mutex_);
    return use_;
  }

 private:
  mutable std::mutex mutex_;
  MemoryUse use_;
};

}  // namespace fovea
