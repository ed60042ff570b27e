// Layers and networks from Keras's configurations, and networks in Keras's words.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fovea/fovea.h"
#include "tests/support/expect_error.h"

namespace fovea {
namespace {

using test::expect_error;

/// One sample's shape after a layer.
Shape shape_after(const std::string& class_name, const std::string& config, const Shape& before) {
  return (*make_layer(class_name, Json::parse(config)))(input(before)).shape();
}

Tensor ramp(const Shape& shape) {
  Tensor tensor(shape, DType::f32);
  float value = -1;
  for (float& cell : tensor.span<float>()) cell = value = value > 1 ? -1 : value + 0.0137F;
  return tensor;
}

/// What both networks predict, which must be the same to the bit: parameters of the same paths and
/// initializers begin with the same numbers.
void expect_same_network(const Network& a, const Network& b) {
  ASSERT_EQ(a.inputs().size(), b.inputs().size());
  std::vector<Tensor> inputs;
  for (const InputSpec& spec : a.inputs()) inputs.push_back(ramp(spec.shape.prepend(2)));
  Model first(a);
  Model second(b);
  ASSERT_EQ(first.weight_paths().size(), second.weight_paths().size());
  for (const std::string& path : first.weight_paths()) {
    EXPECT_EQ(first.weight(path).shape(), second.weight(path).shape()) << path;
  }
  const std::vector<Tensor> expected = first.predict_all(inputs);
  const std::vector<Tensor> found = second.predict_all(inputs);
  ASSERT_EQ(expected.size(), found.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(expected[i].shape(), found[i].shape());
    for (std::int64_t j = 0; j < expected[i].numel(); ++j) {
      ASSERT_EQ(expected[i].item(j), found[i].item(j)) << "output " << i << ", number " << j;
    }
  }
}

struct LayerCase {
  std::string class_name;
  std::string config;
  Shape before;
  Shape after;
};

TEST(KerasLayer, HasTheShapeThatKerasGivesIt) {
  const std::vector<LayerCase> cases = {
      {"Conv2D", R"({"filters": 6, "kernel_size": 3})", {9, 8, 4}, {7, 6, 6}},
      {"Conv2D",
       R"({"filters": 6, "kernel_size": [3, 2], "strides": [2, 1], "padding": "same",
                     "groups": 2, "activation": "relu", "use_bias": false})",
       {9, 8, 4},
       {5, 8, 6}},
      {"Conv2D", R"({"filters": 2, "kernel_size": 3, "dilation_rate": 2})", {9, 8, 4}, {5, 4, 2}},
      {"DepthwiseConv2D", R"({"kernel_size": 3, "depth_multiplier": 2})", {9, 8, 4}, {7, 6, 8}},
      {"Dense", R"({"units": 5})", {3}, {5}},
      {"BatchNormalization", R"({"axis": [3], "scale": false})", {9, 8, 4}, {9, 8, 4}},
      {"MaxPooling2D", "{}", {9, 8, 4}, {4, 4, 4}},
      {"MinPooling2D", R"({"pool_size": 3, "strides": 1})", {9, 8, 4}, {7, 6, 4}},
      {"AveragePooling2D", R"({"pool_size": [2, 3], "padding": "same"})", {9, 8, 4}, {5, 3, 4}},
      {"GlobalAveragePooling2D", "{}", {9, 8, 4}, {4}},
      {"GlobalMaxPooling2D", "{}", {9, 8, 4}, {4}},
      {"GlobalMinPooling2D", "{}", {9, 8, 4}, {4}},
      {"Flatten", "{}", {9, 8, 4}, {288}},
      {"Reshape", R"({"target_shape": [-1, 4]})", {9, 8, 4}, {72, 4}},
      {"ZeroPadding2D", "{}", {9, 8, 4}, {11, 10, 4}},
      {"ZeroPadding2D", R"({"padding": [[1, 0], [0, 3]]})", {9, 8, 4}, {10, 11, 4}},
      {"ZeroPadding2D",
       R"({"padding": [[0, 0], [1, 2]], "data_format": "channels_first"})",
       {9, 8, 4},
       {9, 8, 7}},
      {"Activation", R"({"activation": "gelu"})", {3}, {3}},
      {"ReLU", R"({"negative_slope": 0.1})", {3}, {3}},
      {"LeakyReLU", R"({"negative_slope": 0.1})", {3}, {3}},
      {"ELU", "{}", {3}, {3}},
      {"Softmax", R"({"axis": -1})", {3}, {3}},
      {"Sigmoid", "{}", {3}, {3}},
      {"Tanh", "{}", {3}, {3}},
      {"Gelu", "{}", {3}, {3}},
      {"Silu", "{}", {3}, {3}},
      {"Identity", "{}", {3}, {3}},
      {"Dropout", R"({"rate": 0.5, "seed": 7})", {3}, {3}},
      {"Rescaling", R"({"scale": 0.5})", {3}, {3}},
      {"Normalization", R"({"mean": [1, 2, 3], "variance": [1, 2, 3]})", {3}, {3}},
      {"ActivityRegularization", R"({"l1": 0.1})", {3}, {3}},
      {"Maxout", R"({"units": 4, "pieces": 3})", {3}, {4}},
  };
  for (const LayerCase& c : cases) {
    EXPECT_EQ(shape_after(c.class_name, c.config, c.before), c.after)
        << c.class_name << " " << c.config;
  }
}

