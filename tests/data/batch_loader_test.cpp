// BatchLoader: every sample once per epoch, the same order for the same seed, resuming in
// mid-epoch, and the same batches with and without the prefetching thread.
#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "tests/data/data_test_support.h"

namespace fovea::test {
namespace {

/// The samples 0, 1, 2, …, each three times itself as f32, and as the i32 target.
struct Numbers {
  explicit Numbers(std::int64_t count) : x({count, 3}, DType::f32), y({count}, DType::i32) {
    for (std::int64_t i = 0; i < count; ++i) {
      std::fill_n(x.data<float>() + 3 * i, 3, static_cast<float>(i));
      y.data<std::int32_t>()[i] = static_cast<std::int32_t>(i);
    }
  }
  Tensor x, y;
};

/// The rest of an epoch as one list of samples per batch; checks that rows stay together.
std::vector<std::vector<int>> drain(BatchLoader& loader, std::int64_t epoch,
                                    std::int64_t first_batch = 0) {
  std::vector<std::vector<int>> batches;
  loader.start_epoch(epoch, first_batch);
  while (const Batch* batch = loader.next()) {
    EXPECT_EQ(batch->index, first_batch + static_cast<std::int64_t>(batches.size()));
    EXPECT_EQ(batch->inputs[0].shape(), (Shape{batch->count, 3}));
    EXPECT_EQ(batch->targets[0].shape(), Shape{batch->count});
    std::vector<int> samples;
    for (std::int64_t i = 0; i < batch->count; ++i) {
      samples.push_back(static_cast<int>(batch->targets[0].item(i)));
      for (int j = 0; j < 3; ++j) EXPECT_EQ(batch->inputs[0].item(3 * i + j), samples.back());
    }
    batches.push_back(samples);
  }
  EXPECT_EQ(loader.next(), nullptr) << "an epoch that has ended stays so";
  return batches;
}

std::vector<int> flat(const std::vector<std::vector<int>>& batches) {
  std::vector<int> samples;
  for (const auto& batch : batches) samples.insert(samples.end(), batch.begin(), batch.end());
  return samples;
}

BatchLoader make_loader(std::int64_t count, BatchOptions options) {
  Numbers numbers(count);
  return BatchLoader({numbers.x}, {numbers.y}, std::move(options));
}

/// With and without the thread.
class AnyBatchLoader : public testing::TestWithParam<bool> {
 protected:
  BatchOptions options(std::int64_t batch_size, bool shuffle = true, std::uint64_t seed = 0) {
    BatchOptions result;
    result.batch_size = batch_size;
    result.shuffle = shuffle;
    result.seed = seed;
    result.prefetch = GetParam();
    return result;
  }
};
INSTANTIATE_TEST_SUITE_P(Prefetch, AnyBatchLoader, testing::Bool(), [](const auto& with) {
  return with.param ? "WithThread" : "WithoutThread";
});

TEST_P(AnyBatchLoader, GivesEverySampleOncePerEpoch) {
  for (std::int64_t batch_size : {1, 7, 32, 100, 1000}) {
    BatchLoader loader = make_loader(100, options(batch_size));
    EXPECT_EQ(loader.size(), 100);
    for (std::int64_t epoch : {0, 1, 5}) {
      const auto batches = drain(loader, epoch);
      EXPECT_EQ(static_cast<std::int64_t>(batches.size()), loader.batches_per_epoch());
      EXPECT_EQ(static_cast<std::int64_t>(batches.size()), (100 + batch_size - 1) / batch_size);
      std::vector<int> samples = flat(batches);
      std::sort(samples.begin(), samples.end());
      ASSERT_EQ(samples.size(), 100u);
      for (int i = 0; i < 100; ++i) ASSERT_EQ(samples[static_cast<std::size_t>(i)], i);
    }
  }
}

TEST_P(AnyBatchLoader, LastBatchIsShort) {
  BatchLoader loader = make_loader(100, options(32));
  const auto batches = drain(loader, 0);
  EXPECT_EQ(batches.front().size(), 32u);
  EXPECT_EQ(batches.back().size(), 4u);
}

TEST_P(AnyBatchLoader, OrderDependsOnSeedAndEpoch) {
  BatchLoader loader = make_loader(100, options(8));
  const auto first = drain(loader, 0);
  EXPECT_NE(drain(loader, 1), first);
  EXPECT_EQ(drain(loader, 0), first);
  BatchLoader same = make_loader(100, options(8));
  EXPECT_EQ(drain(same, 0), first);
  BatchLoader other_seed = make_loader(100, options(8, true, 1));
  EXPECT_NE(drain(other_seed, 0), first);
  BatchLoader other_batch_size = make_loader(100, options(13));
  EXPECT_EQ(flat(drain(other_batch_size, 0)), flat(first)) << "the order, cut up otherwise";
}

TEST_P(AnyBatchLoader, AnEpochStartedInItsMiddleEqualsTheTail) {
  BatchLoader loader = make_loader(100, options(8));
  const auto whole = drain(loader, 3);
  for (std::int64_t first = 0; first <= loader.batches_per_epoch(); ++first) {
    BatchLoader resumed = make_loader(100, options(8));
    EXPECT_EQ(drain(resumed, 3, first),
              std::vector<std::vector<int>>(whole.begin() + first, whole.end()));
  }
}

TEST_P(AnyBatchLoader, AnUnfinishedEpochCanBeLeft) {
  BatchLoader loader = make_loader(100, options(8));
  BatchLoader undisturbed = make_loader(100, options(8));
  for (std::int64_t epoch = 0; epoch < 20; ++epoch) {
    loader.start_epoch(epoch);
    for (std::int64_t i = 0; i < epoch % 5; ++i) ASSERT_NE(loader.next(), nullptr);
    if (epoch % 3 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(drain(loader, 20), drain(undisturbed, 20));
}

TEST_P(AnyBatchLoader, WithoutShufflingBatchesAreViewsInOrder) {
  const Numbers numbers(20);
  BatchLoader loader({numbers.x}, {numbers.y}, options(8, false));
  loader.start_epoch(0);
  const Batch* batch = loader.next();
  EXPECT_EQ(batch->inputs[0].raw(), numbers.x.raw());
  batch = loader.next();
  EXPECT_EQ(batch->inputs[0].raw(), numbers.x.data<float>() + 8 * 3);
  EXPECT_EQ(batch->targets[0].raw(), numbers.y.data<std::int32_t>() + 8);
  EXPECT_EQ(drain(loader, 1).back(), (std::vector<int>{16, 17, 18, 19}));
}

TEST_P(AnyBatchLoader, SeveralInputsAndTargetsStayTogether) {
  const Numbers numbers(50);
  BatchLoader loader({numbers.x, numbers.y}, {numbers.y, numbers.x, numbers.y}, options(8));
  loader.start_epoch(0);
  while (const Batch* batch = loader.next()) {
    ASSERT_EQ(batch->inputs.size(), 2u);
    ASSERT_EQ(batch->targets.size(), 3u);
    for (std::int64_t i = 0; i < batch->count; ++i) {
      const double sample = batch->inputs[0].item(3 * i);
      EXPECT_EQ(batch->inputs[1].item(i), sample);
      EXPECT_EQ(batch->targets[0].item(i), sample);
      EXPECT_EQ(batch->targets[1].item(3 * i + 2), sample);
      EXPECT_EQ(batch->targets[2].item(i), sample);
    }
  }
  BatchLoader no_targets({numbers.x}, {}, options(8));
  no_targets.start_epoch(0);
  EXPECT_TRUE(no_targets.next()->targets.empty());
}

TEST_P(AnyBatchLoader, ReusesItsMemory) {
  BatchLoader loader = make_loader(400, options(8));
  std::set<const void*> addresses;
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    loader.start_epoch(epoch);
    while (const Batch* batch = loader.next()) addresses.insert(batch->inputs[0].raw());
  }
  EXPECT_EQ(addresses.size(), 3u) << "one per slot of the ring";
}

TEST_P(AnyBatchLoader, ABatchIsLeftAloneUntilTheNextCall) {
  BatchLoader loader = make_loader(400, options(8));
  loader.start_epoch(0);
  while (const Batch* batch = loader.next()) {
    const Tensor before = batch->inputs[0].clone();
    if (batch->index % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    ASSERT_TRUE(std::ranges::equal(batch->inputs[0].span<float>(), before.span<float>()));
  }
}

TEST_P(AnyBatchLoader, ErrorsOfATransformReachTheCaller) {
  BatchOptions failing = options(4);
  failing.augmentation.add("fails on the 10th", [](const std::uint8_t* source, std::uint8_t* target,
                                                   const Shape& shape, PictureRandom&) {
    if (*source == 9) throw std::runtime_error("the 10th picture");
    std::copy_n(source, shape.numel(), target);
  });
  failing.shuffle = false;
  Tensor pictures({20, 1, 1, 1}, DType::u8);
  for (int i = 0; i < 20; ++i) pictures.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i);
  BatchLoader loader({pictures}, {}, failing);
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    loader.start_epoch(epoch);
    EXPECT_EQ(loader.next()->inputs[0].item(0), 0);
    EXPECT_EQ(loader.next()->inputs[0].item(0), 4);
    EXPECT_THROW(loader.next(), std::runtime_error);
    EXPECT_THROW(loader.next(), std::runtime_error) << "and it cannot be passed over";
  }
  loader.start_epoch(0, 3);
  EXPECT_EQ(loader.next()->inputs[0].item(0), 12) << "after the bad one all is well";
}

TEST_P(AnyBatchLoader, EndsPromptlyInEveryState) {
  for (int taken = 0; taken < 5; ++taken) {
    BatchLoader loader = make_loader(400, options(8));
    if (taken > 0) loader.start_epoch(0);
    for (int i = 1; i < taken; ++i) loader.next();
  }
  SUCCEED() << "a destructor that hangs runs into the test's time limit";
}

TEST(BatchLoader, ThreadChangesNothingAlsoWhenAugmenting) {
  const TrainTest data = make_synthetic(1, 100, 1);
  BatchOptions options;
  options.batch_size = 16;
  options.seed = 5;
  options.augmentation.random_flip().pad_and_crop(4).cutout(8);
  BatchLoader with_thread(data.train, options);
  options.prefetch = false;
  BatchLoader without_thread(data.train, options);
  for (std::int64_t epoch : {0, 1}) {
    with_thread.start_epoch(epoch, epoch);
    without_thread.start_epoch(epoch, epoch);
    while (const Batch* a = with_thread.next()) {
      const Batch* b = without_thread.next();
      ASSERT_NE(b, nullptr);
      EXPECT_EQ(a->count, b->count);
      EXPECT_TRUE(
          std::ranges::equal(a->inputs[0].span<std::uint8_t>(), b->inputs[0].span<std::uint8_t>()));
      EXPECT_TRUE(std::ranges::equal(a->targets[0].span<std::int32_t>(),
                                     b->targets[0].span<std::int32_t>()));
    }
  }
}

TEST(BatchLoader, AugmentsByPositionInTheEpoch) {
  const TrainTest data = make_synthetic(1, 50, 1);
  BatchOptions options;
  options.batch_size = 16;
  options.seed = 9;
  options.shuffle = false;
  options.augmentation.pad_and_crop(4);
  BatchLoader loader(data.train, options);
  loader.start_epoch(2);
  Bytes expected(3072), scratch(3072);
  std::int64_t position = 0;
  while (const Batch* batch = loader.next()) {
    for (std::int64_t i = 0; i < batch->count; ++i, ++position) {
      options.augmentation.apply(data.train.x.data<std::uint8_t>() + 3072 * position,
                                 expected.data(), scratch.data(), {32, 32, 3}, 9, 2, position);
      const std::uint8_t* row = batch->inputs[0].data<std::uint8_t>() + 3072 * i;
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), row)) << "position " << position;
    }
  }
  EXPECT_EQ(position, 50);
}

