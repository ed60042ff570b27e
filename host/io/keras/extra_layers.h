// What Keras's layers can do beyond the library's own, made of the same ops.
#pragma once

#include "fovea/layers.h"

namespace fovea::keras {

/// A layer that is given its axis by number: throws unsupported where that is not the last one,
/// the only one along which `inner` works. Of the same kind as `inner`.
class LastAxis : public Layer {
 public:
  LastAxis(AnyLayer inner, std::int64_t axis);
  std::string_view kind() const override { return inner_->kind(); }
  std::shared_ptr<const Layer> clone() const override {
    return std::make_shared<const LastAxis>(*this);
  }
  Value build(Builder& b, Value x) const override;

 private:
  AnyLayer inner_;
  std::int64_t axis_;
};

struct DepthwiseOptions {
  std::int64_t multiplier = 1;
  Size2 strides = 1;
  LayerPadding padding = {};
  Size2 dilation = 1;
  LayerActivation activation = {};
  bool use_bias = true;
  Initializer kernel_initializer = glorot_uniform();
  Initializer bias_initializer = zeros();
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
  Regularizer activity_regularizer = {};
};

/// A Conv2D with as many groups as there are channels. (N,H,W,C) -> (N,OH,OW,C multiplier).
/// Parameters as Conv2D's: "weight" (C multiplier,kh,kw,1) and "bias".
class DepthwiseConv2D : public LayerBase<DepthwiseConv2D> {
 public:
  static constexpr std::string_view kKind = "DepthwiseConv2D";
  DepthwiseConv2D(Size2 kernel, const DepthwiseOptions& options, std::string name);
  Value build(Builder& b, Value x) const override;

 private:
  Size2 kernel_;
  DepthwiseOptions options_;
};

/// Batch norm whose gamma is 1 (without `scale`) or whose beta is 0 (without `center`).
class PartialBatchNorm : public LayerBase<PartialBatchNorm> {
 public:
  static constexpr std::string_view kKind = "BatchNormalization";
  PartialBatchNorm(const BatchNormOptions& options, bool scale, bool center);
  Value build(Builder& b, Value x) const override;

 private:
  BatchNormOptions options_;
  bool scale_;
  bool center_;
};

/// Zeros around the last two axes: ZeroPadding2D with data_format channels_first.
class ZeroPaddingLastAxes : public LayerBase<ZeroPaddingLastAxes> {
 public:
  static constexpr std::string_view kKind = "ZeroPadding2D";
  ZeroPaddingLastAxes(const Padding& cells, std::string name);
  Value build(Builder& b, Value x) const override;

 private:
  Padding cells_;
};

}  // namespace fovea::keras
