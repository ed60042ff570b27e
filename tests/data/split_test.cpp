// Splits: every sample in one part, what is kept of a data set, and what cannot be split.
#include "fovea/split.h"

#include <algorithm>
#include <numeric>

#include "tests/data/data_test_support.h"

namespace fovea::test {
namespace {

/// Pictures of two pixels, both the sample's number; labels alternate between 0 and 1.
Dataset pairs(std::int64_t count) {
  Dataset data;
  data.x = Tensor({count, 1, 2, 1}, DType::u8);
  data.y = Tensor({count}, DType::i32);
  for (std::int64_t i = 0; i < count; ++i) {
    data.x.data<std::uint8_t>()[2 * i] = data.x.data<std::uint8_t>()[2 * i + 1] =
        static_cast<std::uint8_t>(i);
    data.y.data<std::int32_t>()[i] = static_cast<std::int32_t>(i % 2);
  }
  data.class_names = {"even", "odd"};
  data.name = "pairs";
  return data;
}

void expect_error_of_split(const std::vector<std::string>& parts, const SplitOptions& options) {
  expect_error(ErrorCode::invalid_argument, parts, [&] { train_test_split(pairs(10), options); });
}

TEST(Split, KeepsSamplesWithTheirLabelsAndNames) {
  const TrainTest parts = train_test_split(pairs(10), {.test_fraction = 0.3, .stratify = true});
  EXPECT_EQ(parts.train.size(), 7);
  EXPECT_EQ(parts.test.size(), 3);
  EXPECT_EQ(parts.train.name, "pairs train");
  EXPECT_EQ(parts.test.class_names[1], "odd");
  std::vector<int> seen;
  for (const Dataset& part : {parts.train, parts.test}) {
    for (std::int64_t i = 0; i < part.size(); ++i) {
      const double number = part.x.item(2 * i);
      EXPECT_EQ(part.x.item(2 * i + 1), number);
      EXPECT_EQ(part.y.item(i), static_cast<int>(number) % 2);
      seen.push_back(static_cast<int>(number));
    }
  }
  std::sort(seen.begin(), seen.end());
  std::vector<int> all(10);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(seen, all);
}

TEST(Split, ThreePartsOf70And15And15Percent) {
  const TrainValidationTest parts = train_validation_test_split(pairs(100), {.stratify = true});
  EXPECT_EQ(parts.train.size(), 70);
  EXPECT_EQ(parts.validation.size(), 15);
  EXPECT_EQ(parts.test.size(), 15);
  EXPECT_EQ(parts.validation.name, "pairs validation");
}

TEST(Split, TakesRows) {
  const std::vector<std::int64_t> rows = {4, 0, 4};
  const Dataset taken = take_rows(pairs(5), rows);
  EXPECT_EQ(taken.x.shape(), (Shape{3, 1, 2, 1}));
  EXPECT_EQ(taken.x.item(1), 4);
  EXPECT_EQ(taken.x.item(2), 0);
  for (const std::int64_t wrong : {-1, 5}) {
    const std::vector<std::int64_t> bad = {wrong};
    expect_error(ErrorCode::invalid_argument, {"row " + std::to_string(wrong), "out of range"},
                 [&] { take_rows(pairs(5), bad); });
  }
}

TEST(Split, RefusesWhatCannotBeSplit) {
  expect_error_of_split({"test_fraction is 0", "between 0 and 1"}, {.test_fraction = 0});
  expect_error_of_split({"test_fraction is 1.5"}, {.test_fraction = 1.5});
  expect_error_of_split({"none are left to train on"}, {.test_fraction = 0.95});
  expect_error_of_split({"needs shuffle"}, {.shuffle = false, .stratify = true});
  expect_error_of_split({"each of 2 classes"}, {.test_fraction = 0.1, .stratify = true});
  expect_error(ErrorCode::invalid_argument, {"together leave none"}, [] {
    train_validation_test_split(pairs(10), {.validation_fraction = 0.5, .test_fraction = 0.5});
  });
  expect_error(ErrorCode::invalid_argument, {"test_fraction is 0"},
               [] { keras_split(pairs(10), 0); });
  Dataset single = pairs(9);
  single.y.data<std::int32_t>()[3] = 7;
  single.class_names.clear();
  expect_error(ErrorCode::invalid_argument, {"class 7 has one (sample 3)"},
               [&] { train_test_split(single, {.test_fraction = 0.4, .stratify = true}); });
  Dataset targets = pairs(9);
  targets.y = targets.y.to(DType::f32);
  expect_error(ErrorCode::invalid_argument, {"f32 targets", "i32 labels"},
               [&] { train_test_split(targets, {.stratify = true}); });
  const std::vector<std::int32_t> few = {0, 1};
  expect_error(ErrorCode::invalid_argument, {"10 samples needs as many labels, not 2"},
               [&] { train_test_indices(10, {.stratify = true}, few); });
}

TEST(Split, RefusesWrongNumbersOfFolds) {
  for (const std::int64_t folds : {1, 11}) {
    expect_error(ErrorCode::invalid_argument, {std::to_string(folds) + " folds of 10 samples"},
                 [&] { k_fold(10, {.folds = folds}); });
  }
  const std::vector<std::int32_t> labels = {0, 1, 0, 1};
  expect_error(ErrorCode::invalid_argument, {"3 stratified folds", "fewer folds"},
               [&] { stratified_k_fold(labels, {.folds = 3}); });
}

}  // namespace
}  // namespace fovea::test
