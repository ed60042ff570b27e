// Layers of full connections: Dense and Maxout.
#include "fovea/layers.h"
#include "fovea/ops/basic.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/pool.h"
#include "host/layers/checks.h"
#include "host/layers/regularize.h"

namespace fovea {
namespace {

void require_features(const Builder& b, const Layer& layer, Value x) {
  const int rank = b.shape(x).rank();
  if (rank < 2) {
    detail::fail_shape(b, layer, x, "(N, features)", "add a feature axis, as in Input({1})");
  }
  if (rank > 2) {
    detail::fail_shape(b, layer, x, "(N, features)",
                       "put Flatten() or GlobalAvgPool2D() before it");
  }
  detail::require_floating(b, layer, x);
}

/// x weight + bias, of an options struct of a layer.
template <class Options>
Value linear(Builder& b, Value x, std::int64_t units, const Options& options) {
  const Value weight = b.parameter("weight", {b.shape(x).c(), units}, options.kernel_initializer,
                                   options.kernel_regularizer);
  const Value y = b.add(ops::MatMul{}, {x, weight});
  if (!options.use_bias) return y;
  const Value bias =
      b.parameter("bias", {units}, options.bias_initializer, options.bias_regularizer);
  return b.add(ops::AddBias{}, {y, bias});
}

}  // namespace

Dense::Dense(std::int64_t units, DenseOptions options)
    : LayerBase(options.name), units_(units), options_(std::move(options)) {
  detail::require_positive(kKind, "units", units);
  detail::require_regularizer(kKind, options_.kernel_regularizer);
  detail::require_regularizer(kKind, options_.bias_regularizer);
  detail::require_regularizer(kKind, options_.activity_regularizer);
}

Value Dense::build(Builder& b, Value x) const {
  require_features(b, *this, x);
  const Value y = options_.activation.apply(b, linear(b, x, units_, options_));
  detail::append_activity_penalty(b, y, options_.activity_regularizer);
  return y;
}

Maxout::Maxout(std::int64_t units, std::int64_t pieces, MaxoutOptions options)
    : LayerBase(options.name), units_(units), pieces_(pieces), options_(std::move(options)) {
  detail::require_positive(kKind, "units", units);
  detail::require_positive(kKind, "pieces", pieces);
  detail::require_regularizer(kKind, options_.kernel_regularizer);
  detail::require_regularizer(kKind, options_.bias_regularizer);
}

Value Maxout::build(Builder& b, Value x) const {
  require_features(b, *this, x);
  // One picture per sample, a row per piece and a channel per unit, pooled over its rows.
  const Value y = linear(b, x, pieces_ * units_, options_);
  const Value rows = b.add(ops::Reshape({pieces_, 1, units_}), {y});
  ops::PoolAttributes all_rows;
  all_rows.kernel = all_rows.stride = {pieces_, 1};
  const Outputs largest = b.add(ops::MaxPool2d(all_rows), {rows});
  return b.add(ops::Reshape({units_}), {largest[0]});
}

}  // namespace fovea
