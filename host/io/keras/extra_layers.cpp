#include "host/io/keras/extra_layers.h"

#include "fovea/ops/basic.h"
#include "fovea/ops/norm.h"
#include "host/layers/checks.h"

namespace fovea::keras {

LastAxis::LastAxis(AnyLayer inner, std::int64_t axis)
    : Layer(inner->name()), inner_(std::move(inner)), axis_(axis) {}

Value LastAxis::build(Builder& b, Value x) const {
  const int last = b.shape(x).rank() - 1;
  FOVEA_REQUIRE(axis_ == -1 || axis_ == last, unsupported, "'", b.path(), "' (", kind(),
                "): axis = ", axis_, " is not supported; it must be the last one, -1 or ", last);
  return inner_->build(b, x);
}

DepthwiseConv2D::DepthwiseConv2D(Size2 kernel, const DepthwiseOptions& options, std::string name)
    : LayerBase(std::move(name)), kernel_(kernel), options_(options) {
  detail::require_positive(kKind, "depth_multiplier", options_.multiplier);
}

Value DepthwiseConv2D::build(Builder& b, Value x) const {
  detail::require_picture(b, *this, x);
  const std::int64_t channels = b.shape(x).c();
  return Conv2D(channels * options_.multiplier, kernel_,
                {.strides = options_.strides,
                 .padding = options_.padding,
                 .dilation = options_.dilation,
                 .groups = channels,
                 .activation = options_.activation,
                 .use_bias = options_.use_bias,
                 .kernel_initializer = options_.kernel_initializer,
                 .bias_initializer = options_.bias_initializer,
                 .kernel_regularizer = options_.kernel_regularizer,
                 .bias_regularizer = options_.bias_regularizer,
                 .activity_regularizer = options_.activity_regularizer})
      .build(b, x);
}

PartialBatchNorm::PartialBatchNorm(const BatchNormOptions& options, bool scale, bool center)
    : LayerBase(options.name), options_(options), scale_(scale), center_(center) {}

Value PartialBatchNorm::build(Builder& b, Value x) const {
  detail::require_floating(b, *this, x);
  const Shape channels{b.shape(x).c()};
  ops::BatchNorm norm;
  norm.epsilon = options_.epsilon;
  norm.momentum = options_.momentum;
  const Value gamma = scale_ ? b.parameter("gamma", channels, ones()) : b.constant(channels, 1);
  const Value beta = center_ ? b.parameter("beta", channels, zeros()) : b.constant(channels, 0);
  const Value mean = b.state("running_mean", channels, 0);
  const Value variance = b.state("running_var", channels, 1);
  return b.add(norm, {x, gamma, beta, mean, variance});
}

ZeroPaddingLastAxes::ZeroPaddingLastAxes(const Padding& cells, std::string name)
    : LayerBase(std::move(name)), cells_(cells) {}

Value ZeroPaddingLastAxes::build(Builder& b, Value x) const {
  detail::require_picture(b, *this, x);
  ops::Pad columns;
  columns.axis = 2;
  columns.before = cells_.top;
  columns.after = cells_.bottom;
  ops::Pad channels;
  channels.axis = 3;
  channels.before = cells_.left;
  channels.after = cells_.right;
  return b.add(channels, {b.add(columns, {x})});
}

}  // namespace fovea::keras
