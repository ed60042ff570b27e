// Convolutions: shapes and gradients.
#include "fovea/ops/conv.h"

#include "fovea/graph.h"
#include "fovea/ops/basic.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"

namespace fovea::ops {
namespace {

/// The output type of a convolution of x with w; checks both.
ValueType convolve(const ConvAttributes& attributes, const ValueType& x, const ValueType& w) {
  require_floating(x, "the input");
  require_rank(x, 4, "the input");
  require_rank(w, 4, "the weights (out, kh, kw, in / groups)");
  const std::int64_t groups = attributes.groups;
  const std::int64_t filters = w.shape[0];
  FOVEA_REQUIRE(x.shape.c() >= 1 && filters >= 1, shape_mismatch, "a convolution needs a channel ",
                "and a filter at least, not ", x.shape.c(), " and ", filters);
  FOVEA_REQUIRE(groups >= 1 && x.shape.c() % groups == 0 && filters % groups == 0, shape_mismatch,
                "groups = ", groups, " must divide the ", x.shape.c(), " input channels and the ",
                filters, " filters");
  require_type(w, {{filters, w.shape[1], w.shape[2], x.shape.c() / groups}, x.dtype},
               "the weights (out, kh, kw, in / groups)");
  const WindowGeometry window =
      attributes.geometry({x.shape.h(), x.shape.w()}, {w.shape[1], w.shape[2]});
  return {{x.shape.n(), window.output.h, window.output.w, filters}, x.dtype};
}

/// The type of the weights from x, dy and the kernel's size; checks all.
ValueType filter_gradient(const ConvAttributes& attributes, Size2 kernel, const ValueType& x,
                          const ValueType& dy) {
  require_rank(x, 4, "the input");
  require_rank(dy, 4, "the output's gradient");
  FOVEA_REQUIRE(attributes.groups >= 1, invalid_argument, "groups must be >= 1");
  const ValueType w{{dy.shape.c(), kernel.h, kernel.w, x.shape.c() / attributes.groups}, x.dtype};
  require_type(dy, convolve(attributes, x, w), "the output's gradient");
  return w;
}

double conv_flops(const ValueType& y, const ValueType& w) {
  return 2.0 * static_cast<double>(y.shape.numel()) *
         static_cast<double>(w.shape[1] * w.shape[2] * w.shape[3]);
}

}  // namespace

WindowGeometry ConvAttributes::geometry(Size2 input, Size2 kernel) const {
  return resolve_window(input, kernel, stride, dilation, padding);
}

std::vector<ValueType> Conv2d::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 2);
  return {convolve(*this, inputs[0], inputs[1])};
}

std::vector<Value> Conv2d::backward(const BackwardContext& context) const {
  const Value x = context.inputs[0];
  const Value w = context.inputs[1];
  const Value dy = context.output_grads[0];
  Builder& b = context.builder;
  std::vector<Value> gradients(2);
  if (context.wanted[0]) {
    const Size2 input(b.shape(x).h(), b.shape(x).w());
    gradients[0] = b.add(Conv2dBackwardData(*this, input), {dy, w});
  }
  if (context.wanted[1]) {
    const Size2 kernel(b.shape(w)[1], b.shape(w)[2]);
    gradients[1] = b.add(Conv2dBackwardFilter(*this, kernel), {x, dy});
  }
  return gradients;
}

double Conv2d::flops(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  return conv_flops(outputs[0], inputs[1]);
}

std::vector<ValueType> Conv2dBackwardData::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 2);
  const ValueType& dy = inputs[0];
  const ValueType& w = inputs[1];
  require_rank(dy, 4, "the output's gradient");
  require_rank(w, 4, "the weights (out, kh, kw, in / groups)");
  const ValueType x{{dy.shape.n(), input_size.h, input_size.w, w.shape.c() * groups}, dy.dtype};
  require_type(dy, convolve(*this, x, w), "the output's gradient");
  return {x};
}

double Conv2dBackwardData::flops(std::span<const ValueType> inputs,
                                 std::span<const ValueType>) const {
  return conv_flops(inputs[0], inputs[1]);
}

std::vector<ValueType> Conv2dBackwardFilter::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 2);
  return {filter_gradient(*this, kernel, inputs[0], inputs[1])};
}

double Conv2dBackwardFilter::flops(std::span<const ValueType> inputs,
                                   std::span<const ValueType> outputs) const {
  return conv_flops(inputs[1], outputs[0]);
}

std::vector<ValueType> Conv2dBiasAct::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, residual ? 4 : 3);
  const ValueType y = convolve(*this, inputs[0], inputs[1]);
  require_type(inputs[2], {{y.shape.c()}, y.dtype}, "the bias");
  if (residual) require_type(inputs[3], y, "the residual");
  return {y};
}

