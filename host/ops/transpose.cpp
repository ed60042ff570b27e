#include "fovea/ops/transpose.h"

#include "fovea/graph.h"

namespace fovea::ops {
namespace {

/// Whether each of the axes 0 to rank - 1 is there once, 0 first.
bool is_order(const std::vector<std::int64_t>& order, int rank) {
  if (std::ssize(order) != rank || rank == 0 || order[0] != 0) return false;
  std::vector<bool> seen(order.size(), false);
  for (const std::int64_t axis : order) {
    if (axis < 0 || axis >= rank || seen[static_cast<std::size_t>(axis)]) return false;
    seen[static_cast<std::size_t>(axis)] = true;
  }
  return true;
}

}  // namespace

std::vector<ValueType> Transpose::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 1);
  const ValueType& x = inputs[0];
  FOVEA_REQUIRE(is_order(order, x.shape.rank()), invalid_argument, "the order of axes ",
                to_json(order).to_string(), " does not name each axis of ", to_string(x),
                " once, the batch (0) first");
  Shape y = x.shape;
  for (int i = 0; i < x.shape.rank(); ++i) {
    y.set(i, x.shape[static_cast<int>(order[static_cast<std::size_t>(i)])]);
  }
  return {{y, x.dtype}};
}

std::vector<Value> Transpose::backward(const BackwardContext& context) const {
  std::vector<std::int64_t> back(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    back[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  }
  return {context.builder.add(Transpose(back), {context.output_grads[0]})};
}

TransposedAxes transposed_axes(const Shape& x, const std::vector<std::int64_t>& order) {
  TransposedAxes axes;
  for (const std::int64_t source : order) {
    const int axis = static_cast<int>(source);
    const std::int64_t size = x[axis], stride = x.drop_front(axis + 1).numel();
    if (size == 1) continue;
    if (!axes.sizes.empty() && axes.strides.back() == stride * size) {
      axes.sizes.back() *= size;
      axes.strides.back() = stride;
    } else {
      axes.sizes.push_back(size);
      axes.strides.push_back(stride);
    }
  }
  return axes;
}

}  // namespace fovea::ops