TEST(KerasLayer, TakesItsNameItsInitializersAndItsRegularizers) {
  const AnyLayer layer = make_layer("Dense", Json::parse(R"({
      "name": "top", "units": 2, "trainable": true, "dtype": "float32",
      "kernel_initializer": {"class_name": "Constant", "config": {"value": 0.25}},
      "bias_initializer": "ones",
      "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.5}}})"));
  EXPECT_EQ(layer->name(), "top");
  Model model(Network(Sequential{Input({3}), *layer}));
  EXPECT_EQ(model.weight("top.weight").item(0), 0.25);
  EXPECT_EQ(model.weight("top.bias").item(1), 1);
  model.compile({.optimizer = "sgd", .loss = "mse"});
  // 0.25 * 3 + 1 each, squared, and 0.5 times six squares of 0.25.
  const Logs logs = model.train_on_batch({Tensor::full({1, 3}, 1)}, {Tensor::zeros({1, 2})});
  EXPECT_NEAR(logs.front().second, 1.75 * 1.75 + 0.5 * 6 * 0.0625, 1e-6);
}

TEST(KerasLayer, ComputesWhatItsActivationSays) {
  const Network network(
      Sequential{Input({2}), *make_layer("Dense", Json::parse(R"({"units": 2, "use_bias": false,
          "kernel_initializer": "orthogonal", "activation": {"class_name": "LeakyReLU",
          "config": {"negative_slope": 0.5}}})"))});
  Model model(network);
  model.set_weight("dense.weight", Tensor::from({2, 2}, {1, 0, 0, 1}));
  const Tensor y = model.predict(Tensor::from({1, 2}, {4, -4}));
  EXPECT_EQ(y.item(0), 4);
  EXPECT_EQ(y.item(1), -2);
}

TEST(KerasLayer, SaysWhatIsUnknownMissingOrNotSupported) {
  const auto expect = [](ErrorCode code, const std::string& text, const std::string& class_name,
                         const std::string& config) {
    expect_error(code, text, [&] { make_layer(class_name, Json::parse(config)); });
  };
  expect(ErrorCode::invalid_argument, "known: Activation, ActivityRegularization, Add", "Lambda",
         "{}");
  expect(ErrorCode::invalid_argument, "'c' (Conv2D) has no 'kernel'; known: ", "Conv2D",
         R"({"name": "c", "filters": 3, "kernel_size": 3, "kernel": 3})");
  expect(ErrorCode::invalid_argument, "Conv2D needs 'filters'", "Conv2D", R"({"kernel_size": 3})");
  expect(ErrorCode::unsupported, "channels_last", "Conv2D",
         R"({"filters": 3, "kernel_size": 3, "data_format": "channels_first"})");
  expect(ErrorCode::unsupported, "kernel_constraint", "Dense",
         R"({"units": 3, "kernel_constraint": {"class_name": "MaxNorm", "config": {}}})");
  expect(ErrorCode::unsupported, "unknown activation 'mish'", "Activation",
         R"({"activation": "mish"})");
  expect(ErrorCode::unsupported, "renorm = true", "BatchNormalization", R"({"renorm": true})");
  expect(ErrorCode::unsupported, "max_value = 6", "ReLU", R"({"max_value": 6})");
  expect(ErrorCode::unsupported, "regularizers are L1", "Dense",
         R"({"units": 3, "kernel_regularizer": {"class_name": "OrthogonalRegularizer"}})");
  expect(ErrorCode::unsupported, "it must be float32", "Dense",
         R"({"units": 3, "dtype": "mixed_float16"})");
  expect(ErrorCode::unsupported, "set \"mean\" and \"variance\"", "Normalization", "{}");
  expect(ErrorCode::unsupported, "noise_shape", "Dropout",
         R"({"rate": 0.5, "noise_shape": [1, 3]})");
  expect(ErrorCode::invalid_argument, "out of range", "Dense", R"({"units": 1000000000000})");
  expect_error(ErrorCode::unsupported, "axis = 1 is not supported", [] {
    shape_after("BatchNormalization", R"({"axis": 1})", {4, 4, 3});
  });
  expect_error(ErrorCode::parse, "no JSON object", [] { make_layer("Dense", Json(3)); });
}

class KerasZoo : public testing::TestWithParam<std::string> {};

TEST_P(KerasZoo, ComesBackFromKerasWords) {
  const Network network = make_network(GetParam());
  const Network again = network_from_keras(network_to_keras(network));
  expect_same_network(network, again);
  expect_same_network(network, network_from_keras(network_to_keras(again)));
}

INSTANTIATE_TEST_SUITE_P(Networks, KerasZoo,
                         testing::Values("lenet5", "cifar10_cnn", "resnet20", "iris_small", "wine",
                                         "mnist_cnn", "mnist_cnn_raw", "two_layer_net"),
                         [](const auto& zoo) { return zoo.param; });

TEST(KerasNetwork, IsTheSameWhetherBuiltOrReadFromAList) {
  const Network network = resnet20();
  EXPECT_EQ(network_to_keras(network), network_to_keras(Network::from_json(network.to_json())));
}

TEST(KerasNetwork, KeepsBranchesSharedLayersAndSeveralInputsAndOutputs) {
  const Symbol a = input({4, 4, 2}, "a");
  const Symbol b = input({4, 4, 2}, "b");
  const Conv2D shared(2, 3, {.strides = 2, .padding = Padding::cells(1), .name = "shared"});
  const Symbol left = Relu("left")(shared(a));
  const Symbol right = LeakyRelu(0.1, "right")(shared(b));
  const Symbol sum = Add("sum")({left, right, left});
  const Symbol product = Multiply("product")({sum, right});
  const Symbol joined = Concatenate(3, "joined")({product, sum});
  const Symbol pooled = MaxPool2D(2, {.strides = 1, .name = "pooled"})(joined);
  const Symbol largest = GlobalMaxPool2D("largest")(pooled);
  const Symbol stacked = Flatten("flat")(Stack(1, "stack")({left, right}));
  const Symbol out = Dense(3, {.activation = "softmax", .name = "out"})(largest);
  const Symbol other = Maxout(2, 3, {.name = "other"})(stacked);
  const Network network({a, b}, {out, {"second", other}}, "branches");
  const Json description = network_to_keras(network);
  const Network again = network_from_keras(description);
  EXPECT_EQ(again.name(), "branches");
  EXPECT_EQ(again.inputs()[1].name, "b");
  expect_same_network(network, again);
  expect_error(ErrorCode::unsupported, "'low' (min_pool2d): Keras has no such layer", [] {
    network_to_keras(Network(Sequential{Input({4, 4, 1}), MinPool2D(2, {.name = "low"})}));
  });
}

TEST(KerasNetwork, KeepsPenaltiesOfWeightsAndOfOutputs) {
  const Network network(Sequential{Input({3}),
                                   Dense(4, {.activation = "relu",
                                             .kernel_regularizer = {.l1 = 0.1, .l2 = 0.2},
                                             .activity_regularizer = {.l2 = 0.3}}),
                                   ActivityRegularization({.l1 = 0.4}), Dense(2)});
  const auto loss_of = [](const Network& net) {
    Model model(net);
    model.compile({.optimizer = "sgd", .loss = "mse"});
    return model.train_on_batch({ramp({2, 3})}, {Tensor::zeros({2, 2})}).front().second;
  };
  EXPECT_EQ(loss_of(network), loss_of(network_from_keras(network_to_keras(network))));
}

TEST(KerasNetwork, IsReadAsKeras2WritesIt) {
  const Network chain = network_from_keras(Json::parse(R"({"class_name": "Sequential", "config": [
      {"class_name": "Dense", "config": {"name": "d", "batch_input_shape": [null, 3], "units": 2}},
      {"class_name": "Activation", "config": {"name": "t", "activation": "tanh"}}]})"));
  EXPECT_EQ(chain.outputs()[0].shape, Shape({2}));
  const Network graph = network_from_keras(Json::parse(R"({"class_name": "Model", "config": {
      "name": "m", "layers": [
      {"class_name": "Add", "name": "sum", "config": {"name": "sum"},
       "inbound_nodes": [[["d", 0, 0, {}], ["d", 1, 0, {}]]]},
      {"class_name": "InputLayer", "name": "in", "config": {"name": "in",
       "batch_input_shape": [null, 3], "dtype": "float32", "sparse": false, "ragged": false},
       "inbound_nodes": []},
      {"class_name": "Dense", "name": "d", "config": {"name": "d", "units": 3},
       "inbound_nodes": [[["in", 0, 0, {}]], [["d", 0, 0, {"training": null}]]]}],
      "input_layers": [["in", 0, 0]], "output_layers": [["sum", 0, 0]]}})"));
  EXPECT_EQ(graph.parameter_count(), 12);
  EXPECT_EQ(graph.outputs()[0].name, "sum");
}

