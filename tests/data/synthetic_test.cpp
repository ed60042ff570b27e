// The built-in data set: the same bytes for the same seed on every machine, and balanced classes.
#include <algorithm>
#include <map>

#include "host/data/sha256.h"
#include "tests/data/data_test_support.h"

namespace fovea::test {
namespace {

std::string digest(const Tensor& tensor) {
  data::Sha256 hash;
  hash.add(tensor.raw(), tensor.bytes());
  return hash.hex();
}

TEST(Synthetic, HasTheFormOfADataSet) {
  const TrainTest data = make_synthetic(0, 64, 16);
  EXPECT_EQ(data.train.x.shape(), (Shape{64, 32, 32, 3}));
  EXPECT_EQ(data.test.x.shape(), (Shape{16, 32, 32, 3}));
  EXPECT_EQ(data.train.x.dtype(), DType::u8);
  EXPECT_TRUE(data.train.synthetic && data.test.synthetic);
  EXPECT_EQ(data.train.class_names.size(), 10u);
  EXPECT_NO_THROW(data.train.check());
  EXPECT_NO_THROW(data.test.check());
}

TEST(Synthetic, SameSeedSameBytesOnEveryMachine) {
  const TrainTest data = make_synthetic(7, 200, 50);
  EXPECT_EQ(digest(data.train.x),
            "f1aa77e7b5af3d942fb225aa204ac36385ad5b2af7f0072737110c29367aea9b");
  EXPECT_EQ(digest(data.train.y),
            "890812e33614ebce7210c4ee030158ab4eeb2fcac42b72f3490ccd889bc42c8c");
  EXPECT_EQ(digest(data.test.x),
            "ad2c8d269a682a0b3a90d22a75ee0b0f6e5f7637ea282851b480e6fc6fb3d814");
}

TEST(Synthetic, OtherSeedsAndPartsDiffer) {
  const TrainTest data = make_synthetic(7, 50, 50);
  EXPECT_NE(digest(data.train.x), digest(data.test.x));
  EXPECT_NE(digest(data.train.x), digest(make_synthetic(8, 50, 1).train.x));
}

TEST(Synthetic, ClassesAreBalancedAndShuffled) {
  const Dataset train = make_synthetic(3, 1005, 1).train;
  const auto labels = train.y.span<std::int32_t>();
  std::map<int, int> counts;
  for (std::int32_t label : labels) ++counts[label];
  ASSERT_EQ(counts.size(), 10u);
  for (auto [label, count] : counts) {
    EXPECT_TRUE(count == 100 || count == 101) << "class " << label << " has " << count;
  }
  int repeats = 0;
  for (std::size_t i = 1; i < labels.size(); ++i) repeats += labels[i] == labels[i - 1];
  EXPECT_GT(repeats, 50) << "about every tenth label equals the one before it";
  EXPECT_LT(repeats, 150);
}

TEST(Synthetic, ColourAndBrightnessSayNothing) {
  const Dataset train = make_synthetic(5, 4000, 1).train;
  std::vector<double> mean(10);
  const auto pixels = train.x.span<std::uint8_t>();
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    mean[static_cast<std::size_t>(train.y.item(static_cast<std::int64_t>(i / 3072)))] +=
        pixels[i] / (400.0 * 3072.0);
  }
  // A picture's mean has a standard deviation below 50, that of 400 pictures one below 2.5.
  for (double value : mean) EXPECT_NEAR(value, 127.5, 12.5);
}

TEST(Synthetic, RefusesEmptyParts) {
  expect_error(ErrorCode::invalid_argument, {"at least one sample", "0 and 5"},
               [] { make_synthetic(0, 0, 5); });
  expect_error(ErrorCode::invalid_argument, {"5 and -1"}, [] { make_synthetic(0, 5, -1); });
}

}  // namespace
}  // namespace fovea::test
