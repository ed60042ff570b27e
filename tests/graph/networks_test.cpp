// Networks: names, sharing, branches, layers of programs' own, errors, numbers, and networks as
// lists of ops.
#include "fovea/network.h"

#include <gtest/gtest.h>

#include "fovea/layers.h"
#include "fovea/model.h"
#include "fovea/ops/basic.h"
#include "tests/support/networks.h"

namespace fovea {
namespace {

using test::chain_of;
using test::error_of;
using test::expect_round_trip;
using test::GraphOf;

std::vector<std::string> layer_names(const Network& network) {
  std::vector<std::string> names;
  for (const LayerRecord& layer : network.layers()) names.push_back(layer.name);
  return names;
}

// ---- Names, sharing, branches ----

TEST(Networks, NumberLayersAsKerasDoes) {
  const Network network = Sequential{
      Input({16, 16, 3}), Conv2D(4, 3), MaxPool2D(2), Conv2D(4, 3, {.name = "conv2d_1"}),
      Conv2D(4, 3),       LeakyRelu(),  Relu(),       BatchNorm(),
      BatchNorm(),        AvgPool2D(2), Flatten(),    Dense(2),
  };
  const std::vector<std::string> expected = {"input_layer",
                                             "conv2d",
                                             "max_pooling2d",
                                             "conv2d_1",
                                             "conv2d_2",
                                             "leaky_re_lu",
                                             "re_lu",
                                             "batch_normalization",
                                             "batch_normalization_1",
                                             "average_pooling2d",
                                             "flatten",
                                             "dense"};
  EXPECT_EQ(layer_names(network), expected);
}

TEST(Networks, ALayerCalledTwiceSharesItsParameters) {
  const Symbol a = input({8}, "a");
  const Symbol b = input({8}, "b");
  const Dense shared(4, {.name = "shared"});
  const Symbol y = Concatenate()({shared(a), shared(b)});
  const Network network({a, b}, {y});
  EXPECT_EQ(network.parameter_count(), 8 * 4 + 4);
  EXPECT_EQ(layer_names(network), (std::vector<std::string>{"a", "b", "shared", "concatenate"}));
  EXPECT_EQ(network.layers()[2].connected_to, (std::vector<std::string>{"a", "b"}));
  const GraphOf built(network, 3);
  EXPECT_EQ(built.count("parameter"), 2);
  EXPECT_EQ(built.count("matmul"), 2);
  expect_round_trip(network);

  const std::vector<Dense> copies(2, shared);
  EXPECT_EQ(Network({a}, {Add()({shared(a), copies[1](a)})}).parameter_count(), 36);
  EXPECT_EQ(Network({a}, {Add()({Dense(4)(a), Dense(4)(a)})}).parameter_count(), 72);
}

TEST(Networks, ASharedLayerNeedsInputsOfOneWidth) {
  const Symbol a = input({8}, "a");
  const Symbol b = input({9}, "b");
  const Dense shared(4, {.name = "shared"});
  const Symbol y = Concatenate()({shared(a), shared(b)});
  EXPECT_NE(error_of([&] { Network({a, b}, {y}); }).find("'shared.weight'"), std::string::npos);
}

TEST(Networks, BranchesWithNamedInputsAndOutputs) {
  const Symbol picture = input({8, 8, 1}, "picture");
  const Symbol numbers = input({5}, "numbers");
  const Symbol features = Flatten()(Conv2D(2, 3, {.activation = "relu"})(picture));
  const Symbol joined = Concatenate()({features, Dense(3)(numbers)});
  const Network network({picture, numbers},
                        {{"digit", Dense(10, {.activation = "softmax"})(joined)},
                         {"parity", Dense(1, {.activation = "sigmoid"})(joined)},
                         joined});
  ASSERT_EQ(network.inputs().size(), 2u);
  EXPECT_EQ(network.inputs()[1].name, "numbers");
  ASSERT_EQ(network.outputs().size(), 3u);
  EXPECT_EQ(network.outputs()[0].name, "digit");
  EXPECT_EQ(network.outputs()[1].shape, (Shape{1}));
  EXPECT_EQ(network.outputs()[2].name, "concatenate");
  EXPECT_EQ(network.outputs()[2].shape, (Shape{75}));
  expect_round_trip(network);

  const GraphOf built(network, 6);
  EXPECT_EQ(built.graph.type(built.outputs.at(0).second).shape, (Shape{6, 10}));
  EXPECT_EQ(built.outputs.at(1).first, "parity");
}

TEST(Networks, ResidualBlocksKeepTheUsersOrder) {
  const Symbol x = input({8, 8, 4});
  Symbol y = Conv2D(4, 3, {.padding = "same", .activation = "relu"})(x);
  y = Conv2D(4, 3, {.padding = "same"})(y);
  y = Relu()(Add()({y, x}));
  const Network network({x}, {y});
  EXPECT_EQ(layer_names(network),
            (std::vector<std::string>{"input_layer", "conv2d", "conv2d_1", "add", "re_lu"}));
  EXPECT_EQ(network.layers()[3].connected_to,
            (std::vector<std::string>{"conv2d_1", "input_layer"}));
  expect_round_trip(network);
}

TEST(Networks, SayWhichCallTheyRead) {
  const Symbol x = input({4}), y = input({4});
  const Dense shared(4);
  const Symbol first = shared(x), second = shared(y);
  const Network network({x, y}, {Add()({second, first, x})});
  const Network copy = Network::from_json(network.to_json());
  for (const Network& each : {network, copy}) {
    EXPECT_EQ(each.layers()[2].connected_calls, (std::vector<int>{0, 0}));
    EXPECT_EQ(each.layers()[3].connected_to,
              (std::vector<std::string>{"dense", "dense", "input_layer"}));
    EXPECT_EQ(each.layers()[3].connected_calls, (std::vector<int>{1, 0, 0}));
  }
}

// ---- Layers and networks of programs' own ----

/// As a user would write it: a block of named layers.
class Bottleneck : public LayerBase<Bottleneck> {
 public:
  static constexpr std::string_view kKind = "Bottleneck";
  Bottleneck(std::int64_t width, std::string name) : LayerBase(std::move(name)), width_(width) {}
  Value build(Builder& b, Value x) const override {
    const Value narrow = Conv2D(width_, 1, {.activation = "relu", .name = "narrow"})(b, x);
    const Value wide = Conv2D(b.shape(x).c(), 1, {.name = "wide"})(b, narrow);
    return b.add(ops::Add{}, {x, wide});
  }

