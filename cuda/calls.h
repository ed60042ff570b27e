// How often the CUDA device asks for what a steady step must not ask for: tests count it. (An
// upload may wait until the last but one has left its pinned memory; that is not counted.)
#pragma once

#include <atomic>
#include <cstdint>

#include "fovea/export.h"

namespace fovea::cuda {

struct Calls {
  std::atomic<std::int64_t> allocations = 0;       ///< of GPU memory and of pinned memory
  std::atomic<std::int64_t> synchronizations = 0;  ///< waits of the host for a stream or an event
};

/// Of this process.
FOVEA_INTERNAL Calls& calls();

}  // namespace fovea::cuda
