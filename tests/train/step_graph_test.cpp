// The graphs of training steps: what their update phase is made of.
#include "host/train/step_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "fovea/layers.h"
#include "fovea/models.h"

namespace fovea::test {
namespace {

Graph training_step(const Network& network, DType low = DType::f32, StepMode mode = StepMode::train,
                    int accumulated = 1) {
  CompileOptions compile;
  compile.loss = "sparse_categorical_crossentropy";
  StepSpec spec;
  spec.mode = mode;
  spec.accumulated = accumulated;
  spec.inputs = {{network.inputs().front().shape.prepend(8), DType::f32}};
  spec.targets = {{Shape({8}), DType::i32}};
  spec.low = low;
  spec.frozen = [](const std::string&) { return false; };
  return build_step_graph(network, &compile, spec);
}

std::vector<Node> nodes_of(const Graph& graph, std::string_view op) {
  std::vector<Node> found;
  for (const Node& node : graph.nodes()) {
    if (node.op->name() == op) found.push_back(node);
  }
  return found;
}

/// A launch for each parameter and each running statistic would take longer than their work.
TEST(StepGraph, WhatConcernsAllParametersIsOneNode) {
  const Network network = make_network("resnet20");
  const Graph graph = training_step(network, DType::f16);
  for (const char* op : {"gradient_check", "unscale", "adam_update", "update_averages"}) {
    EXPECT_EQ(nodes_of(graph, op).size(), 1U) << op;
  }
  std::size_t trainable = 0;
  for (const ParameterRecord& parameter : network.parameters()) trainable += parameter.trainable;
  EXPECT_EQ(nodes_of(graph, "unscale").front().outputs.size(), trainable);
  const std::size_t averages = network.parameters().size() - trainable;
  EXPECT_EQ(nodes_of(graph, "update_averages").front().inputs.size(), 1 + 2 * averages);
  EXPECT_TRUE(nodes_of(training_step(network), "unscale").empty()) << "f32 does not scale";
}

/// Nodes that read or write the sums of gradients of several batches.
std::vector<std::string> nodes_on_sums(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) {
    const bool reads = std::any_of(node.inputs.begin(), node.inputs.end(), [&](Value input) {
      return graph.producer_node(input).path.starts_with("gradients.");
    });
    if (reads) names.emplace_back(node.op->name());
  }
  return names;
}

TEST(StepGraph, SumsOfGradientsOfSeveralBatchesAreOneNodeEach) {
  const Network network = make_network("resnet20");
  EXPECT_EQ(nodes_on_sums(training_step(network, DType::f32, StepMode::accumulate, 3)),
            std::vector<std::string>{"accumulate_gradient"});
  EXPECT_EQ(nodes_on_sums(training_step(network, DType::f32, StepMode::train, 3)),
            (std::vector<std::string>{"average_gradients", "accumulate_gradient"}));
  EXPECT_TRUE(nodes_on_sums(training_step(network)).empty());
}

/// One launch would write the same average twice, in any order.
TEST(StepGraph, ALayerCalledTwiceMovesItsAveragesOneAfterTheOther) {
  const Symbol x = input({6});
  const BatchNorm norm;
  const Symbol twice = Dense(6)(norm(Relu()(norm(Dense(6)(x)))));
  const Symbol other = BatchNorm({.momentum = 0.5})(twice);
  const Graph graph = training_step(Network({x}, {Dense(3)(other)}));
  std::vector<std::string> updated;
  for (const Node& node : nodes_of(graph, "update_averages")) {
    std::set<std::string> own;
    for (const int index : node.op->effects()) {
      const Value average = node.inputs[static_cast<std::size_t>(index)];
      const std::string& path = graph.producer_node(average).path;
      EXPECT_TRUE(own.insert(path).second) << path;
      updated.push_back(path);
    }
  }
  EXPECT_EQ(updated.size(), 6U) << "two of each call";
  EXPECT_EQ(std::set<std::string>(updated.begin(), updated.end()).size(), 4U);
}

}  // namespace
}  // namespace fovea::test
