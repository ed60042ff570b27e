// The CUDA device's kernel table over host memory: plans lower to it and run as they would on a
// GPU.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "fovea/device.h"

namespace fovea::test {

/// The same one each time.
const std::shared_ptr<Device>& cuda_on_host();

/// What that device was asked for, by any thread.
struct HostCalls {
  std::atomic<std::int64_t> allocations = 0;
  std::atomic<std::int64_t> blocks_held = 0;  ///< allocated and not released
  std::atomic<std::int64_t> synchronizations = 0;
  std::atomic<std::int64_t> uploads = 0;
  std::atomic<std::int64_t> downloads = 0;
};
HostCalls& host_calls();

}  // namespace fovea::test
