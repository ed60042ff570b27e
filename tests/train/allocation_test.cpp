// A steady training step allocates nothing: no more for many steps than for few. Those allocations
// made inside oneDNN (its table of arguments, in every call of a primitive) are counted apart,
// since they are not ours to avoid.
#include <gtest/gtest.h>

#include "fovea/predictor.h"
#include "tests/support/interposed/allocations.h"
#include "tests/train/small_data.h"

namespace fovea::test {
namespace {

/// Allocations of a whole fit() of so many batches.
Allocations allocations_of_fit(Model& model, const Dataset& data) {
  start_counting_allocations();
  model.fit(data, quiet(1));
  return stop_counting_allocations();
}

TEST(Allocations, TheCountersCount) {
  start_counting_allocations();
  const Tensor inside_the_library({10}, DType::f32);  // its memory and its shared pointer
  EXPECT_GE(stop_counting_allocations().ours, 2);
}

TEST(Allocations, MoreStepsAllocateNoMore) {
  Model model = compiled_model(small_cnn(), 3, 2);
  const Dataset few = bright_channel(16 * 20);
  const Dataset many = bright_channel(16 * 60);
  model.fit(few, quiet(1));  // plans, executions, threads
  const Allocations short_fit = allocations_of_fit(model, few);
  const Allocations long_fit = allocations_of_fit(model, many);
  RecordProperty("onednn_allocations_per_step", (long_fit.libraries - short_fit.libraries) / 40);
  std::printf("allocations in 40 more steps: %d of this library, %d inside oneDNN\n",
              long_fit.ours - short_fit.ours, long_fit.libraries - short_fit.libraries);
  EXPECT_EQ(long_fit.ours - short_fit.ours, 0);
}

TEST(Allocations, APredictorsCallsAllocateNothing) {
  Model model(small_cnn(), {.device = "cpu", .threads = 2});
  const Predictor predictor(model, {.batch_sizes = {1, 4}});
  const std::vector<Tensor> x = {bright_channel(7).x.to(DType::f32)};
  std::vector<Tensor> y = {predictor.predict(x[0])};
  start_counting_allocations();
  for (int i = 0; i < 20; ++i) predictor.run(x, y);
  const Allocations counted = stop_counting_allocations();
  std::printf("allocations in 20 predictions: %d of this library, %d inside oneDNN\n", counted.ours,
              counted.libraries);
  EXPECT_EQ(counted.ours, 0);
}

}  // namespace
}  // namespace fovea::test
