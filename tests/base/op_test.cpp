// Ops by name: every attribute of every registered op goes to JSON and comes back, bad descriptions
// are refused with the reason, and programs can add ops of their own.
#include "fovea/op.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fovea/graph.h"
#include "fovea/ops.h"

namespace fovea {
namespace {

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

/// The message of what `body` throws, which must have this code.
template <class Body>
std::string error_of(ErrorCode code, const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

// ---- Attributes ----

/// Gives an attribute a value that is not its default.
void change(std::vector<std::int64_t>& value) { value.push_back(7); }
void change(bool& value) { value = !value; }
void change(int& value) { value += 3; }
void change(std::int64_t& value) { value += 5; }
void change(std::uint64_t& value) { value = 0xFEDCBA9876543210; }  // beyond an i64
void change(double& value) { value += 0.1; }
void change(std::string& value) { value += "x"; }
void change(Size2& value) { value = Size2(value.h + 2, value.w + 7); }
void change(DType& value) { value = DType::f64; }
void change(Shape& value) { value = Shape{3, 1, 5}; }
void change(Padding& value) { value = Padding::cells(1, 2, 3, 4); }
void change(Activation& value) { value = {Activation::Kind::elu, 0.25}; }
void change(Initializer& value) { value = {Initializer::Kind::normal, 0.5}; }
void change(ops::RowLoss::Kind& value) { value = ops::RowLoss::Kind::tanimoto; }
void change(ops::PointwiseLoss::Kind& value) { value = ops::PointwiseLoss::Kind::huber; }
void change(std::vector<double>& value) { value = {0.1, -2, 1e-30}; }
void change(std::vector<PictureStep>& value) {
  value = {{PictureStep::Kind::shift, 4, 1}, {PictureStep::Kind::contrast, 0.1, 0}};
}

template <class DerivedOp>
void expect_round_trip() {
  SCOPED_TRACE(DerivedOp::kName);
  DerivedOp op;
  const Json defaults = op.attributes();
  DerivedOp::fields(op, [](std::string_view, auto& value) { change(value); });
  const Json attributes = op.attributes();
  for (const auto& [key, value] : attributes.as_object()) EXPECT_NE(value, defaults.at(key)) << key;

  const OpPtr copy = make_op(DerivedOp::kName, Json::parse(attributes.to_string()));
  EXPECT_NE(dynamic_cast<const DerivedOp*>(copy.get()), nullptr);
  EXPECT_EQ(copy->attributes().to_string(), attributes.to_string());
}

/// Returns the ops' names.
template <class... Ops>
std::vector<std::string> expect_round_trips() {
  (expect_round_trip<Ops>(), ...);
  return {std::string(Ops::kName)...};
}

TEST(Op, EveryAttributeOfEveryOpComesBackFromJson) {
  using namespace ops;  // NOLINT(google-build-using-namespace): the list reads better
  std::vector<std::string> names = expect_round_trips<
      Input, Parameter, State, Constant, Add, Multiply, Scale, Rescale, Cast, Reshape, Concat,
      Slice, Pad, Transpose, Dropout, Mean, Broadcast, WeightPenalty, WeightPenaltyBackward,
      Reorder, Activate, ActivateBackward, Softmax, SoftmaxBackward, Conv2d, Conv2dBackwardData,
      Conv2dBackwardFilter, Conv2dBiasAct, Conv2dBackwardFilterBias, Conv2dBatchNormAct,
      Conv2dBackwardDataBatchNormRelu, MatMul, AddBias, BiasGrad, MatMulBiasAct,
      MatMulBackwardWeightBias, MaxPool2d, MinPool2d, MaxPool2dBackward, AvgPool2d,
      AvgPool2dBackward, GlobalAvgPool, GlobalAvgPoolBackward, BatchNorm, BatchNormBackward,
      BatchNormInference, BatchNormInferenceBackward, BatchNormAct, BatchNormActBackward,
      FoldBatchNorm, SoftmaxCrossEntropy, SoftmaxCrossEntropyBackward, PointwiseLoss,
      PointwiseLossBackward, RowLoss, RowLossBackward, OneHot, Accuracy, SumAbove, AdvanceStep,
      GradientCheck, HoldStep, CommitStep, UpdateAverages, AccumulateMetric, AccumulateGradient,
      AverageGradients, SgdUpdate, AdamUpdate, AdagradUpdate, RmsPropUpdate, AdamaxUpdate,
      NadamUpdate, Unscale, AdjustLossScale, PictureBatch, CountLabels, ChannelMoments,
      RankedPairs>();
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, registered_ops());
}

// ---- Refusals ----

TEST(Op, AnUnknownNameIsRefusedWithTheKnownOnes) {
  const std::string message = error_of(ErrorCode::parse, [] { make_op("conv3d", Json::object()); });
  EXPECT_HAS(message, "unknown op 'conv3d'");
  EXPECT_HAS(message, "conv2d, conv2d_backward_data");
}

TEST(Op, BadAttributesAreRefusedByNameOfOpAndAttribute) {
  const auto error = [](std::string_view op, const std::string& attributes) {
    return error_of(ErrorCode::parse, [&] { make_op(op, Json::parse(attributes)); });
  };
  const std::string missing = error("scale", "{}");
  EXPECT_HAS(missing, "op 'scale'");
  EXPECT_HAS(missing, "factor");
  EXPECT_HAS(error("scale", R"({"factor": "two"})"), "op 'scale'");
  EXPECT_HAS(error("scale", R"({"factor": 2, "bias": 1})"), "unknown attribute 'bias'");
  const std::string unknown_kind =
      error("activate", R"({"activation": {"kind": "swish", "alpha": 0}})");
  EXPECT_HAS(unknown_kind, "op 'activate'");
  EXPECT_HAS(unknown_kind, "unknown value 'swish'; known: identity, relu");
  EXPECT_HAS(error("reshape", R"({"tail": [2, -1]})"), "op 'reshape'");
}

// ---- Ops of other programs, and what an op need not define ----

struct Negate : OpBase<Negate> {
  static constexpr std::string_view kName = "test_negate";
  std::int64_t times = 1;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("times", self.times);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    ops::require_inputs(inputs, 1);
    return {inputs[0]};
  }
};

TEST(Op, ProgramsAddOpsUnderNamesThatAreFree) {
  register_op<Negate>();
  const OpPtr op = make_op("test_negate", Json::parse(R"({"times": 3})"));
  EXPECT_EQ(dynamic_cast<const Negate&>(*op).times, 3);
  const std::vector<std::string> names = registered_ops();
  EXPECT_EQ(std::count(names.begin(), names.end(), "test_negate"), 1);
  EXPECT_HAS(error_of(ErrorCode::invalid_argument, [] { register_op<Negate>(); }), "test_negate");
  EXPECT_HAS(
      error_of(ErrorCode::invalid_argument, [] { register_op("conv2d", &op_from_json<Negate>); }),
      "already an op named 'conv2d'");
}

TEST(Op, WhatAnOpDoesNotDefineHasADefault) {
  Graph graph;
  Builder builder(graph);
  const Value x = builder.input("x", {{2, 3}, DType::f32});
  const Value y = builder.add(Negate{}, {x});
  const Value inputs[] = {x}, outputs[] = {y}, grads[] = {y};
  const bool wanted[] = {true};
  const Negate op;
  const std::string message = error_of(ErrorCode::unsupported, [&] {
    op.backward({builder, inputs, outputs, grads, wanted});
  });
  EXPECT_HAS(message, "'test_negate' has no gradient");
  EXPECT_FALSE(op.expand(builder, inputs).has_value());
  EXPECT_TRUE(op.effects().empty());
  const ValueType type{{2, 3}, DType::f32};
  EXPECT_EQ(op.flops({&type, 1}, {&type, 1}), 0);
}

TEST(Op, TypesPrintAsTheyAreWritten) {
  EXPECT_EQ(to_string(ValueType{{32, 28, 28, 1}, DType::f32}), "f32(32, 28, 28, 1)");
  EXPECT_EQ(to_string(ValueType{{}, DType::i64}), "i64()");
}

}  // namespace
}  // namespace fovea
