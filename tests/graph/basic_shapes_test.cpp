// Shape inference of arithmetic, shape changes, activations, losses and updates: what each accepts,
// and errors that name the node, the cause and what would fit.
#include <gtest/gtest.h>

#include "fovea/graph.h"
#include "fovea/ops.h"

namespace fovea {
namespace {

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

ValueType f32(const Shape& shape) { return {shape, DType::f32}; }
ValueType i32(const Shape& shape) { return {shape, DType::i32}; }
ValueType i64(const Shape& shape) { return {shape, DType::i64}; }
ValueType f64(const Shape& shape) { return {shape, DType::f64}; }

template <class DerivedOp>
std::vector<Value> add(Builder& builder, const DerivedOp& op, const std::vector<ValueType>& types) {
  std::vector<Value> inputs;
  for (const ValueType& type : types) {
    inputs.push_back(builder.input("input" + std::to_string(inputs.size()), type));
  }
  const auto scope = builder.scope("node");
  return builder.add(std::make_shared<const DerivedOp>(op), inputs).values();
}

/// "f32(2, 3), i32()": the outputs' types.
template <class DerivedOp>
std::string outputs(const DerivedOp& op, const std::vector<ValueType>& types) {
  Graph graph;
  Builder builder(graph);
  std::string text;
  for (Value value : add(builder, op, types)) {
    text += (text.empty() ? "" : ", ") + to_string(builder.type(value));
  }
  return text;
}

/// The message with which the op refuses these inputs.
template <class DerivedOp>
std::string refusal(ErrorCode code, const DerivedOp& op, const std::vector<ValueType>& types) {
  Graph graph;
  Builder builder(graph);
  try {
    add(builder, op, types);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_HAS(std::string(error.what()), "'node' (" + std::string(DerivedOp::kName) + " of ");
    return error.what();
  }
  ADD_FAILURE() << DerivedOp::kName << " accepted its inputs";
  return {};
}

constexpr ErrorCode kShape = ErrorCode::shape_mismatch;
constexpr ErrorCode kArgument = ErrorCode::invalid_argument;

TEST(BasicShapes, ArithmeticNeedsEqualTypes) {
  EXPECT_EQ(outputs(ops::Add{}, {f32({2, 3}), f32({2, 3})}), "f32(2, 3)");
  EXPECT_HAS(refusal(kShape, ops::Add{}, {f32({2, 3}), f32({3, 2})}),
             "all inputs must be of one type, not f32(2, 3) and f32(3, 2)");
  EXPECT_HAS(refusal(kShape, ops::Multiply{}, {f32({2}), f64({2})}), "f32(2,) and f64(2,)");
  EXPECT_HAS(refusal(kArgument, ops::Add{}, {f32({2})}), "takes 2 inputs, not 1");
  EXPECT_HAS(refusal(kArgument, ops::Scale{}, {i32({2})}), "must be of a floating type, not i32");
}

TEST(BasicShapes, CastIsBetweenFloatingTypes) {
  EXPECT_EQ(outputs(ops::Cast(DType::f16), {f32({2, 3})}), "f16(2, 3)");
  EXPECT_EQ(outputs(ops::Cast(DType::f64), {{{4}, DType::bf16}}), "f64(4,)");
  EXPECT_HAS(refusal(kArgument, ops::Cast{}, {i32({2})}), "the input of a cast");
  EXPECT_HAS(refusal(kArgument, ops::Cast(DType::u8), {f32({2})}), "to a floating type, not to u8");
}

TEST(BasicShapes, Rescale) {
  ops::Rescale op;
  op.scale = {1, 2, 3};
  op.offset = {0, 0, 0};
  EXPECT_EQ(outputs(op, {{{2, 4, 4, 3}, DType::u8}}), "f32(2, 4, 4, 3)");
  EXPECT_HAS(refusal(kShape, op, {f32({2, 4})}), "3 scales do not fit the channels of f32(2, 4)");
  EXPECT_HAS(refusal(kArgument, op, {i32({2, 3})}), "only u8 and floating values can be rescaled");
  op.offset = {0};
  EXPECT_HAS(refusal(kArgument, op, {f32({2, 3})}), "as many scales as offsets, not 3 and 1");
  ops::Rescale whole;
  whole.dtype = DType::i32;
  EXPECT_HAS(refusal(kArgument, whole, {f32({2})}), "rescaled values are floating, not i32");
}

TEST(BasicShapes, Reshape) {
  EXPECT_EQ(outputs(ops::Reshape({4, 3}), {f32({5, 2, 6})}), "f32(5, 4, 3)");
  EXPECT_EQ(outputs(ops::Reshape(Shape{}), {f32({5, 1})}), "f32(5,)");
  EXPECT_HAS(refusal(kShape, ops::Reshape({7}), {f32({5, 2, 6})}), "cannot take the shape (7,)");
  EXPECT_HAS(refusal(kShape, ops::Reshape({1}), {f32({})}), "f32()");
}

TEST(BasicShapes, ConcatSlicePad) {
  ops::Concat concat;
  concat.axis = 2;
  EXPECT_EQ(outputs(concat, {f32({5, 2, 6}), f32({5, 2, 1}), f32({5, 2, 3})}), "f32(5, 2, 10)");
  EXPECT_HAS(refusal(kShape, concat, {f32({5, 2, 6}), f32({5, 3, 6})}),
             "f32(5, 2, 6) and f32(5, 3, 6) cannot be concatenated");
  EXPECT_HAS(refusal(kShape, concat, {f32({5, 2, 6}), f64({5, 2, 6})}), "f64(5, 2, 6)");
  EXPECT_HAS(refusal(kArgument, concat, {f32({5, 2})}), "axis 2 is not an axis of f32(5, 2)");
  EXPECT_HAS(refusal(kArgument, concat, {}), "nothing to concatenate");

  ops::Slice slice;
  slice.begin = 2;
  slice.size = 3;
  EXPECT_EQ(outputs(slice, {f32({4, 5})}), "f32(4, 3)");
  EXPECT_HAS(refusal(kArgument, slice, {f32({4, 4})}), "cells [2, 2 + 3) are not inside axis 1");
  slice.axis = 0;
  EXPECT_HAS(refusal(kArgument, slice, {f32({4, 4})}), "axis 0 is not an axis");

  ops::Pad pad;
  pad.before = 1;
  pad.after = 2;
  EXPECT_EQ(outputs(pad, {f32({4, 5})}), "f32(4, 8)");
  pad.after = -1;
  EXPECT_HAS(refusal(kArgument, pad, {f32({4, 5})}), "padding is >= 0, not 1 and -1");
}

TEST(BasicShapes, Dropout) {
  ops::Dropout op;
  EXPECT_EQ(outputs(op, {f32({4, 5}), i64({}), i64({})}), "f32(4, 5)");
  EXPECT_HAS(refusal(kArgument, op, {f32({4, 5}), i32({}), i64({})}),
             "the seed must be of type i64, not i32");
  op.rate = 1;
  EXPECT_HAS(refusal(kArgument, op, {f32({4, 5}), i64({}), i64({})}),
             "a dropout rate is in [0, 1), not 1");
}

TEST(BasicShapes, Reductions) {
  EXPECT_EQ(outputs(ops::Mean{}, {f32({4, 5})}), "f32()");
  EXPECT_HAS(refusal(kShape, ops::Mean{}, {f32({0, 5})}), "has no elements");
  ops::Broadcast broadcast;
  broadcast.shape = {2, 3};
  EXPECT_EQ(outputs(broadcast, {f64({})}), "f64(2, 3)");
  EXPECT_HAS(refusal(kShape, broadcast, {f32({1})}), "must have shape ()");
  ops::WeightPenalty penalty;
  EXPECT_EQ(outputs(penalty, {f32({4, 5})}), "f32()");
  penalty.l2 = -1;
  EXPECT_HAS(refusal(kArgument, penalty, {f32({4, 5})}), "finite and >= 0, not 0 and -1");
}

TEST(BasicShapes, Activations) {
  EXPECT_EQ(outputs(ops::Activate({Activation::Kind::relu}), {f32({4, 5})}), "f32(4, 5)");
  EXPECT_HAS(refusal(kArgument, ops::Activate({Activation::Kind::leaky_relu, -0.1}), {f32({4})}),
             "alpha is finite and >= 0, not -0.1");
  EXPECT_HAS(refusal(kShape, ops::Softmax{}, {f32({})}), "softmax needs a last axis");
  EXPECT_HAS(refusal(kShape, ops::Softmax{}, {f32({3, 0})}), "f32(3, 0)");
}

TEST(BasicShapes, SoftmaxCrossEntropy) {
  ops::SoftmaxCrossEntropy op;
  EXPECT_EQ(outputs(op, {f32({8, 10}), i32({8})}), "f32(8,), f32(8, 10)");
  EXPECT_EQ(outputs(op, {f32({8, 10}), f32({8, 10})}), "f32(8,), f32(8, 10)");
  EXPECT_HAS(refusal(kShape, op, {f32({8, 10}), i32({8, 1})}),
             "the labels for f32(8, 10) must be i32(8,) or f32(8, 10), not i32(8, 1)");
  EXPECT_HAS(refusal(kShape, op, {f32({8, 10}), f32({8, 9})}), "not f32(8, 9)");
  EXPECT_HAS(refusal(kShape, op, {f32({8, 2, 10}), i32({8})}), "the logits must have 2 axes");
  EXPECT_HAS(refusal(kShape, op, {f32({8, 0}), i32({8})}), "at least one class");
  op.label_smoothing = 1.5;
  EXPECT_HAS(refusal(kArgument, op, {f32({8, 10}), i32({8})}),
             "label smoothing is in [0, 1], not 1.5");
}

TEST(BasicShapes, PointwiseLoss) {
  ops::PointwiseLoss op;
  EXPECT_EQ(outputs(op, {f32({8, 4, 4, 3}), f32({8, 4, 4, 3})}), "f32(8,)");
  EXPECT_EQ(outputs(op, {f32({8}), f32({8})}), "f32(8,)");
  EXPECT_HAS(refusal(kShape, op, {f32({8, 3}), f32({8})}), "must be of one type");
  EXPECT_HAS(refusal(kShape, op, {f32({8, 0}), f32({8, 0})}), "with elements in each sample");
  op.delta = 0;
  EXPECT_HAS(refusal(kArgument, op, {f32({8}), f32({8})}), "huber's delta is > 0, not 0");
  op.delta = 1;
  op.kind = ops::PointwiseLoss::Kind::cross_entropy;
  EXPECT_HAS(refusal(kShape, op, {f32({8}), f32({8})}), "at least 2 axes");
}

TEST(BasicShapes, LabelsAndMetrics) {
  ops::OneHot one_hot;
  one_hot.classes = 7;
  EXPECT_EQ(outputs(one_hot, {i32({5})}), "f32(5, 7)");
  EXPECT_HAS(refusal(kArgument, one_hot, {f32({5})}), "the labels must be of type i32, not f32");
  ops::Accuracy accuracy;
  EXPECT_EQ(outputs(accuracy, {f32({5, 7}), i32({5})}), "f32(5,)");
  accuracy.binary = true;
  EXPECT_EQ(outputs(accuracy, {f32({5, 7}), f32({5, 7})}), "f32(5,)");
  EXPECT_EQ(outputs(accuracy, {f32({5, 1}), i32({5})}), "f32(5,)");
  EXPECT_HAS(refusal(kShape, accuracy, {f32({5, 7}), i32({5})}), "needs labels of that type");
}

// ---- The update phase ----

std::vector<ValueType> update_inputs(std::size_t tensors) {
  std::vector<ValueType> types = {i32({}), f64({}), f32({}), i64({})};
  types.resize(types.size() + tensors, f32({3, 4}));
  return types;
}

TEST(BasicShapes, OptimizersCountTheirInputs) {
  ops::SgdUpdate sgd;
  sgd.parameters = 2;
  EXPECT_EQ(outputs(sgd, update_inputs(4)), "");
  EXPECT_EQ(sgd.effects(), (std::vector<int>{4, 6}));
  sgd.momentum = 0.9;
  EXPECT_EQ(outputs(sgd, update_inputs(6)), "");
  EXPECT_EQ(sgd.effects(), (std::vector<int>{4, 6, 7, 9}));
  EXPECT_HAS(refusal(kArgument, sgd, update_inputs(4)), "takes 10 inputs, not 8");
  ops::AdamUpdate adam;
  adam.parameters = 2;
  EXPECT_EQ(outputs(adam, update_inputs(8)), "");
  EXPECT_EQ(adam.effects(), (std::vector<int>{4, 6, 7, 8, 10, 11}));
  std::vector<ValueType> mixed = update_inputs(8);
  mixed[6] = f32({4, 3});
  EXPECT_HAS(refusal(kShape, adam, mixed), "f32(3, 4) and f32(4, 3)");
}

TEST(BasicShapes, OptimizersRefuseSenselessNumbers) {
  const auto message = [](auto change) {
    ops::AdamUpdate op;
    change(op);
    return refusal(kArgument, op, update_inputs(0));
  };
  EXPECT_HAS(message([](ops::AdamUpdate& op) { op.clip_norm = op.clip_value = 1; }),
             "choose one of clip_value, clip_norm and global_clip_norm, not 2");
  EXPECT_HAS(message([](ops::AdamUpdate& op) { op.clip_value = -1; }), "a limit > 0, not -1");
  EXPECT_HAS(message([](ops::AdamUpdate& op) { op.weight_decay = -1; }),
             "weight_decay is finite and >= 0, not -1");
  EXPECT_HAS(message([](ops::AdamUpdate& op) { op.beta1 = 1; }), "beta1 is in [0, 1), not 1");
  EXPECT_HAS(message([](ops::AdamUpdate& op) { op.beta2 = -0.1; }), "beta2 is in [0, 1), not -0.1");
  EXPECT_HAS(message([](ops::AdamUpdate& op) { op.epsilon = -1; }), "epsilon is >= 0, not -1");
}

TEST(BasicShapes, CountersAndSums) {
  EXPECT_EQ(outputs(ops::GradientCheck{}, {f32({}), f32({2, 3})}), "f64(), i32()");
  EXPECT_HAS(refusal(kShape, ops::GradientCheck{}, {f32({5})}), "the loss must have shape ()");
  EXPECT_HAS(refusal(kShape, ops::AdvanceStep{}, {i64({}), i64({}), f32({0}), i64({}), f32({})}),
             "the table of rates is empty");
  EXPECT_HAS(refusal(kShape, ops::AccumulateMetric{}, {f64({}), f64({}), f32({}), i32({})}),
             "the metric's values must have 1 axes");
  EXPECT_HAS(refusal(kArgument, ops::CommitStep{}, {i64({}), f32({})}),
             "'finite' must be of type i32, not f32");
}

}  // namespace
}  // namespace fovea
