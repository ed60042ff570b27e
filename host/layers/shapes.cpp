// Layers that move numbers about: Input, Flatten, Reshape, ZeroPadding2D, Concatenate; and those
// that join equal shapes: Stack, Add, Multiply.
#include <algorithm>

#include "fovea/layers.h"
#include "fovea/ops/basic.h"
#include "host/layers/checks.h"

namespace fovea {

Value Input::build(Builder&, Value x) const { return x; }

Value Flatten::build(Builder& b, Value x) const {
  return b.add(ops::Reshape({b.shape(x).drop_front().numel()}), {x});
}

Reshape::Reshape(std::vector<std::int64_t> sizes, std::string name)
    : LayerBase(std::move(name)), sizes_(std::move(sizes)) {
  const auto open = std::count(sizes_.begin(), sizes_.end(), -1);
  FOVEA_REQUIRE(open <= 1, invalid_argument, "Reshape: only one size may be -1, not ", open);
  for (std::int64_t size : sizes_) {
    FOVEA_REQUIRE(size >= 1 || size == -1, invalid_argument,
                  "Reshape: a size is >= 1, or -1 for what is left, not ", size);
  }
}

Value Reshape::build(Builder& b, Value x) const {
  const std::int64_t numel = b.shape(x).drop_front().numel();
  std::int64_t product = 1;
  for (std::int64_t size : sizes_) product *= size == -1 ? 1 : size;
  std::vector<std::int64_t> sizes = sizes_;
  const auto open = std::find(sizes.begin(), sizes.end(), -1);
  const bool has_open = open != sizes.end();
  if (has_open ? numel % product != 0 : numel != product) {
    detail::fail_shape(
        b, *this, x,
        (has_open ? "a multiple of " : "") + std::to_string(product) + " numbers per sample",
        "that is " + std::to_string(numel));
  }
  if (has_open) *open = numel / product;
  return b.add(ops::Reshape(Shape(sizes)), {x});
}

ZeroPadding2D::ZeroPadding2D(const Padding& cells, std::string name)
    : LayerBase(std::move(name)), cells_(cells) {
  FOVEA_REQUIRE(cells.kind == Padding::Kind::explicit_cells && cells.top >= 0 &&
                    cells.bottom >= 0 && cells.left >= 0 && cells.right >= 0,
                invalid_argument, "ZeroPadding2D takes Padding::cells(...) with sizes >= 0");
}

Value ZeroPadding2D::build(Builder& b, Value x) const {
  detail::require_picture(b, *this, x);
  ops::Pad rows;
  rows.axis = 1;
  rows.before = cells_.top;
  rows.after = cells_.bottom;
  ops::Pad columns;
  columns.axis = 2;
  columns.before = cells_.left;
  columns.after = cells_.right;
  return b.add(columns, {b.add(rows, {x})});
}

Value Concatenate::build_many(Builder& b, std::span<const Value> inputs) const {
  FOVEA_REQUIRE(inputs.size() >= 2, invalid_argument, "'", b.path(),
                "' (Concatenate) takes two or more inputs, not ", inputs.size());
  const int rank = b.shape(inputs.front()).rank();
  ops::Concat concat;
  concat.axis = axis_ < 0 ? axis_ + rank : axis_;
  FOVEA_REQUIRE(concat.axis >= 1 && concat.axis < rank, invalid_argument, "'", b.path(),
                "' (Concatenate): axis ", axis_, " is not one of the axes 1 to ", rank - 1,
                " (axis 0 is the batch)");
  return b.add(std::make_shared<const ops::Concat>(concat),
               std::vector<Value>(inputs.begin(), inputs.end()));
}

Value Stack::build_many(Builder& b, std::span<const Value> inputs) const {
  detail::require_equal_inputs(b, *this, inputs);
  const Shape& shape = b.shape(inputs.front());
  const int rank = shape.rank() + 1;  // of the result
  const int axis = axis_ < 0 ? axis_ + rank : axis_;
  FOVEA_REQUIRE(axis >= 1 && axis < rank, invalid_argument, "'", b.path(), "' (Stack): axis ",
                axis_, " is not one of the axes 1 to ", rank - 1, " (axis 0 is the batch)");
  std::vector<std::int64_t> sizes;  // of a sample, with the new axis
  for (int i = 1; i < rank; ++i) sizes.push_back(i == axis ? 1 : shape[i < axis ? i : i - 1]);
  std::vector<Value> reshaped;
  for (Value x : inputs) reshaped.push_back(b.add(ops::Reshape(Shape(sizes)), {x}));
  ops::Concat concat;
  concat.axis = axis;
  return b.add(std::make_shared<const ops::Concat>(concat), reshaped);
}

Value Add::build_many(Builder& b, std::span<const Value> inputs) const {
  detail::require_equal_inputs(b, *this, inputs);
  Value sum = inputs.front();
  for (Value x : inputs.subspan(1)) sum = b.add(ops::Add{}, {sum, x});
  return sum;
}

Value Multiply::build_many(Builder& b, std::span<const Value> inputs) const {
  detail::require_equal_inputs(b, *this, inputs);
  Value product = inputs.front();
  for (Value x : inputs.subspan(1)) product = b.add(ops::Multiply{}, {product, x});
  return product;
}

}  // namespace fovea