TEST(BatchLoader, CanBeMoved) {
  BatchLoader loader = make_loader(20, {.batch_size = 8});
  loader.start_epoch(0);
  loader.next();
  BatchLoader moved = std::move(loader);
  EXPECT_EQ(moved.next()->index, 1);
}

TEST(BatchLoader, RefusesBadArguments) {
  const Numbers numbers(10), more(11);
  expect_error(ErrorCode::invalid_argument, {"batch size must be at least 1, not 0"},
               [&] { BatchLoader({numbers.x}, {numbers.y}, {.batch_size = 0}); });
  expect_error(ErrorCode::invalid_argument, {"at least one input"},
               [&] { BatchLoader({}, {numbers.y}, {}); });
  expect_error(ErrorCode::invalid_argument, {"no samples"},
               [&] { BatchLoader({numbers.x.slice(0, 0)}, {}, {}); });
  expect_error(ErrorCode::invalid_argument, {"input 0", "no axis of samples"},
               [&] { BatchLoader({Tensor()}, {numbers.y}, {}); });
  expect_error(ErrorCode::shape_mismatch, {"target 1 has 11 samples", "input 0 has 10"}, [&] {
    BatchLoader({numbers.x}, {numbers.y, more.y}, {});
  });
  expect_error(ErrorCode::shape_mismatch, {"input 1 has 11 samples"}, [&] {
    BatchLoader({numbers.x, more.x}, {}, {});
  });
  BatchOptions augmenting;
  augmenting.augmentation.random_flip();
  expect_error(ErrorCode::invalid_argument, {"(N, H, W, C)"},
               [&] { BatchLoader({numbers.x}, {}, augmenting); });
  BatchLoader loader({numbers.x}, {numbers.y}, {.batch_size = 4});
  expect_error(ErrorCode::invalid_argument, {"start_epoch before next"}, [&] { loader.next(); });
  expect_error(ErrorCode::invalid_argument, {"batch 4", "it has 3"},
               [&] { loader.start_epoch(0, 4); });
  expect_error(ErrorCode::invalid_argument, {"-1"}, [&] { loader.start_epoch(-1); });
}

TEST(BatchLoader, ChecksADataset) {
  Dataset data = make_synthetic(0, 10, 1).train;
  data.y.data<std::int32_t>()[3] = 11;
  expect_error(ErrorCode::invalid_argument, {"sample 3", "label 11"}, [&] { BatchLoader{data}; });
}

}  // namespace
}  // namespace fovea::test
