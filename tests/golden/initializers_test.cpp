// First weights: not Keras's numbers, but their distributions.
#include "fovea/initializer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/golden/golden.h"

namespace fovea::test {
namespace {

using Fan = Initializer::Fan;
using Distribution = Initializer::Distribution;

/// By the names in the file; those that are Initializer's own are left out.
const std::map<std::string, Initializer>& with_arguments() {
  static const std::map<std::string, Initializer> all = {
      {"random_normal(1, 0.2)", random_normal(1, 0.2)},
      {"random_uniform(-1, 3)", random_uniform(-1, 3)},
      {"truncated_normal(2, 0.5)", truncated_normal(2, 0.5)},
      {"variance_scaling(0.5, out, uniform)",
       variance_scaling(0.5, Fan::out, Distribution::uniform)},
      {"variance_scaling(3, average, normal)",
       variance_scaling(3, Fan::average, Distribution::normal)},
      {"orthogonal(2)", orthogonal(2)},
  };
  return all;
}

Initializer initializer_named(const std::string& name) {
  const auto found = with_arguments().find(name);
  return found != with_arguments().end() ? found->second : Initializer(name);
}

void expect_moments(const Tensor& tensor, const Json& keras) {
  const auto of = [&](const char* moment) { return keras.at(moment).as_double(); };
  const std::span<const double> values = tensor.span<double>();
  const auto count = static_cast<double>(values.size());
  double mean = 0, variance = 0;
  for (double value : values) mean += value / count;
  for (double value : values) variance += (value - mean) * (value - mean) / count;
  const double spread = of("stddev");
  EXPECT_NEAR(mean, of("mean"), 0.015 * spread + 1e-9);
  EXPECT_NEAR(std::sqrt(variance), spread, 0.01 * spread + 1e-9);
  const double least = *std::min_element(values.begin(), values.end());
  const double largest = *std::max_element(values.begin(), values.end());
  // Limits agree closely, the ends of a normal distribution as far as chance lets them.
  const bool limited = (of("largest") - of("mean")) < 3 * spread;
  EXPECT_NEAR(least, of("least"), (limited ? 0.003 : 0.8) * spread);
  EXPECT_NEAR(largest, of("largest"), (limited ? 0.003 : 0.8) * spread);
}

TEST(Golden, FirstWeightsAreDistributedAsKeras) {
  int compared = 0;
  const Json file = golden("initializers");
  for (const auto& [name, expected] : file.as_object()) {
    if (name == "versions") continue;
    for (const auto& [layer, shape] :
         {std::pair("dense", Shape{300, 500}), std::pair("conv", Shape{200, 5, 3, 40})}) {
      SCOPED_TRACE(name + " of " + layer);
      Tensor weight(shape, DType::f64);
      initialize(weight, initializer_named(name), 1, "layer.weight");
      expect_moments(weight, expected.at(layer));
      ++compared;
    }
  }
  EXPECT_EQ(compared, 18 * 2);
}

}  // namespace
}  // namespace fovea::test
