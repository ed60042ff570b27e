// Memory plan: places buffers with known lifetimes in one arena so that none that live at the same
// time overlap.
#pragma once

#include <cstdint>
#include <vector>

#include "fovea/export.h"

namespace fovea {

/// A block of arena memory and the steps between which it holds something, both included.
struct ArenaBlock {
  std::int64_t bytes = 0;
  int first_step = 0;
  int last_step = 0;
  std::int64_t offset = -1;  ///< filled in by plan_memory, a multiple of 256
};

/// Greedy by size: large blocks first, each at the lowest offset free during its whole life.
/// Returns the arena's size in bytes.
FOVEA_INTERNAL std::int64_t plan_memory(std::vector<ArenaBlock>& blocks);

}  // namespace fovea
