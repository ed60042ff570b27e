// The memory plan never puts two buffers that live at the same time over one another.
#include "host/graph/memory_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fovea/detail/philox.h"

namespace fovea {
namespace {

std::vector<ArenaBlock> random_blocks(std::uint64_t seed, int count) {
  std::vector<ArenaBlock> blocks;
  for (int i = 0; i < count; ++i) {
    const auto random = detail::philox4x32(seed, 0, static_cast<std::uint64_t>(i));
    const int first = static_cast<int>(random.word[0] % 40);
    const int life = static_cast<int>(random.word[1] % 12);
    blocks.push_back({static_cast<std::int64_t>(random.word[2] % 5000), first, first + life, -1});
  }
  return blocks;
}

bool overlap(const ArenaBlock& a, const ArenaBlock& b) {
  const bool in_time = a.first_step <= b.last_step && b.first_step <= a.last_step;
  return in_time && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

/// What any plan needs: the most bytes alive in one step.
std::int64_t peak(const std::vector<ArenaBlock>& blocks) {
  std::int64_t most = 0;
  for (int step = 0; step < 60; ++step) {
    std::int64_t alive = 0;
    for (const ArenaBlock& block : blocks) {
      if (block.first_step <= step && step <= block.last_step) alive += block.bytes;
    }
    most = std::max(most, alive);
  }
  return most;
}

TEST(MemoryPlan, BlocksThatLiveTogetherNeverOverlap) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<ArenaBlock> blocks = random_blocks(seed, 100);
    const std::int64_t total = plan_memory(blocks);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      EXPECT_EQ(blocks[i].offset % 256, 0);
      EXPECT_LE(blocks[i].offset + blocks[i].bytes, total);
      for (std::size_t j = 0; j < i; ++j) {
        ASSERT_FALSE(overlap(blocks[i], blocks[j])) << "blocks " << j << " and " << i;
      }
    }
    EXPECT_GE(total, peak(blocks));
    EXPECT_LE(total, 2 * peak(blocks)) << "the plan wastes more than half of the arena";
  }
}

TEST(MemoryPlan, ABlockTakesThePlaceOfOneThatIsDone) {
  std::vector<ArenaBlock> blocks = {{1000, 0, 1, -1}, {1000, 2, 3, -1}, {500, 1, 2, -1}};
  const std::int64_t total = plan_memory(blocks);
  EXPECT_EQ(blocks[0].offset, blocks[1].offset);
  EXPECT_EQ(total, 1024 + 512);
}

}  // namespace
}  // namespace fovea
