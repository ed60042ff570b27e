// What the worked examples share: small matrices, and models that compute in f64.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "fovea/fovea.h"

namespace fovea::examples {

using Rows = std::initializer_list<std::initializer_list<double>>;

/// A matrix, f64.
inline Tensor matrix(Rows rows) {
  std::vector<double> values;
  for (const auto& row : rows) values.insert(values.end(), row.begin(), row.end());
  const auto height = static_cast<std::int64_t>(rows.size());
  return Tensor::from<double>({height, static_cast<std::int64_t>(rows.begin()->size())}, values);
}

inline Tensor vector(std::vector<double> values) {
  return Tensor::from<double>({static_cast<std::int64_t>(values.size())}, values);
}

/// The numbers of a tensor whatever its shape, against a matrix read row by row.
inline void expect_values(const Tensor& actual, const Tensor& expected, double tolerance) {
  ASSERT_EQ(actual.numel(), expected.numel());
  for (std::int64_t i = 0; i < actual.numel(); ++i) {
    EXPECT_NEAR(actual.item(i), expected.item(i), tolerance) << "value " << i;
  }
}

/// The same model for everybody who computes by hand: the CPU, in f64.
inline Model exact(const Network& network) {
  return Model(network, {.device = "cpu", .precision = "f64"});
}

/// What a single layer makes of one sample, whose shape is the tensor's.
inline Tensor apply(const Layer& layer, const Tensor& sample) {
  Model model = exact(Network(Sequential{AnyLayer(layer)}, Input(sample.shape())));
  return model.predict(sample.reshape(sample.shape().prepend(1)));
}

}  // namespace fovea::examples
