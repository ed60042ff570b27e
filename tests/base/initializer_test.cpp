// First values of parameters: their distributions, and that they depend on seed and path alone.
#include "fovea/initializer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "fovea/detail/philox.h"

namespace fovea {
namespace {

Tensor initialized(Shape shape, const Initializer& initializer, std::uint64_t seed = 1,
                   const std::string& path = "conv.weight", DType dtype = DType::f64) {
  Tensor tensor(shape, dtype);
  initialize(tensor, initializer, seed, path);
  return tensor;
}

struct Statistics {
  double mean = 0, variance = 0, skew = 0, least = 0, largest = 0;
};

Statistics statistics(const Tensor& tensor) {
  const std::span<const double> values = tensor.span<double>();
  const double count = static_cast<double>(values.size());
  Statistics s;
  for (double v : values) s.mean += v / count;
  for (double v : values) s.variance += (v - s.mean) * (v - s.mean) / count;
  for (double v : values) s.skew += std::pow((v - s.mean) / std::sqrt(s.variance), 3) / count;
  s.least = *std::min_element(values.begin(), values.end());
  s.largest = *std::max_element(values.begin(), values.end());
  return s;
}

struct Expected {
  const char* name;
  Initializer initializer;
  Shape shape;
  double variance;
  double limit;  ///< no value lies beyond it, but some come near
};

/// A dense layer 300 -> 500, and a 5x3 convolution 40 -> 200 in 1 group.
std::vector<Expected> distributions() {
  const Shape dense{300, 500}, conv{200, 5, 3, 40};
  const double cut = 2 / 0.87962566103423978;  // where a truncated normal of deviation 1 ends
  const auto uniform_row = [](const char* name, const Initializer& initializer, const Shape& shape,
                              double limit) {
    return Expected{name, initializer, shape, limit * limit / 3, limit};
  };
  const auto normal_row = [&](const char* name, const Initializer& initializer, const Shape& shape,
                              double variance) {
    return Expected{name, initializer, shape, variance, cut * std::sqrt(variance)};
  };
  return {
      uniform_row("uniform", uniform(0.05), dense, 0.05),
      {"normal", normal(0.3), dense, 0.09, 0.3 * 5.5},
      uniform_row("glorot_uniform dense", glorot_uniform(), dense, std::sqrt(6.0 / 800)),
      uniform_row("glorot_uniform conv", glorot_uniform(), conv, std::sqrt(6.0 / (600 + 3000))),
      normal_row("glorot_normal dense", glorot_normal(), dense, 2.0 / 800),
      normal_row("glorot_normal conv", glorot_normal(), conv, 2.0 / (600 + 3000)),
      uniform_row("he_uniform dense", he_uniform(), dense, std::sqrt(6.0 / 300)),
      uniform_row("he_uniform conv", he_uniform(), conv, std::sqrt(6.0 / 600)),
      normal_row("he_normal dense", he_normal(), dense, 2.0 / 300),
      normal_row("he_normal conv", he_normal(), conv, 2.0 / 600),
  };
}

TEST(Initializer, DistributionsAreTheOnesNamed) {
  for (const Expected& expected : distributions()) {
    SCOPED_TRACE(expected.name);
    const Statistics s = statistics(initialized(expected.shape, expected.initializer));
    const double deviation = std::sqrt(expected.variance);
    EXPECT_NEAR(s.mean / deviation, 0, 0.01);
    EXPECT_NEAR(s.variance / expected.variance, 1, 0.01);
    EXPECT_NEAR(s.skew, 0, 0.03);
    EXPECT_LE(s.largest, expected.limit);
    EXPECT_GE(s.least, -expected.limit);
    EXPECT_GE(s.largest, 0.7 * expected.limit);
    EXPECT_LE(s.least, -0.7 * expected.limit);
  }
}

TEST(Initializer, ConstantsAreExact) {
  for (const auto& [initializer, value] :
       {std::pair(constant_value(0.1), 0.1), std::pair(zeros(), 0.0), std::pair(ones(), 1.0)}) {
    const Tensor tensor = initialized({3, 5}, initializer);
    for (double element : tensor.span<double>()) EXPECT_EQ(element, value);
  }
}

TEST(Initializer, ValuesDependOnSeedAndPathAlone) {
  const auto values = [](std::uint64_t seed, const std::string& path, const Shape& shape) {
    const Tensor tensor = initialized(shape, he_normal(), seed, path);
    return std::vector<double>(tensor.span<double>().begin(), tensor.span<double>().end());
  };
  const std::vector<double> first = values(1, "a.weight", {4, 9});
  EXPECT_EQ(values(1, "a.weight", {4, 9}), first);
  EXPECT_NE(values(2, "a.weight", {4, 9}), first);
  EXPECT_NE(values(1, "b.weight", {4, 9}), first);
  // Neighbours are unrelated too: no value comes twice.
  std::vector<double> sorted = values(1, "a.weight", {100, 100});
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(std::adjacent_find(sorted.begin(), sorted.end()), sorted.end());
}

TEST(Initializer, F32IsF64Rounded) {
  for (const Initializer& initializer : {uniform(0.3), he_normal(), normal(2)}) {
    const Tensor wide = initialized({7, 11}, initializer);
    const Tensor narrow = initialized({7, 11}, initializer, 1, "conv.weight", DType::f32);
    for (std::int64_t i = 0; i < wide.numel(); ++i) {
      EXPECT_EQ(narrow.data<float>()[i], static_cast<float>(wide.data<double>()[i]));
    }
  }
}

/// Pinned to the generator, so that no version or device may quietly start training elsewhere.
TEST(Initializer, UniformNumbersAreTheGeneratorsWords) {
  const Tensor tensor = initialized({6}, uniform(0.5), 42, "dense.weight");
  const std::uint64_t key = detail::mix_key(42, detail::path_key("dense.weight"));
  for (std::uint64_t i = 0; i < 6; ++i) {
    const std::uint32_t word = detail::philox4x32(key, 0, i / 4).word[i % 4];
    EXPECT_EQ(tensor.item(static_cast<std::int64_t>(i)), (word >> 8) * 0x1p-24 - 0.5);
  }
}

/// The products of a matrix's rows (or columns, where those are fewer) with each other.
void expect_orthonormal(const Tensor& matrix, std::int64_t rows, double gain) {
  const std::int64_t columns = matrix.numel() / rows, count = std::min(rows, columns);
  const auto at = [&](std::int64_t vector, std::int64_t i) {
    return matrix.item(rows <= columns ? vector * columns + i : i * columns + vector);
  };
  for (std::int64_t a = 0; a < count; ++a) {
    for (std::int64_t b = 0; b <= a; ++b) {
      double product = 0;
      for (std::int64_t i = 0; i < std::max(rows, columns); ++i) product += at(a, i) * at(b, i);
      EXPECT_NEAR(product, a == b ? gain * gain : 0, 1e-12) << a << " and " << b;
    }
  }
}

TEST(Initializer, OrthogonalVectorsAreOrthonormal) {
  expect_orthonormal(initialized({12, 30}, orthogonal()), 12, 1);
  expect_orthonormal(initialized({30, 12}, orthogonal(2)), 30, 2);
  expect_orthonormal(initialized({20, 20}, "orthogonal"), 20, 1);
  expect_orthonormal(initialized({6, 3, 3, 5}, orthogonal()), 6, 1);  // one row per filter
}

TEST(Initializer, TruncatedNormalEndsAtTwoDeviations) {
  const Statistics s = statistics(initialized({300, 500}, truncated_normal(3, 0.5)));
  EXPECT_LE(s.largest, 4);
  EXPECT_GE(s.least, 2);
  EXPECT_GT(s.largest, 3.99);
  EXPECT_LT(s.least, 2.01);
  EXPECT_NEAR(s.mean, 3, 0.005);
}

TEST(Initializer, KindsWithFansAreCasesOfVarianceScaling) {
  using Fan = Initializer::Fan;
  using Distribution = Initializer::Distribution;
  const std::pair<Initializer, Initializer> pairs[] = {
      {glorot_uniform(), variance_scaling(1, Fan::average, Distribution::uniform)},
      {glorot_normal(), variance_scaling(1, Fan::average)},
      {he_uniform(), variance_scaling(2, Fan::in, Distribution::uniform)},
      {he_normal(), variance_scaling(2)},
      {lecun_uniform(), variance_scaling(1, Fan::in, Distribution::uniform)},
      {lecun_normal(), variance_scaling()},
  };
  for (const auto& [named, scaled] : pairs) {
    const Tensor a = initialized({7, 9}, named), b = initialized({7, 9}, scaled);
    for (std::int64_t i = 0; i < a.numel(); ++i) EXPECT_EQ(a.item(i), b.item(i));
  }
}

TEST(Initializer, ComesBackFromJsonAlsoFromBeforeItHadAllFields) {
  const Initializer scaled =
      variance_scaling(3, Initializer::Fan::out, Initializer::Distribution::normal);
  Initializer copy;
  from_json(to_json(scaled), copy);
  EXPECT_EQ(to_json(copy).to_string(), to_json(scaled).to_string());
  from_json(Json::parse(R"({"kind": "he_normal", "scale": 0})"), copy);
  EXPECT_EQ(to_json(copy).to_string(), to_json(he_normal()).to_string());
}

std::string error_of(Shape shape, const std::function<Initializer()>& make) {
  try {
    initialized(shape, make());
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(Initializer, SaysWhatItCannotDo) {
  EXPECT_EQ(error_of({3}, [] { return Initializer("he_uniforn"); }),
            "unknown initializer 'he_uniforn'; known: zeros, ones, random_normal, random_uniform, "
            "truncated_normal, glorot_uniform, glorot_normal, he_uniform, he_normal, "
            "lecun_uniform, lecun_normal, orthogonal");
  EXPECT_EQ(error_of({3}, [] { return orthogonal(); }),
            "'conv.weight': an orthogonal initializer needs two axes or more, not (3,)");
  EXPECT_EQ(error_of({3, 4}, [] { return variance_scaling(0); }),
            "'conv.weight': the scale of variance_scaling is above 0, not 0");
}

TEST(Initializer, OnlyFloatingTensorsCanBeInitialized) {
  Tensor labels({3}, DType::i32);
  try {
    initialize(labels, zeros(), 1, "dense.weight");
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_NE(std::string(error.what()).find("'dense.weight'"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace fovea