TEST(KerasNetwork, SaysWhatIsWrongWithADescription) {
  const auto expect = [](ErrorCode code, const std::string& text, const std::string& json) {
    expect_error(code, text, [&] { network_from_keras(Json::parse(json)); });
  };
  expect(ErrorCode::parse, "no model's description", "[]");
  expect(ErrorCode::unsupported, "'MyModel'", R"({"class_name": "MyModel", "config": {}})");
  expect(ErrorCode::unsupported, "begin it with an InputLayer",
         R"({"class_name": "Sequential", "config": {"name": "s", "layers": [
             {"class_name": "Flatten", "config": {"name": "f"}}]}})");
  expect(ErrorCode::parse, "has no layers",
         R"({"class_name": "Sequential", "config": {"name": "s", "layers": []}})");
  expect(ErrorCode::parse, "two layers are named 'a'",
         R"({"class_name": "Sequential", "config": {"name": "s", "layers": [
             {"class_name": "Flatten", "config": {"name": "a"}},
             {"class_name": "Flatten", "config": {"name": "a"}}]}})");
  expect(ErrorCode::parse, "the output 'b' cannot be computed from the inputs",
         R"({"class_name": "Functional", "config": {"name": "m", "layers": [
             {"class_name": "InputLayer", "name": "in", "config": {"batch_shape": [null, 3]},
              "inbound_nodes": []},
             {"class_name": "ReLU", "name": "a", "config": {},
              "inbound_nodes": [[["b", 0, 0, {}]]]},
             {"class_name": "ReLU", "name": "b", "config": {},
              "inbound_nodes": [[["a", 0, 0, {}]]]}],
             "input_layers": [["in", 0, 0]], "output_layers": [["b", 0, 0]]}})");
  expect(ErrorCode::unsupported, "'a' is called with training = true",
         R"({"class_name": "Functional", "config": {"name": "m", "layers": [
             {"class_name": "InputLayer", "name": "in", "config": {"batch_shape": [null, 3]},
              "inbound_nodes": []},
             {"class_name": "Dropout", "name": "a", "config": {"rate": 0.5},
              "inbound_nodes": [[["in", 0, 0, {"training": true}]]]}],
             "input_layers": [["in", 0, 0]], "output_layers": [["a", 0, 0]]}})");
}

}  // namespace
}  // namespace fovea