 private:
  std::int64_t width_;
};

TEST(Networks, LayersOutsideTheLibraryMayBeMadeOfLayers) {
  const Network network = Sequential{Input({4, 4, 6}), Bottleneck(2, "block"), Bottleneck(3, "")};
  EXPECT_EQ(layer_names(network), (std::vector<std::string>{"input_layer", "block", "bottleneck"}));
  const LayerRecord& block = network.layers()[1];
  EXPECT_EQ(block.kind, "Bottleneck");
  EXPECT_EQ(block.parameter_count(), 6 * 2 + 2 + 2 * 6 + 6);
  EXPECT_EQ(block.parameters[0].path, "block.narrow.weight");
  EXPECT_EQ(network.layers()[2].parameters.back().path, "bottleneck.wide.bias");
  expect_round_trip(network);
}

struct NamelessInside : LayerBase<NamelessInside> {
  static constexpr std::string_view kKind = "NamelessInside";
  Value build(Builder& b, Value x) const override { return Dense(3)(b, x); }
};

TEST(Networks, ALayerInsideALayerNeedsAName) {
  EXPECT_EQ(error_of([] { chain_of({4}, NamelessInside()); }),
            "a Dense inside 'nameless_inside' needs a name, which becomes part of its parameters' "
            "paths");
}

TEST(Networks, FunctionsOverABuilder) {
  const Network network({.name = "x", .shape = {6}}, [](Builder& b, Value x) {
    const Value y = Dense(4, {.activation = "relu", .name = "hidden"})(b, x);
    return Dense(2, {.name = "head"})(b, Dropout(0.5, "drop")(b, y));
  });
  EXPECT_EQ(network.parameter_count(), 6 * 4 + 4 + 4 * 2 + 2);
  EXPECT_EQ(network.outputs().front().name, "output");
  EXPECT_EQ(network.outputs().front().shape, (Shape{2}));
  EXPECT_EQ(network.parameters().front().path, "hidden.weight");
  expect_round_trip(network);
}

TEST(Networks, FunctionsWithSeveralInputsAndOutputs) {
  const Network network({{.name = "a", .shape = {6}}, {.name = "b", .shape = {6}}},
                        {"sum", "product"},
                        [](Builder& b, std::span<const Value> inputs) -> std::vector<Value> {
                          return {b.add(ops::Add{}, {inputs[0], inputs[1]}),
                                  b.add(ops::Multiply{}, {inputs[0], inputs[1]})};
                        });
  EXPECT_EQ(network.outputs()[1].name, "product");
  expect_round_trip(network);
}

// ---- Bad input ----

TEST(NetworkErrors, MistakesInWritingOneDown) {
  const Symbol a = input({4}, "a");
  const Symbol b = input({4}, "b");
  EXPECT_EQ(error_of([&] {
              Network({a, b}, {Dense(2)(a)});
            }),
            "no output depends on input 'b'; leave it out of the list");
  EXPECT_EQ(error_of([&] {
              Network({a}, {Add()({a, b})});
            }),
            "'add' depends on the input 'b', which is not among the network's inputs; list it");
  EXPECT_EQ(error_of([&] {
              Network({a}, {Dense(2)(a), b});
            }),
            "an output depends on the input 'b', which is not among the network's inputs; list it");
  EXPECT_EQ(error_of([&] { Network({a, a}, {Dense(2)(a)}); }), "an input is listed twice");
  EXPECT_EQ(error_of([&] { Network({Dense(2)(a)}, {Dense(2)(a)}); }),
            "a network's inputs come from input(...), not from a layer (Dense)");
  EXPECT_EQ(error_of([&] {
              Network({a}, {Add()({Dense(2, {.name = "x"})(a), Dense(2, {.name = "x"})(a)})});
            }),
            "two layers are named 'x'; give each a name of its own, or call one layer twice to "
            "share its weights");
  EXPECT_EQ(error_of([&] {
              Network({a}, {{"y", Dense(2)(a)}, {"y", Dense(3)(a)}});
            }),
            "two outputs are named 'y'; give each a name of its own");
  EXPECT_EQ(error_of([] { Network{Sequential{Dense(3)}}; }),
            "a Sequential starts with an Input that gives one sample's shape, as in "
            "Input({32, 32, 3}), not with Dense");
  EXPECT_EQ(error_of([] { Network{Sequential{}}; }),
            "a Sequential starts with an Input that gives one sample's shape, as in "
            "Input({32, 32, 3}), not with nothing");
  EXPECT_EQ(error_of([] {
              Network{Sequential{Input({3}), Input({3})}};
            }),
            "a Sequential has one Input, at its start");
}

/// Builds the network for one input of this shape and returns the error.
std::string build_error(const Network& network, const Shape& shape) {
  return error_of([&] {
    Graph graph;
    Builder b(graph);
    network.build(b, {{"input_layer", b.input("x", {shape, DType::f32})}});
  });
}

TEST(NetworkErrors, DataOfAnotherShape) {
  const Network network = Sequential{Input({28, 28, 1}), Flatten(), Dense(10)};
  EXPECT_EQ(build_error(network, {28, 28, 1}),
            "input 'input_layer' takes (None, 28, 28, 1), not (28, 28, 1): add a batch axis, "
            "giving (1, 28, 28, 1), and scale the values as in training");
  EXPECT_EQ(build_error(network, {5, 32, 32, 3}),
            "input 'input_layer' takes (None, 28, 28, 1), not (5, 32, 32, 3): resize the data, or "
            "build the network for this shape");
  EXPECT_EQ(build_error(network, {5, 784}),
            "input 'input_layer' takes (None, 28, 28, 1), not (5, 784): reshape the data, whose "
            "samples have as many numbers");
}

TEST(Networks, ALastAxisOfOneMayBeMissingOrAdded) {
  const auto output_for = [](const Shape& spec, const Shape& data) {
    const Network network(Sequential{Flatten(), Dense(10)}, Input(spec));
    Graph graph;
    Builder b(graph);
    const auto outputs = network.build(b, {{"input_layer", b.input("x", {data, DType::f32})}});
    return graph.type(outputs.front().second).shape;
  };
  EXPECT_EQ(output_for({28, 28}, {7, 28, 28}), (Shape{7, 10}));
  EXPECT_EQ(output_for({28, 28}, {7, 28, 28, 1}), (Shape{7, 10}));
  EXPECT_EQ(output_for({28, 28, 1}, {7, 28, 28}), (Shape{7, 10}));
}

TEST(NetworkErrors, InputsByName) {
  const Symbol a = input({4}, "a");
  const Symbol b = input({4}, "b");
  const Network network({a, b}, {Add()({a, b})}, "adder");
  Graph graph;
  Builder builder(graph);
  const Value two = builder.input("two", {{2, 4}, DType::f32});
  const Value three = builder.input("three", {{3, 4}, DType::f32});
  EXPECT_EQ(error_of([&] {
              network.build(builder, {{"a", two}});
            }),
            "network 'adder' takes 'a', 'b', not 'a'");
  EXPECT_EQ(error_of([&] {
              network.build(builder, {{"a", two}, {"c", two}});
            }),
            "network 'adder' takes 'a', 'b', not 'a', 'c'");
  EXPECT_EQ(error_of([&] {
              network.build(builder, {{"a", two}, {"b", three}});
            }),
            "all inputs need the same batch size; 'b' is (3, 4), 'a' is (2, 4)");
}

// ---- Numbers ----

Tensor predict(const Network& network, const std::vector<Tensor>& inputs,
               const std::map<std::string, Tensor>& weights = {}) {
  Model model(network, {.device = "cpu"});
  for (const auto& weight : weights) model.set_weight(weight.first, weight.second);
  return model.predict_all(inputs).front();
}

void expect_values(const Tensor& tensor, const std::vector<float>& expected) {
  ASSERT_EQ(tensor.numel(), std::ssize(expected));
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    EXPECT_FLOAT_EQ(static_cast<float>(tensor.item(i)), expected[static_cast<std::size_t>(i)]) << i;
  }
}

TEST(NetworkNumbers, PreprocessingOfBytes) {
  const Network network(Sequential{Normalization({10, 20}, {4, 16}), Rescaling(2, 1), Flatten()},
                        Input({1, 2, 2}));
  const Tensor bytes =
      Tensor::from<std::uint8_t>({1, 1, 2, 2}, std::vector<std::uint8_t>{10, 20, 14, 28});
  expect_values(predict(network, {bytes}), {1, 1, 5, 5});
}

TEST(NetworkNumbers, MergesPadsAndPools) {
  const Symbol x = input({2, 2, 1});
  const Symbol padded = ZeroPadding2D(Padding::cells(0, 1, 1, 0))(x);
  const Symbol square = Multiply()({padded, padded});
  const Symbol y = Concatenate()(
      {Flatten()(Add()({padded, square})), GlobalMaxPool2D()(square), GlobalAvgPool2D()(padded)});
  expect_values(predict(Network({x}, {y}), {Tensor::from({1, 2, 2, 1}, {1, 2, 3, 6})}),
                {0, 2, 6, 0, 12, 42, 0, 0, 0, 36, 12.0F / 9});
}

TEST(NetworkNumbers, ASharedLayerUsesOneSetOfWeights) {
  const Symbol a = input({2}, "a");
  const Symbol b = input({2}, "b");
  const Dense shared(1, {.name = "shared"});
  const Network network({a, b}, {Concatenate()({shared(a), shared(b)})});
  const Tensor y = predict(network, {Tensor::from({1, 2}, {1, 2}), Tensor::from({1, 2}, {3, 4})},
                           {{"shared.weight", Tensor::from({2, 1}, {10, 1})},
                            {"shared.bias", Tensor::from({1}, {0.5F})}});
  expect_values(y, {12.5F, 34.5F});
}

TEST(NetworkNumbers, ANetworkFromJsonStartsWithTheSameWeights) {
  const Network network = Sequential{Input({6, 6, 2}), Conv2D(3, 3, {.activation = "relu"}),
                                     BatchNorm(), Flatten(), Dense(4, {.activation = "softmax"})};
  Tensor x({2, 6, 6, 2}, DType::f32);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    x.data<float>()[i] = static_cast<float>(i % 7) / 3;
  }
  const Tensor expected = predict(network, {x});
  const Tensor y = predict(Network::from_json(network.to_json()), {x});
  expect_values(y, {expected.span<float>().begin(), expected.span<float>().end()});
  EXPECT_NE(expected.item(0), expected.item(1));
}

