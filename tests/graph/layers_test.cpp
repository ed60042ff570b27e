// Layers: shapes, parameters, the ops they become, and errors that say what to do.
#include "fovea/layers.h"

#include <gtest/gtest.h>

#include "fovea/network.h"
#include "fovea/ops/source.h"
#include "tests/support/networks.h"

namespace fovea {
namespace {

using test::chain_of;
using test::error_of;
using test::GraphOf;

Shape output_shape(const Shape& sample, const AnyLayer& layer) {
  return chain_of(sample, layer).outputs().front().shape;
}

/// "path type first-value" of every parameter and state, in the graph's order.
std::vector<std::string> variables(const Graph& graph) {
  std::vector<std::string> found;
  for (const Node& node : graph.nodes()) {
    const Json attributes = node.op->attributes();
    const bool is_parameter = node.op->name() == ops::Parameter::kName;
    if (!is_parameter && node.op->name() != ops::State::kName) continue;
    const Json& initial =
        is_parameter ? attributes.at("initializer").at("kind") : attributes.at("initial_value");
    found.push_back(node.path + " " + to_string(graph.type(node.outputs[0])) + " " +
                    initial.to_string());
  }
  return found;
}

// ---- Shapes ----

TEST(Layers, GiveKerasShapes) {
  const Shape picture{13, 13, 4};
  EXPECT_EQ(output_shape(picture, Conv2D(8, 3)), (Shape{11, 11, 8}));
  EXPECT_EQ(output_shape(picture, Conv2D(8, {5, 2}, {.strides = {2, 3}})), (Shape{5, 4, 8}));
  EXPECT_EQ(output_shape(picture, Conv2D(8, 3, {.strides = 2, .padding = "same"})),
            (Shape{7, 7, 8}));
  EXPECT_EQ(output_shape(picture, Conv2D(8, 3, {.dilation = 3})), (Shape{7, 7, 8}));
  EXPECT_EQ(output_shape(picture, Conv2D(8, 3, {.padding = Padding::cells(2)})),
            (Shape{15, 15, 8}));
  EXPECT_EQ(output_shape(picture, MaxPool2D(2)), (Shape{6, 6, 4}));
  EXPECT_EQ(output_shape(picture, MaxPool2D(3)), (Shape{4, 4, 4}));
  EXPECT_EQ(output_shape(picture, MaxPool2D(3, {.strides = 1})), (Shape{11, 11, 4}));
  EXPECT_EQ(output_shape(picture, AvgPool2D(2, {.padding = "same"})), (Shape{7, 7, 4}));
  EXPECT_EQ(output_shape(picture, GlobalAvgPool2D()), (Shape{4}));
  EXPECT_EQ(output_shape(picture, GlobalMaxPool2D()), (Shape{4}));
  EXPECT_EQ(output_shape(picture, MinPool2D(3, {.padding = "same"})), (Shape{5, 5, 4}));
  EXPECT_EQ(output_shape(picture, GlobalMinPool2D()), (Shape{4}));
  EXPECT_EQ(output_shape(picture, BatchNorm()), picture);
  EXPECT_EQ(output_shape(picture, Dropout(0.5)), picture);
  EXPECT_EQ(output_shape(picture, ZeroPadding2D(Padding::cells(1, 2, 3, 4))), (Shape{16, 20, 4}));
  EXPECT_EQ(output_shape({8, 8, 10}, Flatten()), (Shape{640}));
  EXPECT_EQ(output_shape({28, 28}, Flatten()), (Shape{784}));
  EXPECT_EQ(output_shape({784}, Reshape({28, -1, 1})), (Shape{28, 28, 1}));
  EXPECT_EQ(output_shape({12}, Dense(8)), (Shape{8}));
  EXPECT_EQ(output_shape({12}, Maxout(8, 3)), (Shape{8}));
}

TEST(Layers, SamePaddingKeepsThePicturesSize) {
  const Network network = Sequential{
      Input({256, 256, 3}),
      Conv2D(5, 3, {.padding = "same", .activation = "relu"}),
      Conv2D(20, 3, {.padding = "same", .activation = "relu"}),
      MaxPool2D(2),
  };
  EXPECT_EQ(network.outputs().front().shape, (Shape{128, 128, 20}));
}

TEST(Layers, MergesAlongEveryAxis) {
  const Symbol a = input({2, 3, 4});
  const Symbol b = input({2, 3, 4});
  EXPECT_EQ(Concatenate()({a, b}).shape(), (Shape{2, 3, 8}));
  EXPECT_EQ(Concatenate(1)({a, b}).shape(), (Shape{4, 3, 4}));
  EXPECT_EQ(Concatenate(2)({a, b, a}).shape(), (Shape{2, 9, 4}));
  EXPECT_EQ(Stack()({a, b, a}).shape(), (Shape{3, 2, 3, 4}));
  EXPECT_EQ(Stack(2)({a, b}).shape(), (Shape{2, 2, 3, 4}));
  EXPECT_EQ(Stack(4)({a, b}).shape(), (Shape{2, 3, 4, 2}));
  EXPECT_EQ(Stack(-1)({a, b, b}).shape(), (Shape{2, 3, 4, 3}));
  EXPECT_EQ(Add()({a, b, a}).shape(), (Shape{2, 3, 4}));
  EXPECT_EQ(Multiply()({a, b}).shape(), (Shape{2, 3, 4}));
}

// ---- Parameters ----

TEST(Layers, NameAndInitializeTheirParameters) {
  const Network network = Sequential{
      Input({8, 8, 6}),
      Conv2D(4, {3, 2}, {.groups = 2, .kernel_initializer = he_normal(), .name = "conv"}),
      BatchNorm(),
      Flatten(),
      Dense(5, {.bias_initializer = ones()}),
      Dense(3, {.use_bias = false}),
  };
  const std::vector<std::string> expected = {
      R"(conv.weight f32(4, 3, 2, 3) "he_normal")",
      R"(conv.bias f32(4,) "constant")",
      R"(batch_normalization.gamma f32(4,) "constant")",
      R"(batch_normalization.beta f32(4,) "constant")",
      R"(batch_normalization.running_mean f32(4,) 0.0)",
      R"(batch_normalization.running_var f32(4,) 1.0)",
      R"(dense.weight f32(168, 5) "glorot_uniform")",
      R"(dense.bias f32(5,) "constant")",
      R"(dense_1.weight f32(5, 3) "glorot_uniform")",
  };
  EXPECT_EQ(variables(GraphOf(network, 2).graph), expected);
}

TEST(Layers, BiasFreeDenseHasWeightsOnly) {
  EXPECT_EQ(chain_of({640}, Dense(10, {.use_bias = false})).parameter_count(), 6400);
}

TEST(Layers, RegularizersReachTheKernelAlone) {
  const Network network =
      chain_of({4, 4, 1}, Conv2D(2, 3, {.kernel_regularizer = {.l1 = 0.25, .l2 = 0.5}}));
  const GraphOf built(network, 1);
  const Json weight = built.node("conv2d.weight").op->attributes();
  const Json bias = built.node("conv2d.bias").op->attributes();
  EXPECT_EQ(weight.at("l1").as_double(), 0.25);
  EXPECT_EQ(weight.at("l2").as_double(), 0.5);
  EXPECT_EQ(bias.at("l1").as_double(), 0);
  EXPECT_EQ(bias.at("l2").as_double(), 0);
}

TEST(Layers, RegularizersReachTheBiasAndTheOutputWhenAsked) {
  const Dense dense(2, {.activation = "relu",
                        .bias_regularizer = {.l1 = 0.5},
                        .activity_regularizer = {.l2 = 0.25}});
  const GraphOf built(chain_of({4}, dense), 3);
  EXPECT_EQ(built.node("dense.weight").op->attributes().at("l1").as_double(), 0);
  EXPECT_EQ(built.node("dense.bias").op->attributes().at("l1").as_double(), 0.5);
  const Node& penalty = built.node("dense.activity_penalty");
  EXPECT_EQ(penalty.op->attributes().to_string(), R"({"l1":0.0,"l2":0.25})");
  EXPECT_EQ(built.graph.producer_node(penalty.inputs[0]).op->name(), "activate");
  EXPECT_EQ(built.outputs.front().second, penalty.inputs[0]);
  const GraphOf layer(chain_of({4}, ActivityRegularization({.l1 = 1})), 3);
  EXPECT_EQ(layer.count("weight_penalty"), 1);
  EXPECT_EQ(GraphOf(chain_of({4}, ActivityRegularization({})), 3).count("weight_penalty"), 0);
}

TEST(Layers, EndWithTheirActivation) {
  const auto last_op = [](const LayerActivation& activation) {
    const GraphOf built(chain_of({4}, Dense(3, {.activation = activation})), 2);
    const Node& node = built.graph.nodes().back();
    return std::string(node.op->name()) + node.op->attributes().to_string();
  };
  EXPECT_EQ(last_op("linear"), "add_bias{}");
  EXPECT_EQ(last_op("relu"), R"(activate{"activation":{"kind":"relu","alpha":0.0}})");
  EXPECT_EQ(last_op("leaky_relu"), R"(activate{"activation":{"kind":"leaky_relu","alpha":0.2}})");
  EXPECT_EQ(last_op("elu"), R"(activate{"activation":{"kind":"elu","alpha":1.0}})");
  EXPECT_EQ(last_op("softmax"), "softmax{}");
  EXPECT_EQ(last_op(Activation{Activation::Kind::leaky_relu, 0.1}),
            R"(activate{"activation":{"kind":"leaky_relu","alpha":0.1}})");
}

TEST(Layers, ActivationLayersAreTheOpsOfTheirName) {
  const auto kind_of = [](const AnyLayer& layer) {
    const GraphOf built(chain_of({4}, layer), 2);
    return built.graph.nodes().back().op->attributes().at("activation").to_string();
  };
  EXPECT_EQ(kind_of(Relu()), R"({"kind":"relu","alpha":0.0})");
  EXPECT_EQ(kind_of(LeakyRelu()), R"({"kind":"leaky_relu","alpha":0.3})");
  EXPECT_EQ(kind_of(Elu(0.5)), R"({"kind":"elu","alpha":0.5})");
  EXPECT_EQ(kind_of(Sigmoid()), R"({"kind":"sigmoid","alpha":0.0})");
  EXPECT_EQ(kind_of(Tanh()), R"({"kind":"tanh","alpha":0.0})");
  EXPECT_EQ(kind_of(Gelu()), R"({"kind":"gelu","alpha":0.0})");
  EXPECT_EQ(kind_of(Silu()), R"({"kind":"silu","alpha":0.0})");
  EXPECT_EQ(kind_of(ActivationLayer("tanh")), R"({"kind":"tanh","alpha":0.0})");
}

TEST(Layers, NormalizationSubtractsMeansAndDividesByDeviations) {
  const GraphOf built(chain_of({2, 2, 2}, Normalization({10, 20}, {4, 16})), 1);
  const Json attributes = built.node("normalization").op->attributes();
  EXPECT_EQ(attributes.at("scale").to_string(), "[0.5,0.25]");
  EXPECT_EQ(attributes.at("offset").to_string(), "[-5.0,-5.0]");
}

// ---- Bad input ----

TEST(LayerErrors, UnknownNamesListTheKnownOnes) {
  EXPECT_EQ(error_of([] { Dense(3, {.activation = "rleu"}); }),
            "unknown activation 'rleu'; known: linear, relu, leaky_relu, elu, sigmoid, tanh, gelu, "
            "silu, swish, step, selu, softplus, hard_silu, hard_swish, softmax");
  EXPECT_EQ(error_of([] { Conv2D(3, 3, {.padding = "full"}); }),
            "unknown padding 'full'; known: valid, same, and Padding::cells(...)");
}

TEST(LayerErrors, HyperParametersOutOfRange) {
  EXPECT_EQ(error_of([] { Conv2D(0, 3); }), "Conv2D: filters must be >= 1, not 0");
  EXPECT_EQ(error_of([] {
              Conv2D(8, {3, 0});
            }),
            "Conv2D: kernel must be >= 1 along both axes, not (3, 0)");
  EXPECT_EQ(error_of([] { Conv2D(8, 3, {.groups = 3}); }),
            "Conv2D: 8 filters cannot be divided into 3 groups");
  EXPECT_EQ(error_of([] { Dense(-1); }), "Dense: units must be >= 1, not -1");
  EXPECT_EQ(error_of([] { Dense(1, {.bias_regularizer = {.l1 = -1}}); }),
            "Dense: the factors of a regularizer are >= 0, not l1 = -1, l2 = 0");
  EXPECT_EQ(error_of([] { ActivityRegularization({.l2 = -0.5}); }),
            "ActivityRegularization: the factors of a regularizer are >= 0, not l1 = 0, l2 = -0.5");
  EXPECT_EQ(error_of([] { MaxPool2D(2, {.strides = 0}); }),
            "MaxPooling2D: strides must be >= 1 along both axes, not (0, 0)");
  EXPECT_EQ(error_of([] { Dropout(1); }), "Dropout: the rate is in [0, 1), not 1");
  EXPECT_EQ(error_of([] { Normalization({1}, {0}); }),
            "Normalization: a variance must be > 0, not 0; a channel without variation carries "
            "nothing, so leave it out");
  EXPECT_EQ(error_of([] { Reshape({-1, -1}); }), "Reshape: only one size may be -1, not 2");
}

TEST(LayerErrors, WrongRanksNameTheLayerAndTheRemedy) {
  EXPECT_EQ(error_of([] {
              Sequential s{Input({28, 28}), Conv2D(8, 3)};
              Network{s};
            }),
            "'conv2d' (Conv2D) takes pictures (N, H, W, C), not (None, 28, 28): add a channel "
            "axis, as in Input({28, 28, 1})");
  EXPECT_EQ(error_of([] { chain_of({784}, MaxPool2D(2, {.name = "stage1.pool"})); }),
            "'stage1.pool' (MaxPooling2D) takes pictures (N, H, W, C), not (None, 784): put a "
            "Reshape({H, W, C}) before it");
  EXPECT_EQ(error_of([] {
              chain_of({4, 4, 8}, Dense(3));
            }),
            "'dense' (Dense) takes (N, features), not (None, 4, 4, 8): put Flatten() or "
            "GlobalAvgPool2D() before it");
  EXPECT_EQ(error_of([] { chain_of({}, Dense(3)); }),
            "'dense' (Dense) takes (N, features), not (None,): add a feature axis, as in "
            "Input({1})");
  EXPECT_EQ(error_of([] {
              chain_of({10}, Reshape({3, -1}));
            }),
            "'reshape' (Reshape) takes a multiple of 3 numbers per sample, not (None, 10): that "
            "is 10");
}

TEST(LayerErrors, MismatchesWithOtherInputs) {
  const Symbol a = input({4, 4, 8});
  const Symbol b = input({4, 4, 6});
  EXPECT_EQ(error_of([&] {
              Add()({a, b});
            }),
            "'add' (Add) takes inputs of one shape, the first being (None, 4, 4, 8), not "
            "(None, 4, 4, 6): change its shape first, for example by a Conv2D with a 1x1 kernel");
  EXPECT_EQ(error_of([&] { Add()({a}); }), "'add' (Add) takes two or more inputs, not 1");
  EXPECT_EQ(error_of([&] {
              Concatenate(0)({a, a});
            }),
            "'concatenate' (Concatenate): axis 0 is not one of the axes 1 to 3 (axis 0 is the "
            "batch)");
  EXPECT_EQ(error_of([&] {
              Stack(0)({a, a});
            }),
            "'stack' (Stack): axis 0 is not one of the axes 1 to 4 (axis 0 is the batch)");
  EXPECT_EQ(error_of([&] {
              Stack(5)({a, a});
            }),
            "'stack' (Stack): axis 5 is not one of the axes 1 to 4 (axis 0 is the batch)");
  EXPECT_NE(error_of([&] {
              Stack()({a, b});
            }).find("'stack' (Stack) takes inputs of one shape"),
            std::string::npos);
  EXPECT_EQ(error_of([&] { Flatten()({a, b}); }), "'flatten' (Flatten) takes one input, not 2");
  EXPECT_EQ(error_of([&] { Conv2D(4, 3, {.groups = 4})(b); }),
            "'conv2d' (Conv2D): 6 channels cannot be divided into 4 groups");
}

TEST(LayerErrors, BytesMustBeRescaledFirst) {
  const Sequential raw{Conv2D(4, 3)};
  EXPECT_EQ(error_of([&] {
              Network(raw, Input({8, 8, 3}, {}, DType::u8));
            }),
            "'conv2d' (Conv2D) takes floating-point numbers, not u8: put a Rescaling(1.0 / 255) "
            "before it, or convert the data");
  const Sequential rescaled{Rescaling(1.0 / 255), Conv2D(4, 3)};
  EXPECT_EQ(Network(rescaled, Input({8, 8, 3}, {}, DType::u8)).outputs().front().shape,
            (Shape{6, 6, 4}));
}

}  // namespace
}  // namespace fovea
