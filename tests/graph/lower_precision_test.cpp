// Mixed precision: what computes in 16 bits, what stays in f32, and that nothing is cast twice.
#include <gtest/gtest.h>

#include "fovea/ops.h"
#include "host/graph/differentiate.h"
#include "host/graph/passes.h"

namespace fovea {
namespace {

class LowerPrecision : public ::testing::TestWithParam<DType> {
 protected:
  const Node& only(const Graph& graph, std::string_view op) const {
    const Node* found = nullptr;
    for (const Node& node : graph.nodes()) {
      if (node.op->name() != op) continue;
      EXPECT_EQ(found, nullptr) << "several " << op;
      found = &node;
    }
    FOVEA_REQUIRE(found != nullptr, internal, "no ", op);
    return *found;
  }
  static int casts(const Graph& graph) {
    int count = 0;
    for (const Node& node : graph.nodes()) count += node.op->name() == ops::Cast::kName ? 1 : 0;
    return count;
  }
};

INSTANTIATE_TEST_SUITE_P(Types, LowerPrecision, ::testing::Values(DType::f16, DType::bf16),
                         [](const auto& param_info) {
                           return std::string(dtype_name(param_info.param));
                         });

TEST_P(LowerPrecision, ProductsAndActivationsAreLowParametersAndSoftmaxAreNot) {
  Graph graph;
  Builder b(graph);
  const Value x = b.input("x", {{2, 4, 4, 3}, DType::u8});
  const Value scaled = b.add(ops::Rescale{}, {x});
  const Value w = b.parameter("w", {8, 3, 3, 3}, uniform(0.5));
  const Value y = b.add(ops::Conv2d{}, {scaled, w});
  const Value gamma = b.parameter("gamma", {8}, constant_value(1));
  const Value beta = b.parameter("beta", {8}, zeros());
  const Value mean = b.global_state("mean", {{8}, DType::f32}, 0);
  const Value var = b.global_state("var", {{8}, DType::f32}, 1);
  const Outputs normed = b.add(std::make_shared<const ops::BatchNorm>(),
                               std::vector<Value>{y, gamma, beta, mean, var});
  const Value pooled = b.add(ops::GlobalAvgPool{}, {normed[0]});
  const Value logits = b.add(ops::MatMul{}, {pooled, b.parameter("v", {8, 5}, uniform(0.5))});
  graph.mark_output("y", b.add(ops::Softmax{}, {logits}));

  const Graph lowered = lower_precision(graph, GetParam());
  const auto type_of = [&](Value value) { return lowered.type(value).dtype; };
  EXPECT_EQ(type_of(only(lowered, "rescale").outputs[0]), GetParam());
  EXPECT_EQ(type_of(only(lowered, "conv2d").outputs[0]), GetParam());
  EXPECT_EQ(type_of(only(lowered, "conv2d").inputs[1]), GetParam());
  const Node& norm = only(lowered, "batch_norm");
  EXPECT_EQ(type_of(norm.outputs[0]), GetParam());
  for (const Value value : {norm.inputs[1], norm.inputs[2], norm.outputs[1], norm.outputs[2]}) {
    EXPECT_EQ(type_of(value), DType::f32);
  }
  EXPECT_EQ(type_of(only(lowered, "matmul").outputs[0]), GetParam());
  EXPECT_EQ(type_of(only(lowered, "softmax").outputs[0]), DType::f32);
  EXPECT_EQ(lowered.outputs().front().second, only(lowered, "softmax").outputs[0]);
  EXPECT_EQ(casts(lowered), 3) << "w, v and the logits";
}

TEST_P(LowerPrecision, AParameterIsCastOnceAndItsGradientIsF32) {
  Graph graph;
  Builder b(graph);
  const Value x = b.input("x", {{3, 4}, DType::f32});
  const Value w = b.parameter("w", {4, 4}, uniform(0.5));
  const Value y = b.add(ops::MatMul{}, {b.add(ops::MatMul{}, {x, w}), w});
  graph.mark_output("y", b.add(ops::Mean{}, {y}));

  Graph lowered = lower_precision(graph, GetParam());
  EXPECT_EQ(casts(lowered), 3) << "x, w and the mean's input";
  EXPECT_EQ(lowered.type(lowered.outputs().front().second).dtype, DType::f32);
  Value parameter;
  for (const Node& node : lowered.nodes()) {
    if (node.op->name() == ops::Parameter::kName) parameter = node.outputs[0];
  }
  Builder gradients(lowered);
  const std::vector<Value> wrt = {parameter};
  const Value gradient = differentiate(gradients, lowered.outputs().front().second, wrt).front();
  EXPECT_EQ(lowered.type(gradient), (ValueType{{4, 4}, DType::f32}));
}

TEST_P(LowerPrecision, ALastSigmoidGivesFullProbabilities) {
  Graph graph;
  Builder b(graph);
  const Value x = b.input("x", {{3, 4}, DType::f32});
  const Value y = b.add(ops::MatMul{}, {x, b.parameter("w", {4, 1}, uniform(0.5))});
  graph.mark_output("y", b.add(ops::Activate({Activation::Kind::sigmoid}), {y}));
  const Graph lowered = lower_precision(graph, GetParam());
  const Node& sigmoid = only(lowered, "activate");
  EXPECT_EQ(lowered.type(sigmoid.inputs[0]).dtype, DType::f32);
  EXPECT_EQ(lowered.outputs().front().second, sigmoid.outputs[0]);
}

}  // namespace
}  // namespace fovea
