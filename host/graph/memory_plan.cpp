#include "host/graph/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace fovea {
namespace {

constexpr std::int64_t kAlignment = 256;  // what cuBLASLt wants of a workspace, the most of all

std::int64_t align_up(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

bool lifetimes_meet(const ArenaBlock& a, const ArenaBlock& b) {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

/// The lowest offset at which `block` fits between the placed blocks, sorted by offset, that live
/// at the same time.
std::int64_t lowest_gap(const ArenaBlock& block, const std::vector<const ArenaBlock*>& placed) {
  std::int64_t offset = 0;
  for (const ArenaBlock* other : placed) {
    if (!lifetimes_meet(block, *other)) continue;
    if (offset + align_up(block.bytes) <= other->offset) break;
    offset = std::max(offset, other->offset + align_up(other->bytes));
  }
  return offset;
}

}  // namespace

std::int64_t plan_memory(std::vector<ArenaBlock>& blocks) {
  std::vector<std::size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  std::vector<const ArenaBlock*> placed;  // sorted by offset
  std::int64_t total = 0;
  for (std::size_t index : order) {
    ArenaBlock& block = blocks[index];
    block.offset = lowest_gap(block, placed);
    total = std::max(total, block.offset + align_up(block.bytes));
    const auto by_offset = [](const ArenaBlock* a, const ArenaBlock* b) {
      return a->offset < b->offset;
    };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &block, by_offset), &block);
  }
  return total;
}

}  // namespace fovea
