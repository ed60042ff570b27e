// Layers, and fifty steps of whole networks, against Keras's: tests/golden/generate_networks.py.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

#include "fovea/layers.h"
#include "fovea/model.h"
#include "tests/golden/golden.h"
#include "tests/golden/hashed.h"

namespace fovea::test {
namespace {

// ---- Weights ----

/// Where an element of one of our weights stands in Keras's: kernels of convolutions are
/// (out, kh, kw, in) here and (kh, kw, in, out) there.
std::int64_t keras_index(const Shape& shape, std::int64_t index) {
  if (shape.rank() != 4) return index;
  const std::int64_t rest = shape.numel() / shape[0];
  return index % rest * shape[0] + index / rest;
}

std::string keras_path(const std::string& path) {
  static const std::map<std::string, std::string> names = {
      {"weight", "kernel"}, {"running_mean", "moving_mean"}, {"running_var", "moving_variance"}};
  const std::size_t dot = path.rfind('.') + 1;
  const auto found = names.find(path.substr(dot));
  return found == names.end() ? path : path.substr(0, dot) + found->second;
}

/// As set_weights in generate_networks.py.
void set_weights(Model& model) {
  for (const std::string& path : model.weight_paths()) {
    const Shape shape = model.weight(path).shape();
    const std::string keras = keras_path(path), name = keras.substr(keras.rfind('.') + 1);
    double low = -0.5, high = 0.5;
    if (name == "bias") continue;
    if (name == "gamma" || name == "moving_variance") low = 0.5, high = 1.5;
    if (name == "kernel") {
      const bool picture = shape.rank() == 4;
      const auto in = static_cast<double>(picture ? shape[3] : shape[0]);
      const auto out = static_cast<double>(picture ? shape[0] : shape[1]);
      const auto field = static_cast<double>(picture ? shape[1] * shape[2] : 1);
      high = std::sqrt(6 / (field * (in + out)));
      low = -high;
    }
    Tensor weight(shape, DType::f32);
    for (std::int64_t i = 0; i < shape.numel(); ++i) {
      weight.data<float>()[i] = hashed_uniform(keras, keras_index(shape, i), low, high);
    }
    model.set_weight(path, weight.to(model.weight(path).dtype()));
  }
}

// ---- Layers ----

using Build = std::function<Symbol(const Symbol&)>;

Build layer(const AnyLayer& any) {
  return [any](const Symbol& x) { return (*any)(x); };
}

/// Two convolutions of one input, merged.
Build merged(const AnyLayer& merge) {
  return [merge](const Symbol& x) {
    const Symbol a = Conv2D(3, 1, {.name = "a"})(x), b = Conv2D(3, 1, {.name = "b"})(x);
    return (*merge)({a, b});
  };
}

struct LayerCase {
  Shape sample;
  Build build;
};

/// By the names of generate_networks.py.
std::map<std::string, LayerCase> layer_cases() {
  const Shape picture{7, 6, 4}, row{9};
  const auto conv = [](std::int64_t filters, Size2 kernel, Conv2DOptions options) {
    options.name = "layer";
    return layer(Conv2D(filters, kernel, options));
  };
  std::map<std::string, LayerCase> cases = {
      {"conv2d", {picture, conv(5, 3, {})}},
      {"conv2d_same", {picture, conv(5, 3, {.padding = "same", .activation = "relu"})}},
      {"conv2d_strides", {picture, conv(5, 3, {.strides = 2, .padding = "same"})}},
      {"conv2d_strides_even", {picture, conv(5, 2, {.strides = 2, .padding = "same"})}},
      {"conv2d_oblong", {picture, conv(5, {3, 2}, {.strides = {1, 2}})}},
      {"conv2d_dilation", {picture, conv(5, 3, {.padding = "same", .dilation = 2})}},
      {"conv2d_groups", {picture, conv(6, 3, {.groups = 2})}},
      {"dense", {row, layer(Dense(5, {.name = "layer"}))}},
      {"dense_softmax", {row, layer(Dense(5, {.activation = "softmax", .name = "layer"}))}},
      {"maxout", {row, layer(Maxout(4, 3, {.name = "layer"}))}},
      {"batch_norm", {picture, layer(BatchNorm({.name = "layer"}))}},
      {"max_pool", {picture, layer(MaxPool2D(2))}},
      {"max_pool_same", {picture, layer(MaxPool2D(3, {.strides = 2, .padding = "same"}))}},
      {"avg_pool", {picture, layer(AvgPool2D(2))}},
      {"avg_pool_same", {picture, layer(AvgPool2D(3, {.strides = 2, .padding = "same"}))}},
      {"global_avg_pool", {picture, layer(GlobalAvgPool2D())}},
      {"global_max_pool", {picture, layer(GlobalMaxPool2D())}},
      {"flatten", {picture, layer(Flatten())}},
      {"reshape", {picture, layer(Reshape({6, 28}))}},
      {"zero_padding", {picture, layer(ZeroPadding2D(Padding::cells(1, 0, 2, 1)))}},
      {"concatenate", {picture, merged(Concatenate())}},
      {"concatenate_rows", {picture, merged(Concatenate(1))}},
      {"add", {picture, merged(Add())}},
      {"multiply", {picture, merged(Multiply())}},
      {"leaky_relu", {row, layer(LeakyRelu())}},
      {"leaky_relu_0.1", {row, layer(LeakyRelu(0.1))}},
      {"rescaling", {row, layer(Rescaling(0.5, 0.25))}},
      {"normalization", {row, layer(Normalization({0.5}, {4}))}},
      {"dropout", {row, layer(Dropout(0.5))}},
  };
  for (const char* name : {"relu", "elu", "selu", "softplus", "sigmoid", "tanh", "gelu", "silu",
                           "hard_silu", "softmax", "linear"}) {
    cases[name] = {row, layer(ActivationLayer(name))};
  }
  return cases;
}

/// To 1e-5 of the largest number.
void expect_near(const Tensor& actual, const Json& expected, bool is_weight,
                 const std::string& of) {
  const Shape& shape = actual.shape();
  ASSERT_EQ(static_cast<std::size_t>(shape.numel()), expected.size()) << of;
  double largest = 1e-2;
  for (const Json& value : expected.as_array()) {
    largest = std::max(largest, std::abs(value.as_double()));
  }
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    const std::int64_t place = is_weight ? keras_index(shape, i) : i;
    ASSERT_NEAR(actual.item(i), expected[static_cast<std::size_t>(place)].as_double(),
                1e-5 * largest)
        << of << ", number " << i;
  }
}

TEST(Golden, LayersAreKeras) {
  const Json file = golden("layers");
  const std::map<std::string, LayerCase> cases = layer_cases();
  EXPECT_EQ(file.as_object().size(), cases.size() + 1) << "the cases and the versions";
  for (const auto& [name, layer_case] : cases) {
    const Json& expected = file.at(name);
    const Symbol input = fovea::input(layer_case.sample);
    const Symbol output = layer_case.build(input);
    Model model(Network({input}, {output}), {.device = "cpu"});
    set_weights(model);
    model.compile({.optimizer = "sgd", .loss = "mse"});
    const Tensor x = hashed_tensor(name + ":x", layer_case.sample.prepend(2), -2, 2);
    const Tensor y = hashed_tensor(name + ":y", output.shape().prepend(2), -1, 1);
    expect_near(model.predict(x), expected.at("output"), false, name);
    const Model::Gradients gradients = model.gradients({x}, {y});
    expect_near(gradients.inputs.at(0), expected.at("input_gradient"), false, name + "'s input");
    const Json& weights = expected.at("weight_gradients");
    EXPECT_EQ(gradients.parameters.size(), weights.as_object().size()) << name;
    for (const auto& [path, gradient] : gradients.parameters) {
      expect_near(gradient, weights.at(keras_path(path)), true, name + ", " + path);
    }
  }
}

// ---- Fifty steps ----

DenseOptions dense(const char* name, const char* activation = "relu") {
  return {.activation = activation, .name = name};
}

struct Training {
  Sequential network;
  AnyOptimizer optimizer;
  std::string loss;
  std::int64_t classes;
  std::int64_t batch;
};

constexpr double kRate = 0x1p-10;

std::map<std::string, Training> trainings() {
  const auto conv = [](const char* name, const char* activation, const char* padding = "valid") {
    return Conv2DOptions{.padding = padding, .activation = activation, .name = name};
  };
  const auto bare = [](const char* name, Size2 strides) {
    return Conv2DOptions{.strides = strides, .padding = "same", .use_bias = false, .name = name};
  };
  const std::string sparse = "sparse_categorical_crossentropy";
  return {
      {"iris",
       {{Input({4}), Dense(12, dense("d1")), Dense(8, dense("d2")),
         Dense(3, dense("d3", "softmax"))},
        Adam(kRate, 0.875, 1 - kRate),
        "categorical_crossentropy",
        3,
        5}},
      {"boston",
       {{Input({13}), Dense(128, dense("d1")), Dense(64, dense("d2")), Dense(32, dense("d3")),
         Dense(16, dense("d4")), Dense(1, dense("d5", "linear"))},
        RmsProp(kRate / 8, 0.875),
        "mean_squared_error",
        1,
        32}},
      {"binary",
       {{Input({20}), Dense(16, dense("d1")), Dense(8, dense("d2")),
         Dense(1, dense("d3", "sigmoid"))},
        Adam(kRate, 0.875, 1 - kRate),
        "binary_crossentropy",
        2,
        32}},
      {"mlp",
       {{Input({28, 28}), Flatten(), Dense(512, dense("d1")), Dense(10, dense("d2", "softmax"))},
        Adam(kRate, 0.875, 1 - kRate),
        sparse,
        10,
        32}},
      {"cifar10_cnn",
       {{Input({32, 32, 3}), Conv2D(32, 3, conv("c1", "relu")), MaxPool2D(),
         Conv2D(64, 3, conv("c2", "relu")), MaxPool2D(), Conv2D(64, 3, conv("c3", "relu")),
         Flatten(), Dense(64, dense("d1")), Dense(10, dense("d2", "softmax"))},
        Adam(kRate / 8, 0.875, 1 - kRate),
        sparse,
        10,
        8}},
      {"lenet",
       {{Input({28, 28, 1}), Conv2D(6, 5, conv("c1", "tanh", "same")), AvgPool2D(),
         Conv2D(16, 5, conv("c2", "tanh")), AvgPool2D(), Flatten(), Dense(120, dense("d1", "tanh")),
         Dense(84, dense("d2", "tanh")), Dense(10, dense("d3", "softmax"))},
        Sgd(16 * kRate, 0.9),
        sparse,
        10,
        16}},
      {"batch_norm_cnn",
       {{Input({16, 16, 3}), Conv2D(16, 3, bare("c1", 1)), BatchNorm({.name = "n1"}), Relu(),
         Conv2D(32, 3, bare("c2", 2)), BatchNorm({.name = "n2"}), Relu(), GlobalAvgPool2D(),
         Dense(10, dense("d1", "softmax"))},
        Sgd(16 * kRate, 0.9, true),
        sparse,
        10,
        32}},
  };
}

/// As batch_of in generate_networks.py: half the pattern of a class, half noise.
Dataset batch_of(const std::string& name, const Training& training, const Shape& sample,
                 std::int64_t step) {
  const std::int64_t classes = std::max<std::int64_t>(training.classes, 2);
  const std::int64_t numbers = sample.numel(), count = training.batch;
  const bool labels = training.loss == "sparse_categorical_crossentropy";
  const bool one_hot = training.loss == "categorical_crossentropy";
  Dataset data;
  data.x = Tensor(sample.prepend(count), DType::f32);
  data.y = labels    ? Tensor({count}, DType::i32)
           : one_hot ? Tensor::zeros({count, classes}, DType::f32)
                     : Tensor({count, 1}, DType::f32);
  const std::string noise = name + ":noise" + std::to_string(step);
  for (std::int64_t n = 0; n < count; ++n) {
    const std::int64_t label = hashed_word(name + ":labels" + std::to_string(step), n) % classes;
    if (labels) data.y.data<std::int32_t>()[n] = static_cast<std::int32_t>(label);
    if (one_hot) data.y.data<float>()[n * classes + label] = 1;
    if (!labels && !one_hot) data.y.data<float>()[n] = static_cast<float>(label);
    const std::string pattern = name + ":pattern" + std::to_string(label);
    for (std::int64_t i = 0; i < numbers; ++i) {
      data.x.data<float>()[n * numbers + i] =
          0.5F * hashed_uniform(pattern, i) + 0.5F * hashed_uniform(noise, n * numbers + i);
    }
  }
  return data;
}

/// Of a training's losses from Keras's, which are computed in f64, relative.
double worst_difference(const std::string& name, const Training& training,
                        const std::string& precision, const Json& expected) {
  const Network network = training.network;
  Model model(network, {.device = "cpu", .precision = precision});
  set_weights(model);
  model.compile({.optimizer = training.optimizer, .loss = training.loss});
  double worst = 0;
  for (std::size_t step = 0; step < expected.size(); ++step) {
    const Dataset batch =
        batch_of(name, training, network.inputs().front().shape, static_cast<std::int64_t>(step));
    const double loss = model.train_on_batch({batch.x}, {batch.y}).at("loss");
    worst = std::max(worst, std::abs(loss / expected[step].as_double() - 1));
  }
  return worst;
}

TEST(Golden, FiftyStepsOfNetworksAreKeras) {
  const Json file = golden("trainings");
  const std::map<std::string, Training> cases = trainings();
  EXPECT_EQ(file.as_object().size(), cases.size() + 1) << "the cases and the versions";
  for (const auto& [name, training] : cases) {
    const Json& expected = file.at(name);
    ASSERT_EQ(expected.size(), 50U);
    const double exact = worst_difference(name, training, "f64", expected);
    const double rounded = worst_difference(name, training, "f32", expected);
    std::printf("%-16s worst relative difference of 50 losses: f64 %.1e, f32 %.1e\n", name.c_str(),
                exact, rounded);
    EXPECT_LE(exact, 1e-6) << name;
    EXPECT_LE(rounded, 1e-3) << name;
  }
}

}  // namespace
}  // namespace fovea::test
