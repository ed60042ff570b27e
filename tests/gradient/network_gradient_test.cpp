// Gradients of whole small networks against central differences in f64: every kind of layer with
// its parameters, branches that meet again, inputs and layers that are used twice. Training mode.
#include <gtest/gtest.h>

#include <cstdio>
#include <set>

#include "fovea/detail/philox.h"
#include "fovea/layers.h"
#include "fovea/ops/basic.h"
#include "tests/support/numeric_gradient.h"

namespace fovea::test {
namespace {

/// Values in (-1, 1), the same at every run.
Tensor random_tensor(const Shape& shape, std::uint64_t key = 3) {
  Tensor tensor(shape, DType::f64);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    const auto word = detail::philox4x32(key, 0, static_cast<std::uint64_t>(i)).word[0];
    tensor.data<double>()[i] = 2.0 * detail::uniform01(word) - 1;
  }
  return tensor;
}

using Network = std::function<Value(Builder& builder, Value x)>;

void expect_gradients(const std::string& name, const Shape& input, const Network& network) {
  const GradientReport report = check_gradients(
      [&](Builder& builder, const std::vector<Value>& inputs) {
        return std::vector<Value>{network(builder, inputs[0])};
      },
      {random_tensor(input)}, {0});
  std::printf("worst relative error %.1e  %s\n", report.worst_error, name.c_str());
  EXPECT_LE(report.worst_error, 1e-6) << name << ": " << report.worst_place;
}

struct LayerCase {
  std::string name;
  Shape input;  ///< with its batch axis
  AnyLayer layer;
};

std::vector<LayerCase> layer_cases() {
  const Shape picture = {2, 6, 5, 3};
  const Shape rows = {3, 7};
  return {
      {"conv2d", picture, Conv2D(4, 3, {.name = "layer"})},
      {"conv2d_of_everything",
       {2, 9, 8, 4},
       Conv2D(6, {3, 2},
              {.strides = {2, 1},
               .padding = "same",
               .groups = 2,
               .activation = "tanh",
               .use_bias = false,
               .name = "layer"})},
      {"conv2d_dilated_relu",
       {2, 9, 8, 4},
       Conv2D(5, 3, {.dilation = 2, .activation = "relu", .name = "layer"})},
      {"dense", rows, Dense(5, {.name = "layer"})},
      {"dense_softmax", rows, Dense(5, {.activation = "softmax", .name = "layer"})},
      {"dense_gelu", rows, Dense(5, {.activation = "gelu", .use_bias = false, .name = "layer"})},
      {"maxout", rows, Maxout(5, 3, {.name = "layer"})},
      {"batch_norm_picture", picture, BatchNorm({.name = "layer"})},
      {"batch_norm_rows", rows, BatchNorm({.epsilon = 1e-5, .name = "layer"})},
      {"max_pool2d", picture, MaxPool2D(2, {.name = "layer"})},
      {"max_pool2d_same_overlapping", picture,
       MaxPool2D(3, {.strides = 2, .padding = "same", .name = "layer"})},
      {"avg_pool2d", picture, AvgPool2D(2, {.padding = "same", .name = "layer"})},
      {"global_avg_pool2d", picture, GlobalAvgPool2D("layer")},
      {"global_max_pool2d", picture, GlobalMaxPool2D("layer")},
      {"min_pool2d_overlapping", picture, MinPool2D(3, {.strides = 2, .name = "layer"})},
      {"global_min_pool2d", picture, GlobalMinPool2D("layer")},
      {"flatten", picture, Flatten("layer")},
      {"reshape", picture, Reshape({-1, 6}, "layer")},
      {"zero_padding2d", picture, ZeroPadding2D(Padding::cells(1, 0, 2, 1), "layer")},
      {"activation", rows, ActivationLayer("silu", "layer")},
      {"relu", rows, Relu("layer")},
      {"leaky_relu", rows, LeakyRelu(0.2, "layer")},
      {"elu", rows, Elu(0.8, "layer")},
      {"sigmoid", rows, Sigmoid("layer")},
      {"tanh", rows, Tanh("layer")},
      {"gelu", rows, Gelu("layer")},
      {"silu", rows, Silu("layer")},
      {"softmax", rows, Softmax("layer")},
      {"dropout", {8, 9}, Dropout(0.4, "layer")},
      {"rescaling", picture, Rescaling(0.25, 3, "layer")},
      {"normalization", picture, Normalization({1, 2, 3}, {4, 5, 6}, "layer")},
  };
}

TEST(NetworkGradient, EveryLayerWithOneInput) {
  for (const LayerCase& layer_case : layer_cases()) {
    expect_gradients(layer_case.name, layer_case.input,
                     [&](Builder& b, Value x) { return (*layer_case.layer)(b, x); });
  }
}

TEST(NetworkGradient, EveryLayerWithSeveralInputs) {
  const std::vector<std::pair<std::string, AnyLayer>> layers = {
      {"add", Add("layer")},
      {"multiply", Multiply("layer")},
      {"concatenate_channels", Concatenate(-1, "layer")},
      {"concatenate_rows", Concatenate(1, "layer")},
      {"stack", Stack(-1, "layer")},
      {"stack_rows", Stack(2, "layer")}};
  const std::vector<Tensor> inputs = {random_tensor({2, 3, 4, 5}, 1),
                                      random_tensor({2, 3, 4, 5}, 2),
                                      random_tensor({2, 3, 4, 5}, 4)};
  for (const auto& [name, layer] : layers) {
    const AnyLayer& merge = layer;
    const GradientReport report = check_gradients(
        [&](Builder& b, const std::vector<Value>& values) {
          return std::vector<Value>{(*merge)(b, values)};
        },
        inputs, {0, 1, 2});
    std::printf("worst relative error %.1e  %s\n", report.worst_error, name.c_str());
    EXPECT_LE(report.worst_error, 1e-6) << name << ": " << report.worst_place;
  }
}

TEST(NetworkGradient, ConvolutionalClassifier) {
  expect_gradients("classifier", {2, 12, 12, 3}, [](Builder& b, Value x) {
    x = Conv2D(4, 3, {.activation = "relu", .name = "conv1"})(b, x);
    x = MaxPool2D(2, {.name = "pool1"})(b, x);
    x = Conv2D(6, 3, {.activation = "relu", .name = "conv2"})(b, x);
    x = Flatten("flatten")(b, x);
    x = Dense(8, {.activation = "relu", .name = "dense1"})(b, x);
    return Dense(5, {.activation = "softmax", .name = "dense2"})(b, x);
  });
}

TEST(NetworkGradient, ResidualBlocksWithBatchNorm) {
  expect_gradients("residual", {3, 6, 6, 4}, [](Builder& b, Value x) {
    for (const std::string block : {"block1", "block2"}) {
      Value y =
          Conv2D(4, 3, {.padding = "same", .use_bias = false, .name = block + "_conv1"})(b, x);
      y = Relu(block + "_relu1")(b, BatchNorm({.name = block + "_norm1"})(b, y));
      y = Conv2D(4, 3, {.padding = "same", .use_bias = false, .name = block + "_conv2"})(b, y);
      y = BatchNorm({.name = block + "_norm2"})(b, y);
      x = Relu(block + "_relu2")(b, Add(block + "_add")(b, std::vector<Value>{x, y}));
    }
    return Dense(3, {.name = "classes"})(b, GlobalAvgPool2D("pool")(b, x));
  });
}

TEST(NetworkGradient, BranchesThatMeetAgain) {
  expect_gradients("branches", {2, 6, 6, 3}, [](Builder& b, Value x) {
    const Value wide = Conv2D(3, 3, {.padding = "same", .activation = "elu", .name = "wide"})(b, x);
    const Value narrow = Conv2D(2, 1, {.activation = "tanh", .name = "narrow"})(b, x);
    const Value joined = Concatenate(-1, "join")(b, std::vector<Value>{wide, narrow, x});
    return AvgPool2D(2, {.name = "pool"})(b, joined);
  });
}

TEST(NetworkGradient, AnInputUsedTwiceByOneLayer) {
  expect_gradients("square", {2, 5}, [](Builder& b, Value x) {
    return Multiply("square")(b, std::vector<Value>{x, x});
  });
}

TEST(NetworkGradient, ALayerCalledTwiceSharesItsParameters) {
  expect_gradients("shared", {2, 4}, [](Builder& b, Value x) {
    const Dense dense(4, {.activation = "tanh", .name = "shared"});
    return dense(b, dense(b, x));
  });
}

TEST(NetworkGradient, SeveralOutputs) {
  const GradientReport report = check_gradients(
      [](Builder& b, const std::vector<Value>& inputs) {
        const Value hidden = Dense(6, {.activation = "sigmoid", .name = "hidden"})(b, inputs[0]);
        return std::vector<Value>{Dense(3, {.activation = "softmax", .name = "classes"})(b, hidden),
                                  Dense(1, {.name = "value"})(b, hidden)};
      },
      {random_tensor({4, 5})}, {0});
  EXPECT_LE(report.worst_error, 1e-6) << report.worst_place;
}

/// x^2 with half of its gradient.
struct WrongSquare : OpBase<WrongSquare> {
  static constexpr std::string_view kName = "wrong_square";
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return {inputs[0]};
  }
  std::optional<std::vector<Value>> expand(Builder& b,
                                           std::span<const Value> inputs) const override {
    return std::vector<Value>{b.add(ops::Multiply{}, {inputs[0], inputs[0]})};
  }
  std::vector<Value> backward(const BackwardContext& context) const override {
    return {context.builder.add(ops::Multiply{}, {context.output_grads[0], context.inputs[0]})};
  }
};

/// The check itself: a wrong gradient may not pass.
TEST(NetworkGradient, AWrongGradientIsFound) {
  const GradientReport report = check_gradients(
      [](Builder& b, const std::vector<Value>& inputs) {
        return std::vector<Value>{b.add(WrongSquare{}, {inputs[0]})};
      },
      {random_tensor({2, 3})}, {0});
  EXPECT_NEAR(report.worst_error, 0.5, 1e-6);
}

}  // namespace
}  // namespace fovea::test
