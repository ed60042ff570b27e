// Encoders, imputation and scalers: that they remember what they were fitted on, come back from
// JSON, and say what is wrong. Their numbers are compared with scikit-learn's in tests/golden.
#include "fovea/preprocessing.h"

#include <cmath>
#include <limits>

#include "tests/data/data_test_support.h"

namespace fovea::test {
namespace {

using Texts = std::vector<std::string>;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

void expect_equal(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.shape(), b.shape());
  ASSERT_EQ(a.dtype(), b.dtype());
  for (std::int64_t i = 0; i < a.numel(); ++i) EXPECT_EQ(a.item(i), b.item(i)) << i;
}

Tensor labels(const std::vector<std::int32_t>& values) {
  return Tensor::from<std::int32_t>({std::ssize(values)}, values);
}

TEST(JoinColumns, PutsNumbersBesideCategories) {
  const Tensor a = Tensor::from({2, 1}, {1, 2}), b = Tensor::from({2, 2}, {3, 4, 5, 6});
  expect_equal(join_columns({a, b, a}), Tensor::from({2, 4}, {1, 3, 4, 1, 2, 5, 6, 2}));
  expect_error(ErrorCode::invalid_argument, {"one tensor at least"}, [] { join_columns({}); });
  expect_error(ErrorCode::shape_mismatch, {"as many rows", "(3, 1)", "(2, 1)"}, [&] {
    join_columns({a, Tensor::zeros({3, 1})});
  });
  expect_error(ErrorCode::invalid_argument, {"f32, not i32"}, [&] {
    join_columns({a, Tensor::zeros({2, 1}, DType::i32)});
  });
}

TEST(OneHot, IsToCategorical) {
  expect_equal(one_hot(labels({2, 0})), Tensor::from({2, 3}, {0, 0, 1, 1, 0, 0}));
  EXPECT_EQ(one_hot(labels({2, 0}), 5).shape(), (Shape{2, 5}));
  EXPECT_EQ(one_hot(Tensor::zeros({2, 3}, DType::u8), 4).shape(), (Shape{2, 3, 4}));
}

TEST(OneHot, RefusesLabelsOutOfRangeAndOtherTypes) {
  expect_error(ErrorCode::invalid_argument, {"label 3 of sample 1", "3 classes"}, [] {
    one_hot(labels({0, 3}), 3);
  });
  expect_error(ErrorCode::invalid_argument, {"label -1 of sample 0"}, [] {
    one_hot(labels({-1, 1}));
  });
  expect_error(ErrorCode::invalid_argument, {"not f32"}, [] { one_hot(Tensor::zeros({2})); });
  expect_error(ErrorCode::invalid_argument, {"at least one"}, [] { one_hot(Tensor()); });
}

TEST(Argmax, IsTheFirstOfTheLargest) {
  const Tensor values = Tensor::from({2, 3}, {1, 5, 5, 7, 0, 7});
  EXPECT_EQ(argmax(values), 3);
  expect_equal(argmax(values, 1), labels({1, 0}));
  expect_equal(argmax(values, -1), labels({1, 0}));
  expect_equal(argmax(values, 0), labels({1, 0, 1}));
  EXPECT_EQ(argmax(Tensor::from({3}, {1, kNan, kNan})), 1);
  EXPECT_EQ(argmax(Tensor::from({3}, {kNan, 2, 3})), 0);
  expect_error(ErrorCode::invalid_argument, {"axis 2", "(2, 3)"}, [&] { argmax(values, 2); });
  expect_error(ErrorCode::invalid_argument, {"axis -3"}, [&] { argmax(values, -3); });
  expect_error(ErrorCode::invalid_argument, {"without elements"}, [] { argmax(Tensor()); });
  expect_error(ErrorCode::invalid_argument, {"no elements"}, [] {
    argmax(Tensor::zeros({2, 0}), 1);
  });
}

TEST(LabelEncoder, SortsNumbersAsNumbersAndTextsAsTexts) {
  EXPECT_EQ(sorted_classes({"10", "9", "-1", "9"}), (Texts{"-1", "9", "10"}));
  EXPECT_EQ(sorted_classes({"10", "9", "x"}), (Texts{"10", "9", "x"}));
  EXPECT_EQ(sorted_classes({"b", "B", "a"}), (Texts{"B", "a", "b"}));
}

TEST(LabelEncoder, RemembersItsClasses) {
  LabelEncoder encoder;
  expect_error(ErrorCode::invalid_argument, {"call fit()"}, [&] { encoder.transform({"red"}); });
  expect_equal(encoder.fit_transform({"white", "red", "white"}), labels({1, 0, 1}));
  const LabelEncoder loaded = LabelEncoder::from_json(Json::parse(encoder.to_json().to_string()));
  expect_equal(loaded.transform({"red"}), labels({0}));
  EXPECT_EQ(loaded.inverse_transform(labels({1, 0})), (Texts{"white", "red"}));
  expect_error(ErrorCode::invalid_argument, {"row 1", "\"rose\"", "red, white"}, [&] {
    loaded.transform({"red", "rose"});
  });
  expect_error(ErrorCode::invalid_argument, {"code 2", "2 classes"},
               [&] { loaded.inverse_transform(labels({2})); });
  expect_error(ErrorCode::invalid_argument, {"row 1", "missing"}, [&] {
    encoder.fit({"red", ""});
  });
  expect_error(ErrorCode::invalid_argument, {"no values"}, [&] { encoder.fit({}); });
  expect_error(ErrorCode::parse, {"MinMaxScaler", "not of a LabelEncoder"},
               [] { LabelEncoder::from_json(MinMaxScaler().to_json()); });
}

TEST(LabelEncoder, EncodesAColumn) {
  Table table({"type"}, {{"white", "red"}});
  EXPECT_EQ(encode_column(table, "type").classes(), (Texts{"red", "white"}));
  EXPECT_EQ(table.text("type"), (Texts{"1", "0"}));
}

TEST(OneHotEncoder, EncodesEveryColumn) {
  const Table table({"type", "size"}, {{"white", "red"}, {"9", "10"}});
  OneHotEncoder encoder;
  expect_error(ErrorCode::invalid_argument, {"call fit()"}, [&] { encoder.transform(table); });
  expect_equal(encoder.fit_transform(table), Tensor::from({2, 4}, {0, 1, 1, 0, 1, 0, 0, 1}));
  EXPECT_EQ(encoder.feature_names(), (Texts{"type_red", "type_white", "size_9", "size_10"}));
  const OneHotEncoder loaded = OneHotEncoder::from_json(encoder.to_json());
  const Table other({"size", "type"}, {{"10"}, {"rose"}});
  expect_error(ErrorCode::invalid_argument, {"'type'", "row 0", "\"rose\"", "red, white"},
               [&] { loaded.transform(other); });
  expect_error(ErrorCode::invalid_argument, {"no column 'type'"},
               [&] { loaded.transform(other.drop({"type"})); });
  OneHotEncoder lenient(true);
  lenient.fit(table);
  expect_equal(OneHotEncoder::from_json(lenient.to_json()).transform(other),
               Tensor::from({1, 4}, {0, 0, 0, 1}));
  expect_error(ErrorCode::invalid_argument, {"'type'", "missing"},
               [&] { encoder.fit(Table({"type"}, {{""}})); });
  expect_error(ErrorCode::invalid_argument, {"without rows"}, [&] { encoder.fit(Table()); });
  expect_error(ErrorCode::parse, {"LabelEncoder", "not of a OneHotEncoder"},
               [] { OneHotEncoder::from_json(LabelEncoder().to_json()); });
}

TEST(Imputer, FillsWhatIsMissing) {
  const Tensor x = Tensor::from({4, 2}, {1, kNan, kNan, 5, 1, 5, 7, 2});
  using enum ImputeStrategy;
  EXPECT_EQ(Imputer(mean).fit(x).statistics(), (std::vector<double>{3, 4}));
  EXPECT_EQ(Imputer(median).fit(x).statistics(), (std::vector<double>{1, 5}));
  EXPECT_EQ(Imputer(most_frequent).fit(x).statistics(), (std::vector<double>{1, 5}));
  EXPECT_EQ(Imputer(constant, -1).fit(x).statistics(), (std::vector<double>{-1, -1}));
  Imputer imputer(median);
  expect_equal(imputer.fit_transform(x), Tensor::from({4, 2}, {1, 5, 1, 5, 1, 5, 7, 2}));
  const Imputer loaded = Imputer::from_json(Json::parse(imputer.to_json().to_string()));
  expect_equal(loaded.transform(Tensor::from({1, 2}, {kNan, 3})), Tensor::from({1, 2}, {1, 3}));
  EXPECT_TRUE(std::isnan(x.item(1))) << "the input was changed";
}

TEST(Imputer, RefusesAColumnWithoutValues) {
  const Tensor x = Tensor::from({2, 2}, {1, kNan, 2, kNan});
  expect_error(ErrorCode::invalid_argument, {"column 1", "only NaN"}, [&] { Imputer().fit(x); });
  expect_equal(Imputer(ImputeStrategy::constant, 9).fit_transform(x),
               Tensor::from({2, 2}, {1, 9, 2, 9}));
  Json json = Imputer().to_json();
  json.set("strategy", "mode");
  expect_error(ErrorCode::parse, {"\"mode\"", "most_frequent"}, [&] { Imputer::from_json(json); });
}

/// What every preparation that is fitted must refuse; T has fit, transform and from_json.
template <class T>
void expect_guards_its_input(const std::string& name) {
  const Tensor x = Tensor::from({2, 3}, {1, 2, 3, 4, 5, 7});
  T fitted;
  expect_error(ErrorCode::invalid_argument, {name, "has not been fitted", "fit()"},
               [&] { fitted.transform(x); });
  fitted.fit(x);
  expect_error(ErrorCode::shape_mismatch, {name, "fitted on 3 features", "has 2", "(3, 2)"}, [&] {
    fitted.transform(x.reshape({3, 2}));
  });
  expect_error(ErrorCode::shape_mismatch, {name, "(samples, features)", "(6,)"},
               [&] { fitted.transform(x.reshape({6})); });
  expect_error(ErrorCode::shape_mismatch, {name, "(samples, features)"}, [&] {
    fitted.fit(x.reshape({1, 2, 3}));
  });
  expect_error(ErrorCode::invalid_argument, {name, "not i64"},
               [&] { fitted.fit(x.to(DType::i64)); });
  expect_error(ErrorCode::invalid_argument, {name, "no samples", "(0, 3)"},
               [&] { fitted.transform(x.slice(0, 0)); });
  expect_error(ErrorCode::parse, {"OneHotEncoder", "not of a", name},
               [] { T::from_json(OneHotEncoder().to_json()); });
  expect_error(ErrorCode::parse, {"kind"}, [] { T::from_json(Json::object()); });
  const T loaded = T::from_json(Json::parse(fitted.to_json().to_string()));
  expect_equal(loaded.transform(x), fitted.transform(x));
  EXPECT_EQ(fitted.transform(x.to(DType::f64)).dtype(), DType::f64);
  EXPECT_EQ(fitted.transform(x.to(DType::u8)).dtype(), DType::f32);
  // A fit that fails leaves the fitted state as it was.
  EXPECT_THROW(fitted.fit(x.reshape({6})), Error);
  expect_equal(loaded.transform(x), fitted.transform(x));
}

TEST(Preprocessing, GuardsItsInput) {
  expect_guards_its_input<Imputer>("Imputer");
  expect_guards_its_input<MinMaxScaler>("MinMaxScaler");
  expect_guards_its_input<StandardScaler>("StandardScaler");
}

TEST(MinMaxScaler, ScalesByWhatItWasFittedOn) {
  MinMaxScaler scaler;
  const Tensor train = Tensor::from({3, 2}, {0, 7, 5, 7, 10, 7});
  expect_equal(scaler.fit_transform(train), Tensor::from({3, 2}, {0, 0, 0.5, 0, 1, 0}));
  const Tensor test = Tensor::from({1, 2}, {20, 8});
  expect_equal(scaler.transform(test), Tensor::from({1, 2}, {2, 1}));
  expect_equal(scaler.inverse_transform(scaler.transform(test)), test);
  EXPECT_EQ(MinMaxScaler(-1, 1).fit_transform(train).item(0), -1);
  EXPECT_TRUE(std::isnan(scaler.transform(Tensor::from({1, 2}, {kNan, 8})).item(0)));
  expect_error(ErrorCode::invalid_argument, {"1 to 1", "min must be below max"},
               [] { MinMaxScaler(1, 1); });
  Json json = scaler.to_json();
  json.set("data_max", Json::array());
  expect_error(ErrorCode::parse, {"2 and 0 numbers"}, [&] { MinMaxScaler::from_json(json); });
}

TEST(StandardScaler, CentresAndScales) {
  StandardScaler scaler;
  const Tensor x = Tensor::from({4, 2}, {1, 0.1F, 3, 0.1F, kNan, 0.1F, 5, 0.1F});
  const Tensor scaled = scaler.fit_transform(x);
  EXPECT_NEAR(scaled.item(0), -std::sqrt(1.5), 1e-6);
  EXPECT_EQ(scaled.item(2), 0);
  EXPECT_TRUE(std::isnan(scaled.item(4)));
  EXPECT_EQ(scaler.scale()[1], 1) << "a constant column is not divided";
  EXPECT_NEAR(scaler.inverse_transform(scaled).item(6), 5, 1e-6);
}

}  // namespace
}  // namespace fovea::test