// ---- Lists of ops ----

TEST(NetworkJson, EveryLayerKindComesBack) {
  expect_round_trip(Network(
      Sequential{Rescaling(1.0 / 255, -0.5),
                 Normalization({1, 2, 3}, {4, 5, 6}),
                 Conv2D(4, 3,
                        {.strides = 2,
                         .padding = "same",
                         .groups = 1,
                         .activation = "relu",
                         .kernel_regularizer = {.l1 = 1e-3, .l2 = 1e-4}}),
                 Conv2D(4, 3, {.padding = Padding::cells(1, 2, 3, 4), .dilation = 2, .groups = 2}),
                 ZeroPadding2D(Padding::cells(1)),
                 BatchNorm({.momentum = 0.9}),
                 LeakyRelu(),
                 MaxPool2D(2),
                 MinPool2D(2, {.strides = 1}),
                 AvgPool2D(2, {.padding = "same"}),
                 Elu(),
                 Gelu(),
                 Silu(),
                 Dropout(0.25),
                 Flatten(),
                 Dense(12, {.activation = "tanh"}),
                 Dropout(0.5),
                 Reshape({2, 2, -1}),
                 GlobalMaxPool2D(),
                 Dense(5),
                 Softmax()},
      Input({32, 32, 3}, {}, DType::u8)));
}

