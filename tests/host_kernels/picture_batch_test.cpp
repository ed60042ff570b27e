// The input kernel against the CPU's BatchLoader, byte for byte: order, augmentation, labels.
#include "kernels/picture_batch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fovea/data.h"
#include "fovea/detail/philox.h"
#include "fovea/float16.h"

namespace fovea::test {
namespace {

using kernels::PictureRescale;
using Kind = PictureStep::Kind;

/// Pictures of random bytes, and sample i labelled 100 + i.
struct Pictures {
  Pictures(std::int64_t samples, const Shape& picture)
      : x(picture.prepend(samples), DType::u8), y({samples}, DType::i32) {
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      const auto random = detail::philox4x32(17, 0, static_cast<std::uint64_t>(i));
      x.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(random.word[0]);
    }
    for (std::int64_t i = 0; i < samples; ++i) {
      y.data<std::int32_t>()[i] = static_cast<std::int32_t>(100 + i);
    }
  }
  kernels::PictureSet set() const {
    const Shape& shape = x.shape();
    return {
        x.data<std::uint8_t>(), y.data<std::int32_t>(), shape.n(), shape.h(), shape.w(), shape.c()};
  }
  Tensor x, y;
};

BatchOptions choices(std::int64_t batch_size, bool shuffle, std::uint64_t seed,
                     const std::vector<PictureStep>& steps = {}) {
  BatchOptions result;
  result.batch_size = batch_size;
  result.shuffle = shuffle;
  result.seed = seed;
  result.prefetch = false;
  for (const PictureStep& step : steps) result.augmentation.add(step);
  return result;
}

/// What the kernel makes of a batch.
Batch run(const Pictures& pictures, const BatchOptions& options, std::int64_t epoch,
          std::int64_t batch_index, std::int64_t count, DType dtype = DType::u8,
          const PictureRescale& rescale = {}) {
  const auto seed = static_cast<std::int64_t>(options.seed);
  const std::int64_t start = 5, counter = start + batch_index;
  kernels::PictureSteps steps;
  const std::vector<PictureStep> list = options.augmentation.built_in_steps().value();
  for (const PictureStep& step : list) steps.at[steps.count++] = step;
  Batch batch;
  batch.count = count;
  batch.inputs = {Tensor(pictures.x.shape().drop_front().prepend(count), dtype)};
  batch.targets = {Tensor({count}, DType::i32)};
  EXPECT_EQ(
      kernels::picture_batch(nullptr, pictures.set(),
                             {&seed, &epoch, &counter, &start, options.batch_size, options.shuffle},
                             steps, rescale, dtype, count, batch.inputs[0].mutable_raw(),
                             batch.targets[0].data<std::int32_t>()),
      cudaSuccess);
  return batch;
}

/// Runs a whole epoch on both.
void expect_equal_epochs(const Pictures& pictures, const BatchOptions& options,
                         std::int64_t epoch) {
  BatchLoader loader({pictures.x}, {pictures.y}, options);
  loader.start_epoch(epoch);
  while (const Batch* expected = loader.next()) {
    const Batch batch = run(pictures, options, epoch, expected->index, expected->count);
    EXPECT_TRUE(std::ranges::equal(batch.inputs[0].span<std::uint8_t>(),
                                   expected->inputs[0].span<std::uint8_t>()))
        << "pictures of batch " << expected->index << " of epoch " << epoch;
    EXPECT_TRUE(std::ranges::equal(batch.targets[0].span<std::int32_t>(),
                                   expected->targets[0].span<std::int32_t>()))
        << "labels of batch " << expected->index << " of epoch " << epoch;
  }
}

TEST(PictureBatch, OrderIsTheBatchLoaders) {
  const Pictures pictures(29, {4, 4, 1});
  for (const std::int64_t batch_size : {1, 8, 29, 100}) {
    for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{7}, ~std::uint64_t{0}}) {
      for (const std::int64_t epoch : {0, 1, 12}) {
        expect_equal_epochs(pictures, choices(batch_size, true, seed), epoch);
      }
    }
  }
  expect_equal_epochs(pictures, choices(8, false, 3), 1);
}

/// Sizes that are whole vectors and sizes that are not; several channels.
std::vector<Shape> picture_shapes() {
  return {{1, 1, 1}, {5, 7, 3}, {6, 8, 4}, {28, 28, 1}, {32, 32, 3}, {40, 45, 3}};
}

TEST(PictureBatch, EachAugmentationIsTheBatchLoaders) {
  const std::vector<PictureStep> steps = {{Kind::flip, 0.5},
                                          {Kind::flip_vertical, 0.5},
                                          {Kind::shift, 3},
                                          {Kind::shift, 100},
                                          {Kind::cutout, 1, 255},
                                          {Kind::brightness, 1},
                                          {Kind::brightness, 0.1},
                                          {Kind::contrast, 1},
                                          {Kind::contrast, 0.3},
                                          {Kind::shift, 100, 2},
                                          {Kind::rotation, 1, 0},
                                          {Kind::rotation, 0.1, 1},
                                          {Kind::zoom, 0.95, 1},
                                          {Kind::zoom, 0.2, 2},
                                          {Kind::translation, 1, 1, 0.1},
                                          {Kind::translation, 0.2, 0, 1},
                                          {Kind::crop_and_resize, 0.01, 2, 10},
                                          {Kind::crop_and_resize, 0.5, 2, 1}};
  for (const Shape& shape : picture_shapes()) {
    const Pictures pictures(11, shape);
    for (const PictureStep& step : steps) {
      const BatchOptions options = choices(4, true, 1, {step});
      SCOPED_TRACE(detail::concat(options.augmentation.str(), " of ", shape));
      expect_equal_epochs(pictures, options, 2);
    }
  }
}

