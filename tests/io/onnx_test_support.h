// What the tests of ONNX files share.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "fovea/model.h"
#include "tests/io/io_test_support.h"

#if FOVEA_HAS_ONNX
#define SKIP_WITHOUT_ONNX() static_cast<void>(0)
#else
#define SKIP_WITHOUT_ONNX() GTEST_SKIP() << "built without protobuf: there is no plug-in for ONNX"
#endif

namespace fovea::test {

inline ModelOptions on_cpu() {
  ModelOptions options;
  options.device = "cpu";
  return options;
}

/// Numbers in [-1, 1), or bytes.
inline Tensor random_tensor(const Shape& shape, DType dtype = DType::f32, unsigned seed = 1) {
  std::mt19937 random(seed);
  Tensor tensor(shape, dtype);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    if (dtype == DType::u8) {
      tensor.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(random() % 256);
    } else {
      tensor.data<float>()[i] = static_cast<float>(random()) * 0x1p-31F - 1;
    }
  }
  return tensor;
}

inline std::vector<Tensor> random_inputs(const Network& network, std::int64_t batch) {
  std::vector<Tensor> inputs;
  for (const InputSpec& input : network.inputs()) {
    inputs.push_back(random_tensor(input.shape.prepend(batch), input.dtype,
                                   static_cast<unsigned>(inputs.size()) + 1));
  }
  return inputs;
}

/// The largest difference between two tensors, whose shapes must be equal.
inline double difference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  if (a.shape() != b.shape()) return INFINITY;
  double largest = 0;
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    const double d = std::abs(a.item(i) - b.item(i));
    largest = d <= largest ? largest : d;  // also a NaN
  }
  return largest;
}

/// Predictions of two models for the same random inputs differ by less than 1e-5.
inline void expect_equal_predictions(Model& a, Model& b, std::int64_t batch = 3) {
  const std::vector<Tensor> inputs = random_inputs(a.network(), batch);
  const std::vector<Tensor> first = a.predict_all(inputs), second = b.predict_all(inputs);
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_LT(difference(first[i], second[i]), 1e-5);
}

/// Weights that are not what layers begin with: running statistics and biases count, too.
inline void randomize(Model& model) {
  unsigned seed = 7;
  for (const std::string& path : model.weight_paths()) {
    Tensor values = random_tensor(model.weight(path).shape(), DType::f32, ++seed);
    const bool positive = path.ends_with("running_var");
    for (float& value : values.span<float>()) value = positive ? value + 1.5F : value * 0.5F;
    model.set_weight(path, values);
  }
}

}  // namespace fovea::test
