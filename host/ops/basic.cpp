// Shapes and gradients of arithmetic, shape changes, dropout and reductions.
#include "fovea/ops/basic.h"

#include <cmath>

#include "fovea/graph.h"
#include "host/ops/type_checks.h"

namespace fovea::ops {
namespace {

/// The axis that Concat, Slice and Pad work along: any but the first, the batch.
void require_inner_axis(const ValueType& type, int axis) {
  FOVEA_REQUIRE(axis >= 1 && axis < type.shape.rank(), invalid_argument, "axis ", axis,
                " is not an axis of ", to_string(type), " behind the first");
}

ValueType with_size(ValueType type, int axis, std::int64_t size) {
  type.shape.set(axis, size);
  return type;
}

/// A penalty's factors, which a sign change would turn into a reward for large weights.
void require_penalty(double l1, double l2) {
  FOVEA_REQUIRE(std::isfinite(l1) && std::isfinite(l2) && l1 >= 0 && l2 >= 0, invalid_argument,
                "the penalties l1 and l2 are finite and >= 0, not ", l1, " and ", l2);
}

}  // namespace

// ---- Arithmetic ----

std::vector<ValueType> Add::infer(std::span<const ValueType> inputs) const {
  require_equal_floating(inputs, 2);
  return {inputs[0]};
}

std::vector<Value> Add::backward(const BackwardContext& context) const {
  return {context.output_grads[0], context.output_grads[0]};
}

std::vector<ValueType> Multiply::infer(std::span<const ValueType> inputs) const {
  require_equal_floating(inputs, 2);
  return {inputs[0]};
}

std::vector<Value> Multiply::backward(const BackwardContext& context) const {
  const Value dy = context.output_grads[0];
  std::vector<Value> gradients(2);
  for (std::size_t i = 0; i < 2; ++i) {
    if (!context.wanted[i]) continue;
    gradients[i] = context.builder.add(Multiply{}, {dy, context.inputs[1 - i]});
  }
  return gradients;
}

std::vector<ValueType> Scale::infer(std::span<const ValueType> inputs) const {
  require_equal_floating(inputs, 1);
  return {inputs[0]};
}

std::vector<Value> Scale::backward(const BackwardContext& context) const {
  return {context.builder.add(Scale(*this), {context.output_grads[0]})};
}

std::vector<ValueType> Rescale::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 1);
  const ValueType& x = inputs[0];
  FOVEA_REQUIRE(x.dtype == DType::u8 || is_floating(x.dtype), invalid_argument,
                "only u8 and floating values can be rescaled, not ", to_string(x));
  FOVEA_REQUIRE(is_floating(dtype), invalid_argument, "rescaled values are floating, not ",
                dtype_name(dtype));
  FOVEA_REQUIRE(!scale.empty() && offset.size() == scale.size(), invalid_argument,
                "rescaling needs as many scales as offsets, not ", scale.size(), " and ",
                offset.size());
  const bool per_channel =
      x.shape.rank() >= 1 && x.shape.c() == static_cast<std::int64_t>(scale.size());
  FOVEA_REQUIRE(scale.size() == 1 || per_channel, shape_mismatch, scale.size(),
                " scales do not fit the channels of ", to_string(x));
  return {{x.shape, dtype}};
}

std::vector<Value> Rescale::backward(const BackwardContext& context) const {
  const DType input_dtype = context.builder.type(context.inputs[0]).dtype;
  if (!is_floating(input_dtype)) return {Value{}};
  Rescale gradient(*this);
  gradient.offset.assign(scale.size(), 0);
  gradient.dtype = input_dtype;
  return {context.builder.add(gradient, {context.output_grads[0]})};
}

std::vector<ValueType> Cast::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 1);
  require_floating(inputs[0], "the input of a cast");
  FOVEA_REQUIRE(is_floating(dtype), invalid_argument, "a cast is to a floating type, not to ",
                dtype_name(dtype));
  return {{inputs[0].shape, dtype}};
}

std::vector<Value> Cast::backward(const BackwardContext& context) const {
  const DType input_dtype = context.builder.type(context.inputs[0]).dtype;
  return {context.builder.add(Cast(input_dtype), {context.output_grads[0]})};
}

// ---- Shapes ----

std::vector<ValueType> Reshape::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 1);
  const ValueType& x = inputs[0];
  FOVEA_REQUIRE(x.shape.rank() >= 1 && x.shape.drop_front().numel() == tail.numel(), shape_mismatch,
                "the elements of each sample of ", to_string(x), " cannot take the shape ", tail);
  return {{tail.prepend(x.shape[0]), x.dtype}};
}

std::vector<Value> Reshape::backward(const BackwardContext& context) const {
  const Shape tail_before = context.builder.shape(context.inputs[0]).drop_front();
  return {context.builder.add(Reshape(tail_before), {context.output_grads[0]})};
}

