// Batch normalization: shapes and gradients.
#include "fovea/ops/norm.h"

#include "fovea/graph.h"
#include "fovea/ops/basic.h"

namespace fovea::ops {
namespace {

/// In which scales, offsets, statistics and their gradients are kept for values of type `x`: never
/// in 16 bits, in which running statistics would stand still and variances lose their digits.
DType parameter_dtype(DType x) { return dtype_size(x) < dtype_size(DType::f32) ? DType::f32 : x; }

/// The type of one number per channel of x; checks x, epsilon and those of `inputs` that must be
/// such vectors.
ValueType per_channel(const ValueType& x, double epsilon, std::span<const ValueType> vectors) {
  require_floating(x, "the input");
  FOVEA_REQUIRE(x.shape.rank() >= 2, shape_mismatch,
                "the input must have a batch axis and a channel axis at least, not shape ",
                x.shape);
  FOVEA_REQUIRE(epsilon >= 0, invalid_argument, "epsilon must be >= 0, not ", epsilon);
  const ValueType channels{{x.shape.c()}, parameter_dtype(x.dtype)};
  for (const ValueType& vector : vectors) {
    require_type(vector, channels, "each vector of scales, offsets or statistics");
  }
  return channels;
}

/// The types of (dx, dgamma, dbeta) from those of (dy, x, gamma, mean, var).
std::vector<ValueType> gradients_of(std::span<const ValueType> inputs, double epsilon) {
  const ValueType channels = per_channel(inputs[1], epsilon, inputs.subspan(2, 3));
  require_type(inputs[0], inputs[1], "the output's gradient");
  return {inputs[1], channels, channels};
}

}  // namespace

std::vector<ValueType> BatchNorm::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 5);
  const ValueType channels = per_channel(inputs[0], epsilon, inputs.subspan(1, 4));
  return {inputs[0], channels, channels};
}

std::vector<Value> BatchNorm::backward(const BackwardContext& context) const {
  FOVEA_REQUIRE(!context.output_grads[1].defined() && !context.output_grads[2].defined(),
                unsupported, "a batch's mean and variance have no gradient");
  BatchNormBackward op;
  op.epsilon = epsilon;
  const Outputs gradients =
      context.builder.add(op, {context.output_grads[0], context.inputs[0], context.inputs[1],
                               context.outputs[1], context.outputs[2]});
  return {gradients[0], gradients[1], gradients[2], Value{}, Value{}};
}

std::vector<ValueType> BatchNormBackward::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 5);
  return gradients_of(inputs, epsilon);
}

std::vector<ValueType> BatchNormInference::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 5);
  per_channel(inputs[0], epsilon, inputs.subspan(1, 4));
  return {inputs[0]};
}

std::vector<Value> BatchNormInference::backward(const BackwardContext& context) const {
  BatchNormInferenceBackward op;
  op.epsilon = epsilon;
  const Outputs gradients =
      context.builder.add(op, {context.output_grads[0], context.inputs[0], context.inputs[1],
                               context.inputs[3], context.inputs[4]});
  return {gradients[0], gradients[1], gradients[2], Value{}, Value{}};
}

std::vector<ValueType> BatchNormInferenceBackward::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 5);
  return gradients_of(inputs, epsilon);
}

std::vector<ValueType> BatchNormAct::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, residual ? 6 : 5);
  const ValueType channels = per_channel(inputs[0], epsilon, inputs.subspan(1, 4));
  if (residual) require_type(inputs[5], inputs[0], "the residual");
  return {inputs[0], channels, channels};
}

std::optional<std::vector<Value>> BatchNormAct::expand(Builder& b,
                                                       std::span<const Value> inputs) const {
  BatchNorm norm;
  norm.epsilon = epsilon;
  norm.momentum = momentum;
  const Outputs normalized = b.add(norm, {inputs[0], inputs[1], inputs[2], inputs[3], inputs[4]});
  Value y = normalized[0];
  if (residual) y = b.add(Add{}, {y, inputs[5]});
  if (activation.kind != Activation::Kind::identity) y = b.add(Activate(activation), {y});
  return std::vector<Value>{y, normalized[1], normalized[2]};
}

std::vector<ValueType> BatchNormActBackward::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 6);
  const ValueType& x = inputs[2];
  const ValueType channels = per_channel(x, epsilon, inputs.subspan(3, 3));
  require_type(inputs[0], x, "the output's gradient");
  require_type(inputs[1], x, "the activation's saved value");
  return {x, x, channels, channels};
}

std::optional<std::vector<Value>> BatchNormActBackward::expand(
    Builder& b, std::span<const Value> inputs) const {
  ActivateBackward activate;
  activate.activation = activation;
  const Value d = b.add(activate, {inputs[0], inputs[1]});
  BatchNormBackward norm;
  norm.epsilon = epsilon;
  const Outputs gradients = b.add(norm, {d, inputs[2], inputs[3], inputs[4], inputs[5]});
  return std::vector<Value>{d, gradients[0], gradients[1], gradients[2]};
}

std::vector<ValueType> FoldBatchNorm::infer(std::span<const ValueType> inputs) const {
  FOVEA_REQUIRE(inputs.size() == 5 || inputs.size() == 6, invalid_argument,
                "takes 5 inputs, or 6 with a bias, not ", inputs.size());
  const ValueType& w = inputs[0];
  require_floating(w, "the weights");
  FOVEA_REQUIRE(w.shape.rank() >= 2, shape_mismatch, "the weights must have an axis of filters ",
                "and others after it, not shape ", w.shape);
  const ValueType filters{{w.shape[0]}, parameter_dtype(w.dtype)};
  for (const ValueType& vector : inputs.subspan(1, 4)) {
    require_type(vector, filters, "each vector of scales, offsets or statistics");
  }
  const ValueType bias{filters.shape, w.dtype};
  if (inputs.size() == 6) require_type(inputs[5], bias, "the convolution's bias");
  return {w, bias};
}

}  // namespace fovea::ops