std::optional<std::vector<Value>> Conv2dBiasAct::expand(Builder& b,
                                                        std::span<const Value> inputs) const {
  Value y = b.add(Conv2d(*this), {inputs[0], inputs[1]});
  y = b.add(AddBias{}, {y, inputs[2]});
  if (residual) y = b.add(Add{}, {y, inputs[3]});
  if (activation.kind != Activation::Kind::identity) y = b.add(Activate(activation), {y});
  return std::vector<Value>{y};
}

double Conv2dBiasAct::flops(std::span<const ValueType> inputs,
                            std::span<const ValueType> outputs) const {
  return conv_flops(outputs[0], inputs[1]);
}

namespace {

BatchNormAct norm_of(const Conv2dBatchNormAct& op) {
  BatchNormAct norm;
  norm.epsilon = op.epsilon;
  norm.momentum = op.momentum;
  norm.activation = op.activation;
  norm.residual = op.residual;
  return norm;
}

}  // namespace

std::vector<ValueType> Conv2dBatchNormAct::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, residual ? 7 : 6);
  std::vector<ValueType> norm_inputs(inputs.begin() + 1, inputs.end());
  norm_inputs[0] = convolve(*this, inputs[0], inputs[1]);
  std::vector<ValueType> outputs = norm_of(*this).infer(norm_inputs);
  outputs.insert(outputs.begin(), norm_inputs[0]);
  return outputs;
}

std::optional<std::vector<Value>> Conv2dBatchNormAct::expand(Builder& b,
                                                             std::span<const Value> inputs) const {
  std::vector<Value> norm_inputs(inputs.begin() + 1, inputs.end());
  norm_inputs[0] = b.add(Conv2d(*this), {inputs[0], inputs[1]});
  std::vector<Value> outputs = *norm_of(*this).expand(b, norm_inputs);
  outputs.insert(outputs.begin(), norm_inputs[0]);
  return outputs;
}

double Conv2dBatchNormAct::flops(std::span<const ValueType> inputs,
                                 std::span<const ValueType> outputs) const {
  return conv_flops(outputs[0], inputs[1]);
}

std::vector<ValueType> Conv2dBackwardDataBatchNormRelu::infer(
    std::span<const ValueType> inputs) const {
  require_inputs(inputs, 7);
  const ValueType& x = inputs[2];
  require_type(inputs[0], convolve(*this, x, inputs[1]), "the output's gradient");
  BatchNormBackward norm;
  norm.epsilon = epsilon;
  std::vector<ValueType> outputs =
      norm.infer(std::vector<ValueType>{x, x, inputs[3], inputs[5], inputs[6]});
  require_type(inputs[4], inputs[3], "the offset");
  return outputs;
}

std::optional<std::vector<Value>> Conv2dBackwardDataBatchNormRelu::expand(
    Builder& b, std::span<const Value> inputs) const {
  const Value x = inputs[2], gamma = inputs[3], beta = inputs[4], mean = inputs[5], var = inputs[6];
  BatchNormInference norm;  // with the statistics of the batch
  norm.epsilon = epsilon;
  const Value before_relu = b.add(norm, {x, gamma, beta, mean, var});
  const Size2 picture(b.shape(x).h(), b.shape(x).w());
  const Value dy = b.add(Conv2dBackwardData(*this, picture), {inputs[0], inputs[1]});
  BatchNormActBackward backward;
  backward.epsilon = epsilon;
  backward.activation.kind = Activation::Kind::relu;  // positive exactly where its input is
  std::vector<Value> gradients =
      *backward.expand(b, std::vector<Value>{dy, before_relu, x, gamma, mean, var});
  gradients.erase(gradients.begin());  // d
  return gradients;
}

double Conv2dBackwardDataBatchNormRelu::flops(std::span<const ValueType> inputs,
                                              std::span<const ValueType>) const {
  return conv_flops(inputs[0], inputs[1]);
}

std::vector<ValueType> Conv2dBackwardFilterBias::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 2);
  const ValueType w = filter_gradient(*this, kernel, inputs[0], inputs[1]);
  return {w, {{w.shape[0]}, w.dtype}};
}

std::optional<std::vector<Value>> Conv2dBackwardFilterBias::expand(
    Builder& b, std::span<const Value> inputs) const {
  return std::vector<Value>{b.add(Conv2dBackwardFilter(*this, kernel), {inputs[0], inputs[1]}),
                            b.add(BiasGrad{}, {inputs[1]})};
}

double Conv2dBackwardFilterBias::flops(std::span<const ValueType> inputs,
                                       std::span<const ValueType> outputs) const {
  return conv_flops(inputs[1], outputs[0]);
}

}  // namespace fovea::ops
