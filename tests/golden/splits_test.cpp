// Random numbers against NumPy's RandomState; splits against scikit-learn's and Keras's.
#include <gtest/gtest.h>

#include <numeric>

#include "fovea/split.h"
#include "host/data/numpy_random.h"
#include "tests/golden/golden.h"

namespace fovea::test {
namespace {

using Indices = std::vector<std::int64_t>;

Indices integers(const Json& list) {
  Indices values;
  for (const Json& value : list.as_array()) values.push_back(value.as_int());
  return values;
}

std::vector<std::int32_t> labels_of(const Json& list) {
  const Indices values = integers(list);
  return {values.begin(), values.end()};
}

/// A data set whose x and y are the samples' own indices.
Dataset numbered(std::int64_t count) {
  Indices indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  const Tensor numbers = Tensor::from<std::int64_t>({count}, indices);
  Dataset data;
  data.x = numbers.to(DType::f32);
  data.y = numbers.to(DType::i32);
  return data;
}

Indices samples_of(const Dataset& data) {
  const auto labels = data.y.span<std::int32_t>();
  return {labels.begin(), labels.end()};
}

TEST(Golden, RandomNumbersAreNumpys) {
  const Json file = golden("random");
  int seeds = 0;
  for (const auto& [seed, expected] : file.as_object()) {
    if (seed == "versions") continue;
    ++seeds;
    data::NumpyRandom random(static_cast<std::uint32_t>(std::stoul(seed)));
    const auto expect_each = [&, &expected = expected](const char* kind, auto&& draw) {
      for (const Json& value : expected.at(kind).as_array()) {
        EXPECT_DOUBLE_EQ(value.as_double(), draw()) << kind;
      }
    };
    expect_each("uniform", [&] { return random.uniform(); });
    expect_each("normal", [&] { return random.normal(); });
    expect_each("normal_again", [&] { return random.normal(); });
    const Indices bounds = {1, 2, 3, 10, 1000, 1LL << 31, 1LL << 32, 1LL << 40};
    Indices drawn;
    for (const std::int64_t bound : bounds) {
      drawn.push_back(
          static_cast<std::int64_t>(random.up_to(static_cast<std::uint64_t>(bound) - 1)));
    }
    EXPECT_EQ(drawn, integers(expected.at("integers")));
    std::vector<int> shuffled(20);
    std::iota(shuffled.begin(), shuffled.end(), 0);
    random.shuffle(shuffled);
    EXPECT_EQ(Indices(shuffled.begin(), shuffled.end()), integers(expected.at("shuffle")));
    EXPECT_EQ(random.permutation(17), integers(expected.at("permutation")));
    EXPECT_EQ(random.sample(1 << 15, 4), integers(expected.at("sample_few")));
    EXPECT_EQ(random.sample(8, 4), integers(expected.at("sample_some")));
    EXPECT_EQ(random.sample(4, 4), integers(expected.at("sample_all")));
    EXPECT_EQ(random.sample(300, 299), integers(expected.at("sample_most")));
    expect_each("uniform_again", [&] { return random.uniform(); });
  }
  EXPECT_EQ(seeds, 4);
}

TEST(Golden, SplitsAreScikitLearns) {
  const Json file = golden("splits");
  for (const Json& expected : file.at("simple").as_array()) {
    const SplitOptions options = {.test_fraction = expected.at("fraction").as_double(),
                                  .seed = static_cast<std::uint32_t>(expected.at("seed").as_int()),
                                  .shuffle = expected.at("shuffle").as_bool()};
    const std::int64_t count = expected.at("count").as_int();
    const SplitIndices split = train_test_indices(count, options);
    EXPECT_EQ(split.train, integers(expected.at("train")));
    EXPECT_EQ(split.test, integers(expected.at("test")));
    const TrainTest parts = train_test_split(numbered(count), options);
    EXPECT_EQ(samples_of(parts.train), split.train);
    EXPECT_EQ(samples_of(parts.test), split.test);
  }
  const std::vector<std::int32_t> labels = labels_of(file.at("labels"));
  for (const Json& expected : file.at("stratified").as_array()) {
    const SplitIndices split =
        train_test_indices(47,
                           {.test_fraction = expected.at("fraction").as_double(),
                            .seed = static_cast<std::uint32_t>(expected.at("seed").as_int()),
                            .stratify = true},
                           labels);
    EXPECT_EQ(split.train, integers(expected.at("train")));
    EXPECT_EQ(split.test, integers(expected.at("test")));
  }
}

TEST(Golden, ThreeWaySplitIsTwoOfScikitLearns) {
  const Json expected = golden("splits").at("three_way");
  const TrainValidationTest parts = train_validation_test_split(numbered(1000), {.seed = 42});
  EXPECT_EQ(samples_of(parts.train), integers(expected.at("train")));
  EXPECT_EQ(samples_of(parts.validation), integers(expected.at("validation")));
  EXPECT_EQ(samples_of(parts.test), integers(expected.at("test")));
}

TEST(Golden, FoldsAreScikitLearns) {
  const Json file = golden("splits");
  const std::vector<std::int32_t> labels = labels_of(file.at("labels"));
  for (const Json& expected : file.at("folds").as_array()) {
    const KFoldOptions options = {.folds = expected.at("folds").as_int(),
                                  .shuffle = expected.at("shuffle").as_bool(),
                                  .seed = static_cast<std::uint32_t>(expected.at("seed").as_int())};
    const std::vector<SplitIndices> plain = k_fold(47, options);
    const std::vector<SplitIndices> stratified = stratified_k_fold(labels, options);
    ASSERT_EQ(std::ssize(plain), options.folds);
    for (std::size_t fold = 0; fold < plain.size(); ++fold) {
      EXPECT_EQ(plain[fold].test, integers(expected.at("plain")[fold]));
      EXPECT_EQ(stratified[fold].test, integers(expected.at("stratified")[fold]));
      EXPECT_EQ(stratified[fold].train.size() + stratified[fold].test.size(), 47U);
    }
  }
}

TEST(Golden, BostonSplitIsKeras) {
  const Json expected = golden("splits").at("keras_boston");
  const TrainTest parts = keras_split(numbered(506), 0.2, 113);
  EXPECT_EQ(samples_of(parts.train), integers(expected.at("train")));
  EXPECT_EQ(samples_of(parts.test), integers(expected.at("test")));
}

}  // namespace
}  // namespace fovea::test
