#include "fovea/layers.h"
#include "fovea/ops/matmul.h"
#include "host/layers/checks.h"
#include "host/layers/regularize.h"

namespace fovea {

Dense::Dense(std::int64_t units, DenseOptions options)
    : LayerBase(options.name), units_(units), options_(std::move(options)) {
  detail::require_positive(kKind, "units", units);
  detail::require_regularizer(kKind, options_.kernel_regularizer);
  detail::require_regularizer(kKind, options_.bias_regularizer);
  detail::require_regularizer(kKind, options_.activity_regularizer);
}

Value Dense::build(Builder& b, Value x) const {
  const int rank = b.shape(x).rank();
  if (rank < 2) {
    detail::fail_shape(b, *this, x, "(N, features)", "add a feature axis, as in Input({1})");
  }
  if (rank > 2) {
    detail::fail_shape(b, *this, x, "(N, features)",
                       "put Flatten() or GlobalAvgPool2D() before it");
  }
  detail::require_floating(b, *this, x);
  const Value weight = b.parameter("weight", {b.shape(x).c(), units_}, options_.kernel_initializer,
                                   options_.kernel_regularizer);
  Value y = b.add(ops::MatMul{}, {x, weight});
  if (options_.use_bias) {
    const Value bias =
        b.parameter("bias", {units_}, options_.bias_initializer, options_.bias_regularizer);
    y = b.add(ops::AddBias{}, {y, bias});
  }
  y = options_.activation.apply(b, y);
  detail::append_activity_penalty(b, y, options_.activity_regularizer);
  return y;
}

}  // namespace fovea
