// The input kernel against the CPU's BatchLoader, byte for byte: order, augmentation, labels.
#include "kernels/picture_batch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fovea/data.h"
#include "fovea/detail/philox.h"
#include "fovea/float16.h"
#include "tests/host_kernels/launchers_without_op.h"

namespace fovea::test {
namespace {

using kernels::PictureAugmentation;
using kernels::PictureRescale;

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

/// The same choices for both devices.
struct Choices {
  BatchOptions cpu;
  PictureAugmentation cuda;
};

Choices choices(std::int64_t batch_size, bool shuffle, std::uint64_t seed) {
  Choices result;
  result.cpu.batch_size = batch_size;
  result.cpu.shuffle = shuffle;
  result.cpu.seed = seed;
  result.cpu.prefetch = false;
  return result;
}

void add_flip(Choices& choices, int step, double probability) {
  choices.cpu.augmentation.random_flip(probability);
  choices.cuda.flip_step = step;
  choices.cuda.flip_probability = probability;
}

void add_shift(Choices& choices, int step, std::int64_t pixels, bool reflect) {
  choices.cpu.augmentation.pad_and_crop(pixels, reflect ? BorderFill::reflect : BorderFill::zeros);
  choices.cuda.shift_step = step;
  choices.cuda.shift_pixels = pixels;
  choices.cuda.reflect = reflect;
}

/// What the kernel makes of the batch that begins at position `first`.
Batch run(const Pictures& pictures, const Choices& choices, std::int64_t epoch, std::int64_t first,
          std::int64_t count, DType dtype = DType::u8, const PictureRescale& rescale = {}) {
  const auto seed = static_cast<std::int64_t>(choices.cpu.seed);
  Batch batch;
  batch.count = count;
  batch.inputs = {Tensor(pictures.x.shape().drop_front().prepend(count), dtype)};
  batch.targets = {Tensor({count}, DType::i32)};
  EXPECT_EQ(
      kernels::picture_batch(nullptr, pictures.set(), {&seed, &epoch, &first}, choices.cpu.shuffle,
                             choices.cuda, rescale, dtype, count, batch.inputs[0].mutable_raw(),
                             batch.targets[0].data<std::int32_t>()),
      cudaSuccess);
  return batch;
}

/// Runs a whole epoch on both.
void expect_equal_epochs(const Pictures& pictures, const Choices& choices, std::int64_t epoch) {
  BatchLoader loader({pictures.x}, {pictures.y}, choices.cpu);
  loader.start_epoch(epoch);
  while (const Batch* expected = loader.next()) {
    const std::int64_t first = expected->index * choices.cpu.batch_size;
    const Batch batch = run(pictures, choices, epoch, first, expected->count);
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

/// Sizes that are whole vectors and sizes that are not; several channels; several blocks.
std::vector<Shape> picture_shapes() {
  return {{1, 1, 1}, {5, 7, 3}, {6, 8, 4}, {28, 28, 1}, {32, 32, 3}, {4, 9, 5}, {40, 45, 3}};
}

TEST(PictureBatch, AugmentationIsTheBatchLoaders) {
  for (const Shape& shape : picture_shapes()) {
    SCOPED_TRACE(shape);
    const Pictures pictures(11, shape);
    for (const std::uint64_t seed : {1, 2}) {
      Choices flip = choices(4, true, seed);
      add_flip(flip, 0, 0.5);
      expect_equal_epochs(pictures, flip, 0);

      Choices shift = choices(4, true, seed);
      add_shift(shift, 0, 3, false);
      expect_equal_epochs(pictures, shift, 1);

      Choices flip_and_shift = choices(4, true, seed);
      add_flip(flip_and_shift, 0, 0.7);
      add_shift(flip_and_shift, 1, 2, false);
      expect_equal_epochs(pictures, flip_and_shift, 2);

      Choices shift_and_flip = choices(4, false, seed);
      add_shift(shift_and_flip, 0, 100, false);
      add_flip(shift_and_flip, 1, 0.5);
      expect_equal_epochs(pictures, shift_and_flip, 3);
    }
  }
}

TEST(PictureBatch, MirroredBordersAreTheBatchLoaders) {
  const Pictures pictures(11, {5, 7, 3});
  for (const bool flip_first : {true, false}) {
    Choices both = choices(4, true, 5);
    if (flip_first) add_flip(both, 0, 0.5);
    add_shift(both, flip_first ? 1 : 0, 4, true);
    if (!flip_first) add_flip(both, 1, 0.5);
    expect_equal_epochs(pictures, both, 0);
  }
}

TEST(PictureBatch, RescalesToFloatingTypes) {
  PictureRescale rescale;
  const float scales[] = {1.0f / 58, 1.0f / 57, -1.0f / 59}, offsets[] = {-2.1f, -2, 1.8f};
  for (std::size_t c = 0; c < 3; ++c) rescale.at[c] = {scales[c], offsets[c]};
  Choices both = choices(4, true, 9);
  add_flip(both, 0, 0.5);
  add_shift(both, 1, 2, false);
  for (const Shape& shape : {Shape{5, 7, 3}, Shape{8, 8, 3}}) {
    const Pictures pictures(11, shape);
    const Batch bytes = run(pictures, both, 1, 3, 4);
    for (const auto& [dtype, tolerance] :
         {std::pair(DType::f32, 0x1p-21), std::pair(DType::f16, 0x1p-10),
          std::pair(DType::bf16, 0x1p-7)}) {
      const Batch batch = run(pictures, both, 1, 3, 4, dtype, rescale);
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
  const Choices plain = choices(4, true, 1);
  const Batch over_the_end = run(pictures, plain, 0, 3, 4), head = run(pictures, plain, 0, 0, 2);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(over_the_end.targets[0].item(2 + i), head.targets[0].item(i));
  }
}

TEST(PictureBatch, EmptyBatchesAndSetsWithoutLabels) {
  const Pictures pictures(5, {4, 4, 1});
  run(pictures, choices(4, true, 1), 0, 0, 0);
  kernels::PictureSet set = pictures.set();
  set.labels = nullptr;
  const std::int64_t zero = 0;
  std::vector<std::uint8_t> x(16);
  EXPECT_EQ(kernels::picture_batch(nullptr, set, {&zero, &zero, &zero}, false, {}, {}, DType::u8, 1,
                                   x.data(), nullptr),
            cudaSuccess);
  EXPECT_TRUE(std::equal(x.begin(), x.end(), set.pictures));
}

TEST(PictureBatch, RefusesWhatItCannotDo) {
  const Pictures pictures(2, {4, 4, 5});
  const std::int64_t zero = 0;
  const auto status = [&](const kernels::PictureSet& set, DType dtype) {
    return kernels::picture_batch(nullptr, set, {&zero, &zero, &zero}, false, {}, {}, dtype, 1,
                                  nullptr, nullptr);
  };
  EXPECT_EQ(status(pictures.set(), DType::f32), cudaErrorInvalidValue) << "five channels";
  EXPECT_EQ(status(pictures.set(), DType::i32), cudaErrorInvalidValue);
  EXPECT_EQ(status({}, DType::u8), cudaErrorInvalidValue) << "no samples";
}

}  // namespace

void run_picture_batch() {
  const Pictures pictures(3, {4, 4, 1});
  run(pictures, choices(2, true, 0), 0, 0, 2);
}

}  // namespace fovea::test
