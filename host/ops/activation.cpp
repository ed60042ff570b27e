// Shapes and gradients of activations and softmax.
#include "fovea/ops/activation.h"

#include <cmath>

#include "fovea/graph.h"
#include "host/ops/type_checks.h"

namespace fovea::ops {
namespace {

// A negative alpha would make leaky_relu and elu non-monotonic, and their derivatives could no
// longer be had from y.
void require_valid(const Activation& activation) {
  FOVEA_REQUIRE(std::isfinite(activation.alpha) && activation.alpha >= 0, invalid_argument,
                "an activation's alpha is finite and >= 0, not ", activation.alpha);
}

void require_last_axis(const ValueType& type) {
  FOVEA_REQUIRE(type.shape.rank() >= 1 && type.shape.c() >= 1, shape_mismatch,
                "softmax needs a last axis with at least one element, not ", to_string(type));
}

}  // namespace

std::vector<ValueType> Activate::infer(std::span<const ValueType> inputs) const {
  require_equal_floating(inputs, 1);
  require_valid(activation);
  return {inputs[0]};
}

std::vector<Value> Activate::backward(const BackwardContext& context) const {
  const Value dy = context.output_grads[0];
  if (activation.kind == Activation::Kind::identity) return {dy};
  ActivateBackward gradient;
  gradient.activation = activation;
  const bool saves_input = ActivateBackward::saves_input(activation.kind);
  const Value saved = saves_input ? context.inputs[0] : context.outputs[0];
  return {context.builder.add(gradient, {dy, saved})};
}

bool ActivateBackward::saves_input(Activation::Kind kind) {
  return kind == Activation::Kind::gelu || kind == Activation::Kind::silu ||
         kind == Activation::Kind::hard_swish;
}

std::vector<ValueType> ActivateBackward::infer(std::span<const ValueType> inputs) const {
  require_equal_floating(inputs, 2);
  require_valid(activation);
  return {inputs[0]};
}

std::vector<ValueType> Softmax::infer(std::span<const ValueType> inputs) const {
  require_equal_floating(inputs, 1);
  require_last_axis(inputs[0]);
  return {inputs[0]};
}

std::vector<Value> Softmax::backward(const BackwardContext& context) const {
  return {context.builder.add(SoftmaxBackward{}, {context.output_grads[0], context.outputs[0]})};
}

std::vector<ValueType> SoftmaxBackward::infer(std::span<const ValueType> inputs) const {
  require_equal_floating(inputs, 2);
  require_last_axis(inputs[0]);
  return {inputs[0]};
}

}  // namespace fovea::ops
