// Pooling layers.
#include "fovea/layers.h"
#include "fovea/ops/basic.h"
#include "fovea/ops/pool.h"
#include "host/layers/checks.h"

namespace fovea {
namespace {

void check_options(std::string_view kind, Size2 pool, const PoolOptions& options) {
  detail::require_positive(kind, "the pool's size", pool);
  if (options.strides) detail::require_positive(kind, "strides", *options.strides);
}

ops::PoolAttributes attributes(Size2 pool, const PoolOptions& options) {
  return {pool, options.strides.value_or(pool), options.padding.get()};
}

/// Pools with a window of the picture's size. (N,H,W,C) -> (N,C).
template <class PoolOp>
Value pool_pictures(Builder& b, Value x) {
  const Size2 picture(b.shape(x).h(), b.shape(x).w());
  const Value y = b.add(PoolOp({picture, picture, Padding::valid()}), {x});
  return b.add(ops::Reshape({b.shape(x).c()}), {y});
}

}  // namespace

MaxPool2D::MaxPool2D(Size2 pool, PoolOptions options)
    : LayerBase(options.name), pool_(pool), options_(std::move(options)) {
  check_options(kKind, pool_, options_);
}

Value MaxPool2D::build(Builder& b, Value x) const {
  detail::require_picture(b, *this, x);
  return b.add(ops::MaxPool2d(attributes(pool_, options_)), {x});
}

MinPool2D::MinPool2D(Size2 pool, PoolOptions options)
    : LayerBase(options.name), pool_(pool), options_(std::move(options)) {
  check_options(kKind, pool_, options_);
}

Value MinPool2D::build(Builder& b, Value x) const {
  detail::require_picture(b, *this, x);
  return b.add(ops::MinPool2d(attributes(pool_, options_)), {x});
}

AvgPool2D::AvgPool2D(Size2 pool, PoolOptions options)
    : LayerBase(options.name), pool_(pool), options_(std::move(options)) {
  check_options(kKind, pool_, options_);
}

Value AvgPool2D::build(Builder& b, Value x) const {
  detail::require_picture(b, *this, x);
  return b.add(ops::AvgPool2d(attributes(pool_, options_)), {x});
}

Value GlobalAvgPool2D::build(Builder& b, Value x) const {
  detail::require_picture(b, *this, x);
  return b.add(ops::GlobalAvgPool{}, {x});
}

Value GlobalMaxPool2D::build(Builder& b, Value x) const {
  detail::require_picture(b, *this, x);
  return pool_pictures<ops::MaxPool2d>(b, x);
}

Value GlobalMinPool2D::build(Builder& b, Value x) const {
  detail::require_picture(b, *this, x);
  return pool_pictures<ops::MinPool2d>(b, x);
}

}  // namespace fovea
