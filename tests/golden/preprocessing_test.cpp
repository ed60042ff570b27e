// Scalers, imputation and encoders against scikit-learn's.
#include "fovea/preprocessing.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/golden/golden.h"

namespace fovea::test {
namespace {

/// f64 (rows, 4).
Tensor table_of(const Json& list) {
  return tensor_of(list, {std::ssize(list.as_array()) / 4, 4}, DType::f64);
}

void expect_near(const Tensor& values, const Json& expected, const std::string& what) {
  ASSERT_EQ(values.numel(), std::ssize(expected.as_array())) << what;
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    const double wanted = expected[static_cast<std::size_t>(i)].as_double();
    if (std::isnan(wanted)) {
      EXPECT_TRUE(std::isnan(values.item(i))) << what << ", element " << i;
    } else {
      EXPECT_NEAR(values.item(i), wanted, 1e-12 * (1 + std::abs(wanted)))
          << what << ", element " << i;
    }
  }
}

std::vector<std::string> texts(const Json& list) {
  std::vector<std::string> values;
  for (const Json& value : list.as_array()) values.push_back(value.as_string());
  return values;
}

template <class Scaler>
void compare_scaler(const Json& file, const std::string& name, Scaler scaler) {
  const Tensor test = table_of(file.at("test"));
  scaler.fit(table_of(file.at("train")));
  expect_near(scaler.transform(test), file.at(name), name);
  expect_near(scaler.inverse_transform(scaler.transform(test)), file.at("test"), name + " back");
  expect_near(scaler.fit_transform(table_of(file.at("holes"))), file.at(name + "_of_holes"),
              name + " of holes");
}

TEST(Golden, ScalersAreScikitLearns) {
  const Json file = golden("preprocessing");
  compare_scaler(file, "min_max", MinMaxScaler());
  compare_scaler(file, "min_max_symmetric", MinMaxScaler(-1, 1));
  compare_scaler(file, "standard", StandardScaler());
}

TEST(Golden, ImputationIsScikitLearns) {
  const Json file = golden("preprocessing");
  const Tensor holes = table_of(file.at("holes"));
  using enum ImputeStrategy;
  for (const auto& [name, imputer] :
       std::vector<std::pair<std::string, Imputer>>{{"mean", Imputer(mean)},
                                                    {"median", Imputer(median)},
                                                    {"most_frequent", Imputer(most_frequent)},
                                                    {"constant", Imputer(constant, -7)}}) {
    expect_near(Imputer(imputer).fit_transform(holes), file.at("impute_" + name), name);
  }
}

TEST(Golden, EncodersAreScikitLearnsAndKeras) {
  const Json file = golden("preprocessing");
  for (const std::string name : {"word", "grade"}) {
    LabelEncoder encoder;
    expect_near(encoder.fit_transform(texts(file.at(name + "s"))), file.at(name + "_codes"), name);
  }
  const Table words({"word"}, {texts(file.at("words"))});
  expect_near(OneHotEncoder().fit_transform(words), file.at("one_hot_words"), "one-hot words");
  const Tensor labels = Tensor::from<std::int32_t>({2, 2}, std::vector<std::int32_t>{2, 0, 3, 1});
  expect_near(one_hot(labels, 5), file.at("to_categorical"), "to_categorical");
}

}  // namespace
}  // namespace fovea::test
