// Dataset: its checks, slices, splits as Keras makes them, and channel statistics.
#include <cmath>

#include "tests/data/data_test_support.h"

namespace fovea::test {
namespace {

Dataset small_set(std::int64_t count) {
  Dataset data;
  data.name = "small";
  data.class_names = {"zero", "one", "two"};
  data.x = Tensor::zeros({count, 2, 2, 1}, DType::u8);
  data.y = Tensor::zeros({count}, DType::i32);
  for (std::int64_t i = 0; i < count; ++i) {
    data.x.data<std::uint8_t>()[4 * i] = static_cast<std::uint8_t>(i);
    data.y.data<std::int32_t>()[i] = static_cast<std::int32_t>(i % 3);
  }
  return data;
}

TEST(Dataset, AcceptsLabelsAndTargets) {
  Dataset data = small_set(7);
  EXPECT_EQ(data.size(), 7);
  EXPECT_NO_THROW(data.check());
  data.y = Tensor::zeros({7, 3});
  EXPECT_NO_THROW(data.check());
  data.x = Tensor::zeros({7, 5});
  EXPECT_NO_THROW(data.check());
}

TEST(Dataset, NamesWhatIsWrong) {
  Dataset data = small_set(7);
  data.y = Tensor::zeros({6}, DType::i32);
  expect_error(ErrorCode::shape_mismatch, {"\"small\"", "7 samples in x", "6 in y"},
               [&] { data.check(); });
  data = small_set(7);
  data.y.data<std::int32_t>()[4] = 3;
  expect_error(ErrorCode::invalid_argument, {"sample 4", "label 3", "3 classes", "0 to 2"},
               [&] { data.check(); });
  data.class_names.clear();
  EXPECT_NO_THROW(data.check()) << "without names any label from 0 on is possible";
  data.y.data<std::int32_t>()[5] = -1;
  expect_error(ErrorCode::invalid_argument, {"sample 5", "label -1"}, [&] { data.check(); });
  data = small_set(7);
  data.y = Tensor::zeros({7, 3}, DType::i32);
  expect_error(ErrorCode::shape_mismatch, {"(7, 3)", "one-hot targets as f32"},
               [&] { data.check(); });
  data = small_set(7);
  data.x = Tensor::zeros({7, 2}, DType::f64);
  expect_error(ErrorCode::invalid_argument, {"f64", "u8 or f32"}, [&] { data.check(); });
  data.x = Tensor();
  expect_error(ErrorCode::invalid_argument, {"no samples"}, [&] { data.check(); });
}

TEST(Dataset, SlicesShareMemoryAndKeepTheRest) {
  const Dataset data = small_set(7);
  const Dataset part = data.slice(2, 5);
  EXPECT_EQ(part.x.shape(), (Shape{3, 2, 2, 1}));
  EXPECT_EQ(part.x.data<std::uint8_t>(), data.x.data<std::uint8_t>() + 8);
  EXPECT_EQ(part.y.data<std::int32_t>()[0], 2);
  EXPECT_EQ(part.class_names, data.class_names);
  EXPECT_EQ(part.name, "small");
  expect_error(ErrorCode::invalid_argument, {"[5, 8)"}, [&] { data.slice(5, 8); });
}

TEST(Dataset, SplitsOffTheLastFraction) {
  const auto parts = small_set(10).split(.2);
  EXPECT_EQ(parts.first.size(), 8);
  EXPECT_EQ(parts.second.size(), 2);
  EXPECT_EQ(parts.second.x.data<std::uint8_t>()[0], 8) << "the last samples, in order";
  // What Keras makes of these, floor(count * (1 - fraction)) in double precision.
  EXPECT_EQ(validation_split_at(60000, .25), 45000);
  EXPECT_EQ(validation_split_at(50000, .1), 45000);
  EXPECT_EQ(validation_split_at(10, .33), 6);
}

TEST(Dataset, RefusesSplitsThatLeaveAPartEmpty) {
  for (double fraction : {0.0, 1.0, -0.1, std::nan("")}) {
    expect_error(ErrorCode::invalid_argument, {"between 0 and 1"},
                 [&] { validation_split_at(10, fraction); });
  }
  expect_error(ErrorCode::invalid_argument, {".95 of 10 samples", "empty"},
               [&] { small_set(10).split(.95); });
}

TEST(ChannelStatistics, OfBytesAndFloats) {
  Tensor bytes({2, 1, 1, 2}, DType::u8);
  const std::uint8_t values[] = {0, 255, 255, 255};
  std::copy(std::begin(values), std::end(values), bytes.data<std::uint8_t>());
  const ChannelStatistics of_bytes = channel_statistics(bytes);
  EXPECT_FLOAT_EQ(of_bytes.mean[0], .5f);
  EXPECT_FLOAT_EQ(of_bytes.stddev[0], .5f);
  EXPECT_FLOAT_EQ(of_bytes.mean[1], 1.f);
  EXPECT_FLOAT_EQ(of_bytes.stddev[1], 0.f);
  const ChannelStatistics of_floats = channel_statistics(Tensor::from({4, 1}, {1, 2, 3, 6}));
  EXPECT_FLOAT_EQ(of_floats.mean[0], 3.f);
  EXPECT_FLOAT_EQ(of_floats.stddev[0], std::sqrt(3.5f));
  expect_error(ErrorCode::invalid_argument, {"empty"}, [] { channel_statistics(Tensor()); });
  expect_error(ErrorCode::invalid_argument, {"i32"}, [] {
    channel_statistics(Tensor::zeros({2, 2}, DType::i32));
  });
}

// ---- Classes ----

TEST(ClassCounts, AreOfAllClassesUpToTheLargestLabel) {
  const Tensor labels = Tensor::from<std::int32_t>({6}, {3, 0, 3, 1, 3, 0});
  EXPECT_EQ(class_counts(labels), (std::vector<std::int64_t>{2, 1, 0, 3}));
  expect_error(ErrorCode::invalid_argument, {"not -1"}, [] {
    class_counts(Tensor::from<std::int32_t>({2}, {0, -1}));
  });
  expect_error(ErrorCode::invalid_argument, {"not 16777216"}, [] {
    class_counts(Tensor::from<std::int32_t>({2}, {0, 1 << 24}));
  });
  expect_error(ErrorCode::invalid_argument, {"no labels"},
               [] { class_counts(Tensor::zeros({0}, DType::i32)); });
  expect_error(ErrorCode::shape_mismatch, {"i32 (N,)"}, [] { class_counts(Tensor::zeros({3})); });
}

/// What sklearn.utils.class_weight.compute_class_weight("balanced", ...) gives for these.
TEST(ClassCounts, BalancedWeightsGiveEveryClassThatOccursTheSameShare) {
  const Tensor labels = Tensor::from<std::int32_t>({6}, {3, 0, 3, 1, 3, 0});
  EXPECT_EQ(balanced_class_weight(labels),
            (std::map<int, double>{{0, 1}, {1, 2}, {3, 6.0 / 3 / 3}}));
}

}  // namespace
}  // namespace fovea::test
