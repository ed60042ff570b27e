// The zoo: parameters per layer, shapes, and the same network after a trip through JSON.
#include "fovea/models.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "tests/support/networks.h"

namespace fovea {
namespace {

using test::error_of;
using test::expect_round_trip;
using test::GraphOf;

using Counts = std::vector<std::int64_t>;

/// Of the layers that have parameters, in their order.
Counts parameter_counts(const Network& network) {
  Counts counts;
  for (const LayerRecord& layer : network.layers()) {
    if (layer.parameter_count() > 0) counts.push_back(layer.parameter_count());
  }
  return counts;
}

const LayerRecord& layer(const Network& network, const std::string& name) {
  for (const LayerRecord& record : network.layers()) {
    if (record.name == name) return record;
  }
  fail(ErrorCode::internal, "no layer '", name, "'");
}

struct Expected {
  std::string name;
  Shape input;
  Counts counts;
  std::int64_t total;
};

/// The networks with few layers.
const std::vector<Expected>& small_networks() {
  const Shape digit{28, 28, 1}, colour{32, 32, 3};
  static const std::vector<Expected> all = {
      {"iris_small", {4}, {60, 104, 27}, 191},
      {"iris_dense", {4}, {50, 110, 33}, 193},
      {"boston", {13}, {1792, 8256, 2080, 528, 17}, 12673},
      {"wine", {12}, {1664, 8256, 2080, 231}, 12231},
      {"mnist_mlp512", digit, {401920, 5130}, 407050},
      {"mnist_cnn", digit, {320, 18496, 1179776, 1290}, 1199882},
      {"mnist_mlp128_dropout", digit, {100480, 1290}, 101770},
      {"cifar10_mlp128", colour, {393344, 1290}, 394634},
      {"cifar10_mlp128x3", colour, {393344, 16512, 16512, 1290}, 427658},
      {"cifar10_mlp256x4", colour, {786688, 65792, 65792, 65792, 2570}, 986634},
      {"cifar10_mlp1024x4", colour, {3146752, 1049600, 1049600, 1049600, 10250}, 6305802},
      {"cifar10_cnn", colour, {896, 18496, 36928, 65600, 650}, 122570},
      {"cifar10_cnn_wide", colour, {1792, 73856, 147584, 262272, 1290}, 486794},
      {"cifar10_cnn_wide_dropout", colour, {1792, 73856, 147584, 262272, 1290}, 486794},
      {"fashion_mnist_cnn", digit, {320, 18496, 36928, 36928, 650}, 93322},
      {"fashion_mnist_mlp", digit, {235500, 30100, 1010}, 266610},
      {"mnist_mlp128", digit, {100480, 1290}, 101770},
      {"binary_small", {20}, {336, 136, 9}, 481},
      {"binary_dropout", {20}, {1344, 2080, 33}, 3457},
      {"mnist_mlp128_64", digit, {100480, 8256, 650}, 109386},
      {"mnist_cnn_raw", digit, {640, 18464, 184330}, 203434},
      {"mlp", colour, {1573376, 262656, 5130}, 1841162},
      {"two_layer_net", digit, {39250, 510}, 39760},
      {"lenet5", digit, {156, 2416, 48120, 10164, 850}, 61706},
      {"alexnet",
       {227, 227, 3},
       {34944, 307456, 885120, 663936, 442624, 37752832, 16781312, 4097000},
       60965224},
  };
  return all;
}

TEST(Zoo, EveryLayerHasItsParameters) {
  for (const Expected& expected : small_networks()) {
    SCOPED_TRACE(expected.name);
    const Network network = make_network(expected.name);
    EXPECT_EQ(network.inputs().front().shape, expected.input);
    EXPECT_EQ(parameter_counts(network), expected.counts);
    EXPECT_EQ(network.parameter_count(), expected.total);
  }
}

TEST(Zoo, EveryNetworkIsAsserted) {
  std::vector<std::string> asserted = {"resnet18", "resnet20", "resnet50", "vgg16"};  // below
  for (const Expected& expected : small_networks()) asserted.push_back(expected.name);
  std::sort(asserted.begin(), asserted.end());
  std::vector<std::string> names = network_names();
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, asserted);
}

TEST(Zoo, DropoutIsWhereItsNamesSay) {
  const std::map<std::string, std::vector<double>> rates = {
      {"wine", {0.2, 0.2}},
      {"mnist_mlp128", {}},
      {"mnist_mlp128_dropout", {0.2}},
      {"mnist_cnn", {0.25, 0.5}},
      {"cifar10_mlp1024x4", {0.2, 0.2, 0.2, 0.2}},
      {"cifar10_cnn_wide", {}},
      {"cifar10_cnn_wide_dropout", {0.5}},
      {"binary_dropout", {0.5}},
  };
  for (const auto& [name, expected] : rates) {
    std::vector<double> found;
    const GraphOf built(make_network(name), 1);
    for (const Node& node : built.graph.nodes()) {
      if (node.op->name() == "dropout") {
        found.push_back(node.op->attributes().at("rate").as_double());
      }
    }
    EXPECT_EQ(found, expected) << name;
  }
}

TEST(Zoo, TheTwoLayerNetStartsAsTheClassicOne) {
  const GraphOf built(two_layer_net(7, 3), 2);
  for (const char* path : {"dense.weight", "dense_1.weight"}) {
    const Json initializer = built.node(path).op->attributes().at("initializer");
    EXPECT_EQ(initializer.at("kind").as_string(), "normal");
    EXPECT_EQ(initializer.at("scale").as_double(), 0.01);
  }
  EXPECT_EQ(parameter_counts(two_layer_net(7, 3)), (Counts{784 * 7 + 7, 7 * 3 + 3}));
}

TEST(Zoo, AllNetworksForPicturesButOneScaleThem) {
  const auto scale_of = [](const std::string& name) {
    const GraphOf built(make_network(name), 1);
    return built.node("rescaling").op->attributes().at("scale").as_array().front().as_double();
  };
  EXPECT_EQ(scale_of("mnist_cnn_raw"), 1);
  for (const char* name : {"mnist_cnn", "mnist_mlp512", "cifar10_mlp128", "cifar10_cnn_wide",
                           "fashion_mnist_mlp", "two_layer_net", "lenet5"}) {
    EXPECT_EQ(scale_of(name), 1.0 / 255) << name;
  }
}

TEST(Zoo, Cifar10CnnHasItsShapes) {
  const Network network = cifar10_cnn();
  EXPECT_EQ(layer(network, "conv2d").output, (Shape{30, 30, 32}));
  EXPECT_EQ(layer(network, "max_pooling2d_1").output, (Shape{6, 6, 64}));
  EXPECT_EQ(layer(network, "flatten").output, (Shape{1024}));
  EXPECT_EQ(network.outputs().front().shape, (Shape{10}));
}

TEST(Zoo, LeNet5HasThePapersShapes) {
  const Network network = lenet5();
  EXPECT_EQ(layer(network, "average_pooling2d_1").output, (Shape{5, 5, 16}));
}

TEST(Zoo, ResNet20IsThePapersSize) {
  const Network network = resnet20();
  std::int64_t trainable = 0;
  std::int64_t statistics = 0;
  int convolutions = 0;
  for (const ParameterRecord& parameter : network.parameters()) {
    (parameter.trainable ? trainable : statistics) += parameter.shape.numel();
    convolutions += parameter.shape.rank() == 4 ? 1 : 0;
  }
  EXPECT_EQ(trainable, 269722);
  EXPECT_EQ(statistics, 1376);
  EXPECT_EQ(convolutions, 19);
  EXPECT_EQ(layer(network, "stage1.block3.relu2").output, (Shape{32, 32, 16}));
  EXPECT_EQ(layer(network, "stage2.block1.shortcut").output, (Shape{16, 16, 32}));
  EXPECT_EQ(layer(network, "stage3.block3.relu2").output, (Shape{8, 8, 64}));
  EXPECT_EQ(layer(network, "stage2.block1.add").connected_to,
            (std::vector<std::string>{"stage2.block1.norm2", "stage2.block1.shortcut"}));
  EXPECT_EQ(layer(network, "stage2.block2.add").connected_to,
            (std::vector<std::string>{"stage2.block2.norm2", "stage2.block1.relu2"}));
}

TEST(Zoo, ResNet20sShortcutsPadNewChannelsOnBothSides) {
  const GraphOf built(resnet20(), 1);
  std::string pads;
  for (const Node& node : built.graph.nodes()) {
    if (node.op->name() == "pad") pads += node.op->attributes().to_string();
  }
  EXPECT_EQ(pads, R"({"axis":3,"before":8,"after":8}{"axis":3,"before":16,"after":16})");
}

TEST(Zoo, ResNet20DecaysItsKernelsWhenAsked) {
  const auto l2_of = [](const Network& network, const std::string& path) {
    return GraphOf(network, 1).node(path).op->attributes().at("l2").as_double();
  };
  EXPECT_EQ(l2_of(resnet20(), "stem.conv.weight"), 0);
  EXPECT_EQ(l2_of(resnet20(10, 5e-5), "stem.conv.weight"), 5e-5);
  EXPECT_EQ(l2_of(resnet20(10, 5e-5), "classifier.weight"), 5e-5);
  EXPECT_EQ(l2_of(resnet20(10, 5e-5), "stem.norm.gamma"), 0);
}

/// Numbers in a network's trainable parameters, or in its running statistics.
std::int64_t numbers(const Network& network, bool trainable) {
  std::int64_t count = 0;
  for (const ParameterRecord& parameter : network.parameters()) {
    if (parameter.trainable == trainable) count += parameter.shape.numel();
  }
  return count;
}

TEST(Zoo, ResNet18IsThePapersSize) {
  const Network network = resnet18();
  EXPECT_EQ(numbers(network, true), 11689512);
  EXPECT_EQ(numbers(network, false), 9600);
  EXPECT_EQ(layer(network, "stem.norm").output, (Shape{112, 112, 64}));
  EXPECT_EQ(layer(network, "stem.pool").output, (Shape{56, 56, 64}));
  EXPECT_EQ(layer(network, "stage2.block1.shortcut_conv").parameter_count(), 64 * 128);
  EXPECT_EQ(layer(network, "stage4.block2.relu2").output, (Shape{7, 7, 512}));
  EXPECT_EQ(layer(network, "stage1.block1.add").connected_to,
            (std::vector<std::string>{"stage1.block1.norm2", "stem.pool"}));
  EXPECT_EQ(layer(network, "stage3.block1.add").connected_to,
            (std::vector<std::string>{"stage3.block1.norm2", "stage3.block1.shortcut_norm"}));
}

TEST(Zoo, ResNet50IsThePapersSize) {
  const Network network = resnet50();
  EXPECT_EQ(numbers(network, true), 25557032);
  EXPECT_EQ(numbers(network, false), 53120);
  EXPECT_EQ(GraphOf(network, 1).count("conv2d"), 53);
  EXPECT_EQ(layer(network, "stage1.block1.shortcut_conv").parameter_count(), 64 * 256);
  EXPECT_EQ(layer(network, "stage2.block1.conv1").output, (Shape{56, 56, 128}));
  EXPECT_EQ(layer(network, "stage2.block1.conv2").output, (Shape{28, 28, 128}));
  EXPECT_EQ(layer(network, "stage3.block6.add").connected_to,
            (std::vector<std::string>{"stage3.block6.norm3", "stage3.block5.relu3"}));
  EXPECT_EQ(layer(network, "stage4.block3.relu3").output, (Shape{7, 7, 2048}));
}

TEST(Zoo, AlexNetHasThePapersShapes) {
  const Network network = alexnet();
  EXPECT_EQ(layer(network, "conv2d").output, (Shape{55, 55, 96}));
  EXPECT_EQ(layer(network, "conv2d_1").output, (Shape{27, 27, 256}));
  EXPECT_EQ(layer(network, "conv2d_4").output, (Shape{13, 13, 256}));
  EXPECT_EQ(layer(network, "max_pooling2d_2").output, (Shape{6, 6, 256}));
}

TEST(Zoo, Vgg16IsThePapersSize) {
  const Network network = vgg16();
  EXPECT_EQ(network.parameter_count(), 138357544);
  EXPECT_EQ(layer(network, "block5.pool").output, (Shape{7, 7, 512}));
  EXPECT_EQ(layer(network, "dense1").parameter_count(), 25088 * 4096 + 4096);
  EXPECT_EQ(GraphOf(network, 1).count("conv2d"), 13);
}

TEST(Zoo, ClassesAreAnArgument) {
  EXPECT_EQ(cifar10_cnn(100).outputs().front().shape, (Shape{100}));
  EXPECT_EQ(resnet20(100).outputs().front().shape, (Shape{100}));
  EXPECT_EQ(mlp(7).outputs().front().shape, (Shape{7}));
  EXPECT_EQ(lenet5(26).outputs().front().shape, (Shape{26}));
  EXPECT_EQ(resnet18(5).outputs().front().shape, (Shape{5}));
  EXPECT_EQ(vgg16(5).outputs().front().shape, (Shape{5}));
  EXPECT_EQ(resnet50(5).outputs().front().shape, (Shape{5}));
  EXPECT_EQ(alexnet(5).outputs().front().shape, (Shape{5}));
}

TEST(Zoo, EveryNetworkComesBackFromJsonAndThoseForPicturesTakeBytes) {
  ASSERT_FALSE(network_names().empty());
  for (const std::string& name : network_names()) {
    SCOPED_TRACE(name);
    const Network network = make_network(name);
    EXPECT_EQ(network.name(), name);
    expect_round_trip(network);

    Graph graph;
    Builder b(graph);
    const InputSpec& spec = network.inputs().front();
    if (spec.shape.rank() < 3) continue;
    const Value bytes = b.input("bytes", {spec.shape.prepend(4), DType::u8});
    const auto outputs = network.build(b, {{spec.name, bytes}});
    const Shape& sample = network.outputs().front().shape;
    EXPECT_EQ(graph.type(outputs.front().second), (ValueType{sample.prepend(4), DType::f32}));
  }
}

TEST(Zoo, AnUnknownNameListsTheKnownOnes) {
  const std::string message = error_of([] { make_network("resnet21"); });
  EXPECT_EQ(message.find("unknown network 'resnet21'; known: alexnet, "), 0u) << message;
  for (const std::string& name : network_names()) {
    EXPECT_NE(message.find(name), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace fovea
