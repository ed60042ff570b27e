// Conv2D, and window padding by name.
#include "fovea/layers.h"
#include "fovea/ops/matmul.h"
#include "host/layers/checks.h"
#include "host/layers/regularize.h"

namespace fovea {

LayerPadding::LayerPadding(std::string_view name) {
  if (name == "same") {
    padding_ = Padding::same();
  } else {
    FOVEA_REQUIRE(name == "valid", invalid_argument, "unknown padding '", name,
                  "'; known: valid, same, and Padding::cells(...)");
  }
}

Conv2D::Conv2D(std::int64_t filters, Size2 kernel, Conv2DOptions options)
    : LayerBase(options.name), filters_(filters), kernel_(kernel), options_(std::move(options)) {
  detail::require_positive(kKind, "filters", filters);
  detail::require_positive(kKind, "kernel", kernel);
  detail::require_positive(kKind, "strides", options_.strides);
  detail::require_positive(kKind, "dilation", options_.dilation);
  detail::require_positive(kKind, "groups", options_.groups);
  detail::require_regularizer(kKind, options_.kernel_regularizer);
  detail::require_regularizer(kKind, options_.bias_regularizer);
  detail::require_regularizer(kKind, options_.activity_regularizer);
  FOVEA_REQUIRE(filters % options_.groups == 0, invalid_argument, "Conv2D: ", filters,
                " filters cannot be divided into ", options_.groups, " groups");
}

Value Conv2D::build(Builder& b, Value x) const {
  detail::require_picture(b, *this, x);
  const std::int64_t channels = b.shape(x).c();
  FOVEA_REQUIRE(channels % options_.groups == 0, shape_mismatch, "'", b.path(),
                "' (Conv2D): ", channels, " channels cannot be divided into ", options_.groups,
                " groups");
  const Value weight =
      b.parameter("weight", {filters_, kernel_.h, kernel_.w, channels / options_.groups},
                  options_.kernel_initializer, options_.kernel_regularizer);
  const ops::Conv2d conv(
      {options_.strides, options_.padding.get(), options_.dilation, options_.groups});
  Value y = b.add(conv, {x, weight});
  if (options_.use_bias) {
    const Value bias =
        b.parameter("bias", {filters_}, options_.bias_initializer, options_.bias_regularizer);
    y = b.add(ops::AddBias{}, {y, bias});
  }
  y = options_.activation.apply(b, y);
  detail::append_activity_penalty(b, y, options_.activity_regularizer);
  return y;
}

}  // namespace fovea