TEST(NetworkJson, ReplaysInDoublePrecision) {
  const Network network =
      Sequential{Input({6}), Rescaling(2), Dense(4), BatchNorm(), Dropout(0.5), Dense(2)};
  const Network copy = Network::from_json(network.to_json());
  EXPECT_EQ(GraphOf(copy, 3, DType::f64).text(), GraphOf(network, 3, DType::f64).text());
}

struct BatchSized : LayerBase<BatchSized> {
  static constexpr std::string_view kKind = "BatchSized";
  Value build(Builder& b, Value x) const override {
    return b.add(ops::Add{}, {x, b.constant(b.shape(x), 0.5)});
  }
};

TEST(NetworkJson, OpsThatDependOnTheBatchSizeAreRefused) {
  const Network network = chain_of({4}, BatchSized());
  EXPECT_EQ(error_of([&] { network.to_json(); }),
            "'batch_sized' (constant) depends on the batch size, so the network cannot be saved "
            "as a list of ops; its layer must not use the first axis of a shape");
}

TEST(NetworkJson, WhatIsNoDescriptionIsRefused) {
  const std::string good = chain_of({4}, Dense(3)).to_json().to_string();
  const auto error_with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from << " is not in " << text;
    text.replace(at, from.size(), to);
    return error_of([&] { Network::from_json(Json::parse(text)); });
  };
  EXPECT_EQ(error_with("fovea.network", "fovea.checkpoint"),
            "this is no network description: its \"format\" is not \"fovea.network\"");
  EXPECT_EQ(error_with("\"version\":1", "\"version\":2"),
            "network description of version 2; this library reads version 1");
  EXPECT_EQ(error_of([] { Network::from_json(Json::array()); }),
            "this is no network description: its \"format\" is not \"fovea.network\"");
  EXPECT_NE(error_with("\"matmul\"", "\"matmull\"").find("unknown op 'matmull'"),
            std::string::npos);
  EXPECT_EQ(error_with("\"inputs\":[0,1]", "\"inputs\":[0,9]"),
            "'dense' reads value 9 of 2 that exist by then");
  EXPECT_EQ(error_with("\"inputs\":[0,1]", "\"inputs\":[0,-1]"),
            "a value's number is >= 0, not -1");
  EXPECT_NE(error_with("\"inputs\":[0,1]", "\"inputs\":[1,0]").find("'dense' (matmul of"),
            std::string::npos);
}

}  // namespace
}  // namespace fovea
