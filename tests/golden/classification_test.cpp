// make_classification against scikit-learn's.
#include <gtest/gtest.h>

#include <cmath>

#include "fovea/datasets.h"
#include "tests/golden/golden.h"

namespace fovea::test {
namespace {

/// The same options as in generate_data.py.
const std::vector<std::pair<std::string, ClassificationOptions>>& cases() {
  static const std::vector<std::pair<std::string, ClassificationOptions>> list = {
      {"binary", {.n_samples = 1000, .seed = 42}},
      {"binary_15_5", {.n_samples = 1000, .n_informative = 15, .n_redundant = 5, .seed = 42}},
      {"three_classes",
       {.n_samples = 103,
        .n_features = 9,
        .n_informative = 3,
        .n_redundant = 1,
        .n_repeated = 3,
        .n_classes = 3,
        .n_clusters_per_class = 1,
        .weights = {0.6, 0.3},
        .flip_y = 0.2,
        .class_sep = 2.5,
        .seed = 7}},
      {"not_shuffled",
       {.n_samples = 50,
        .n_features = 6,
        .flip_y = 0,
        .hypercube = false,
        .shift = std::nullopt,
        .scale = std::nullopt,
        .shuffle = false,
        .seed = 1}},
      {"many_dimensions",
       {.n_samples = 40,
        .n_features = 33,
        .n_informative = 33,
        .n_redundant = 0,
        .weights = {0.25, 0.75},
        .shift = 0.5,
        .scale = 3.0,
        .seed = 3}}};
  return list;
}

void expect_near(double value, double wanted, const std::string& what) {
  EXPECT_NEAR(value, wanted, 2e-7 * (1 + std::abs(wanted))) << what;
}

TEST(Golden, MadeUpClassificationIsScikitLearns) {
  const Json file = golden("classification");
  EXPECT_EQ(file.size(), cases().size() + 1);  // and the versions
  for (const auto& [name, options] : cases()) {
    const Json& expected = file.at(name);
    const Dataset data = make_classification(options);
    EXPECT_NO_THROW(data.check());
    const std::int64_t width = options.n_features;
    ASSERT_EQ(data.x.shape(), (Shape{options.n_samples, width})) << name;
    for (std::int64_t i = 0; i < options.n_samples; ++i) {
      EXPECT_EQ(data.y.item(i), expected.at("labels")[static_cast<std::size_t>(i)].as_double())
          << name << ", sample " << i;
    }
    const std::int64_t last = (options.n_samples - 1) * width;
    for (std::int64_t i = 0; i < 4 * width; ++i) {
      expect_near(data.x.item(i),
                  expected.at("first_rows")[static_cast<std::size_t>(i)].as_double(),
                  name + ", element " + std::to_string(i));
    }
    for (std::int64_t j = 0; j < width; ++j) {
      const auto column = static_cast<std::size_t>(j);
      expect_near(data.x.item(last + j), expected.at("last_row")[column].as_double(),
                  name + ", last row");
      double sum = 0;
      double size = 0;
      for (std::int64_t i = 0; i < options.n_samples; ++i) {
        sum += data.x.item(i * width + j);
        size += std::abs(data.x.item(i * width + j));
      }
      EXPECT_NEAR(sum, expected.at("column_sums")[column].as_double(), 1e-7 * size) << name;
    }
  }
}

}  // namespace
}  // namespace fovea::test