std::vector<ValueType> Concat::infer(std::span<const ValueType> inputs) const {
  FOVEA_REQUIRE(!inputs.empty(), invalid_argument, "nothing to concatenate");
  std::int64_t size = 0;
  for (const ValueType& input : inputs) {
    require_inner_axis(input, axis);
    size += input.shape[axis];
    FOVEA_REQUIRE(with_size(input, axis, 0) == with_size(inputs[0], axis, 0), shape_mismatch,
                  to_string(inputs[0]), " and ", to_string(input),
                  " cannot be concatenated: they differ in more than axis ", axis);
  }
  return {with_size(inputs[0], axis, size)};
}

std::vector<Value> Concat::backward(const BackwardContext& context) const {
  std::vector<Value> gradients(context.inputs.size());
  Slice part;
  part.axis = axis;
  for (std::size_t i = 0; i < context.inputs.size(); ++i) {
    part.size = context.builder.shape(context.inputs[i])[axis];
    if (context.wanted[i]) gradients[i] = context.builder.add(part, {context.output_grads[0]});
    part.begin += part.size;
  }
  return gradients;
}

std::vector<ValueType> Slice::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 1);
  require_inner_axis(inputs[0], axis);
  FOVEA_REQUIRE(begin >= 0 && size >= 0 && begin <= inputs[0].shape[axis] - size, invalid_argument,
                "cells [", begin, ", ", begin, " + ", size, ") are not inside axis ", axis, " of ",
                to_string(inputs[0]));
  return {with_size(inputs[0], axis, size)};
}

std::vector<Value> Slice::backward(const BackwardContext& context) const {
  Pad gradient;
  gradient.axis = axis;
  gradient.before = begin;
  gradient.after = context.builder.shape(context.inputs[0])[axis] - begin - size;
  return {context.builder.add(gradient, {context.output_grads[0]})};
}

std::vector<ValueType> Pad::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 1);
  require_inner_axis(inputs[0], axis);
  FOVEA_REQUIRE(before >= 0 && after >= 0, invalid_argument, "padding is >= 0, not ", before,
                " and ", after);
  return {with_size(inputs[0], axis, before + inputs[0].shape[axis] + after)};
}

std::vector<Value> Pad::backward(const BackwardContext& context) const {
  Slice gradient;
  gradient.axis = axis;
  gradient.begin = before;
  gradient.size = context.builder.shape(context.inputs[0])[axis];
  return {context.builder.add(gradient, {context.output_grads[0]})};
}

std::vector<ValueType> Reorder::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 1);
  return {inputs[0]};
}

// ---- Random masks ----

std::vector<ValueType> Dropout::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 3);
  require_floating(inputs[0], "the input of dropout");
  require_scalar(inputs[1], DType::i64, "the seed");
  require_scalar(inputs[2], DType::i64, "the step counter");
  FOVEA_REQUIRE(rate >= 0 && rate < 1, invalid_argument, "a dropout rate is in [0, 1), not ", rate);
  return {inputs[0]};
}

std::vector<Value> Dropout::backward(const BackwardContext& context) const {
  const std::span<const Value> in = context.inputs;
  return {context.builder.add(Dropout(*this), {context.output_grads[0], in[1], in[2]}), {}, {}};
}

// ---- Reductions to one number, and back ----

std::vector<ValueType> Mean::infer(std::span<const ValueType> inputs) const {
  require_equal_floating(inputs, 1);
  FOVEA_REQUIRE(inputs[0].shape.numel() > 0, shape_mismatch, to_string(inputs[0]),
                " has no elements, so it has no mean");
  return {{{}, inputs[0].dtype}};
}

std::vector<Value> Mean::backward(const BackwardContext& context) const {
  Broadcast gradient;
  gradient.shape = context.builder.shape(context.inputs[0]);
  gradient.factor = 1.0 / static_cast<double>(gradient.shape.numel());
  return {context.builder.add(gradient, {context.output_grads[0]})};
}

std::vector<ValueType> Broadcast::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 1);
  require_floating(inputs[0], "the number to broadcast");
  require_scalar(inputs[0], inputs[0].dtype, "the number to broadcast");
  return {{shape, inputs[0].dtype}};
}

std::vector<ValueType> WeightPenalty::infer(std::span<const ValueType> inputs) const {
  require_equal_floating(inputs, 1);
  require_penalty(l1, l2);
  return {{{}, inputs[0].dtype}};
}

std::vector<Value> WeightPenalty::backward(const BackwardContext& context) const {
  WeightPenaltyBackward gradient;
  gradient.l1 = l1;
  gradient.l2 = l2;
  return {context.builder.add(gradient, {context.output_grads[0], context.inputs[0]})};
}

std::vector<ValueType> WeightPenaltyBackward::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 2);
  require_floating(inputs[1], "the weight");
  require_scalar(inputs[0], inputs[1].dtype, "the penalty's gradient");
  require_penalty(l1, l2);
  return {inputs[1]};
}

}  // namespace fovea::ops
