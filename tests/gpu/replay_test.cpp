// A captured step is replayed without asking for memory and without waiting. Sanitizers bring an
// allocator of their own, so this file is left out of sanitized builds.
#include <gtest/gtest.h>

#include "cuda/calls.h"
#include "tests/gpu/gpu_test.h"
#include "tests/support/interposed/allocations.h"
#include "tests/support/training_step.h"

namespace fovea::test {
namespace {

TEST(GpuReplay, AllocatesNothingAndWaitsForNothing) {
  FOVEA_NEEDS_GPU();
  for (const DType low : {DType::f32, DType::bf16, DType::f16}) {
    SCOPED_TRACE(dtype_name(low));
    TrainingStep step(gpu().device, low);
    for (int i = 0; i < 4; ++i) step.execution().run();  // eager, captured, both staging buffers
    ASSERT_TRUE(step.execution().recorded()) << step.execution().recording_problem();
    step.stream().synchronize();

    const cuda::Calls& calls = cuda::calls();
    const std::int64_t device_allocations = calls.allocations;
    const std::int64_t synchronizations = calls.synchronizations;
    start_counting_allocations();
    const int replays = gpu().simulated ? 3 : 50;
    for (int i = 0; i < replays; ++i) step.execution().run();
    const Allocations allocations = stop_counting_allocations();
    EXPECT_EQ(calls.allocations, device_allocations);
    EXPECT_EQ(calls.synchronizations, synchronizations);
    EXPECT_EQ(allocations.ours, 0);
    std::printf("%d replays: %d allocations inside NVIDIA's libraries\n", replays,
                allocations.libraries);
  }
}

TEST(GpuReplay, TheCountersCount) {
  FOVEA_NEEDS_GPU();
  const std::int64_t allocations = cuda::calls().allocations;
  const std::int64_t synchronizations = cuda::calls().synchronizations;
  float number = 1;
  void* memory = gpu().device->allocate(sizeof number);
  gpu().device->make_stream()->download(&number, memory, sizeof number);
  gpu().device->release(memory);
  EXPECT_GT(cuda::calls().allocations, allocations);
  EXPECT_GT(cuda::calls().synchronizations, synchronizations);
}

}  // namespace
}  // namespace fovea::test
