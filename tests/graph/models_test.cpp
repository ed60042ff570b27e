// The zoo: parameters per layer, shapes, and the same network after a trip through JSON.
#include "fovea/models.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/networks.h"

namespace fovea {
namespace {

using test::error_of;
using test::expect_round_trip;
using test::GraphOf;

using Counts = std::map<std::string, std::int64_t>;

/// Layers that have parameters, and how many.
Counts parameter_counts(const Network& network) {
  Counts counts;
  for (const LayerRecord& layer : network.layers()) {
    if (layer.parameter_count() > 0) counts[layer.name] = layer.parameter_count();
  }
  return counts;
}

const LayerRecord& layer(const Network& network, const std::string& name) {
  for (const LayerRecord& record : network.layers()) {
    if (record.name == name) return record;
  }
  fail(ErrorCode::internal, "no layer '", name, "'");
}

TEST(Zoo, Cifar10CnnIsTheCourses) {
  const Network network = cifar10_cnn();
  EXPECT_EQ(parameter_counts(network), (Counts{{"conv2d", 896},
                                               {"conv2d_1", 18496},
                                               {"conv2d_2", 36928},
                                               {"dense", 65600},
                                               {"dense_1", 650}}));
  EXPECT_EQ(network.parameter_count(), 122570);
  EXPECT_EQ(layer(network, "conv2d").output, (Shape{30, 30, 32}));
  EXPECT_EQ(layer(network, "max_pooling2d_1").output, (Shape{6, 6, 64}));
  EXPECT_EQ(layer(network, "flatten").output, (Shape{1024}));
  EXPECT_EQ(network.outputs().front().shape, (Shape{10}));
}

TEST(Zoo, MlpHasTwoHiddenLayers) {
  EXPECT_EQ(parameter_counts(mlp()),
            (Counts{{"dense", 1573376}, {"dense_1", 262656}, {"dense_2", 5130}}));
  EXPECT_EQ(mlp().parameter_count(), 1841162);
}

TEST(Zoo, LeNet5IsThePapersSize) {
  const Network network = lenet5();
  EXPECT_EQ(parameter_counts(network), (Counts{{"conv2d", 156},
                                               {"conv2d_1", 2416},
                                               {"dense", 48120},
                                               {"dense_1", 10164},
                                               {"dense_2", 850}}));
  EXPECT_EQ(network.parameter_count(), 61706);
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
}

TEST(Zoo, EveryNetworkComesBackFromJsonAndTakesBytes) {
  ASSERT_FALSE(network_names().empty());
  for (const std::string& name : network_names()) {
    SCOPED_TRACE(name);
    const Network network = make_network(name);
    EXPECT_EQ(network.name(), name);
    expect_round_trip(network);

    Graph graph;
    Builder b(graph);
    const InputSpec& spec = network.inputs().front();
    const Value bytes = b.input("bytes", {spec.shape.prepend(4), DType::u8});
    const auto outputs = network.build(b, {{spec.name, bytes}});
    const Shape& sample = network.outputs().front().shape;
    EXPECT_EQ(graph.type(outputs.front().second), (ValueType{sample.prepend(4), DType::f32}));
  }
}

TEST(Zoo, AnUnknownNameListsTheKnownOnes) {
  EXPECT_EQ(
      error_of([] { make_network("resnet21"); }),
      "unknown network 'resnet21'; known: cifar10_cnn, lenet5, mlp, resnet18, resnet20, vgg16");
}

}  // namespace
}  // namespace fovea