TEST(PictureBatch, ColourChangesAreTheBatchLoaders) {
  for (const Shape& shape : {Shape{5, 7, 3}, Shape{32, 32, 3}}) {
    const Pictures pictures(11, shape);
    for (const PictureStep& step :
         {PictureStep{Kind::saturation, 1}, {Kind::saturation, 0.4}, {Kind::grayscale, 0.5}}) {
      expect_equal_epochs(pictures, choices(4, true, 3, {step}), 1);
    }
  }
}

TEST(PictureBatch, StepsFollowEachOtherAsInTheBatchLoader) {
  const Pictures pictures(11, {12, 10, 3});
  expect_equal_epochs(pictures, choices(4, true, 5, {{Kind::flip, 0.7}, {Kind::shift, 2}}), 0);
  expect_equal_epochs(pictures, choices(4, false, 5, {{Kind::shift, 4, 1}, {Kind::flip, 0.5}}), 3);
  expect_equal_epochs(pictures,
                      choices(4, true, 6,
                              {{Kind::shift, 2},
                               {Kind::cutout, 4, 7},
                               {Kind::contrast, 0.5},
                               {Kind::flip_vertical, 0.5},
                               {Kind::saturation, 0.5},
                               {Kind::brightness, 0.5},
                               {Kind::contrast, 1},
                               {Kind::flip, 0.5}}),
                      1);
}

TEST(PictureBatch, RescalesToFloatingTypes) {
  PictureRescale rescale;
  const float scales[] = {1.0f / 58, 1.0f / 57, -1.0f / 59}, offsets[] = {-2.1f, -2, 1.8f};
  for (std::size_t c = 0; c < 3; ++c) rescale.at[c] = {scales[c], offsets[c]};
  const BatchOptions both = choices(4, true, 9, {{Kind::flip, 0.5}, {Kind::shift, 2}});
  for (const Shape& shape : {Shape{5, 7, 3}, Shape{8, 8, 3}}) {
    const Pictures pictures(11, shape);
    const Batch bytes = run(pictures, both, 1, 1, 4);
    for (const auto& [dtype, tolerance] :
         {std::pair(DType::f32, 0x1p-21), std::pair(DType::f16, 0x1p-10),
          std::pair(DType::bf16, 0x1p-7)}) {
      const Batch batch = run(pictures, both, 1, 1, 4, dtype, rescale);
      const Tensor values = batch.inputs[0].to(DType::f64);
      for (std::int64_t i = 0; i < values.numel(); ++i) {
        const double byte = bytes.inputs[0].item(i);
        ASSERT_NEAR(values.item(i), byte * scales[i % 3] + offsets[i % 3], 3 * tolerance)
            << dtype_name(dtype) << " element " << i;
      }
    }
  }
}

TEST(PictureBatch, BeyondTheLastPositionTheOrderBeginsAgain) {
  const Pictures pictures(5, {4, 4, 1});
  const BatchOptions plain = choices(3, true, 1);
  const Batch over_the_end = run(pictures, plain, 0, 1, 3), head = run(pictures, plain, 0, 0, 1);
  EXPECT_EQ(over_the_end.targets[0].item(2), head.targets[0].item(0));
}

TEST(PictureBatch, EmptyBatchesAndSetsWithoutLabels) {
  const Pictures pictures(5, {4, 4, 1});
  run(pictures, choices(4, true, 1), 0, 0, 0);
  kernels::PictureSet set = pictures.set();
  set.labels = nullptr;
  const std::int64_t zero = 0;
  std::vector<std::uint8_t> x(16);
  EXPECT_EQ(kernels::picture_batch(nullptr, set, {&zero, &zero, &zero, &zero, 1, false}, {}, {},
                                   DType::u8, 1, x.data(), nullptr),
            cudaSuccess);
  EXPECT_TRUE(std::equal(x.begin(), x.end(), set.pictures));
}

TEST(PictureBatch, RefusesWhatItCannotDo) {
  const Pictures five_channels(2, {4, 4, 5}), large(1, {100, 100, 3});
  const std::int64_t zero = 0;
  const auto status = [&](const kernels::PictureSet& set, DType dtype, int steps = 0) {
    kernels::PictureSteps list;
    list.count = steps;
    return kernels::picture_batch(nullptr, set, {&zero, &zero, &zero, &zero, 1, false}, list, {},
                                  dtype, 1, nullptr, nullptr);
  };
  EXPECT_EQ(status(five_channels.set(), DType::f32), cudaErrorInvalidValue);
  EXPECT_EQ(status(five_channels.set(), DType::u8, 1), cudaErrorInvalidValue);
  EXPECT_EQ(status(large.set(), DType::u8, 1), cudaErrorInvalidValue);
  EXPECT_EQ(status(five_channels.set(), DType::i32), cudaErrorInvalidValue);
  EXPECT_EQ(status({}, DType::u8), cudaErrorInvalidValue) << "no samples";
}

}  // namespace
}  // namespace fovea::test
