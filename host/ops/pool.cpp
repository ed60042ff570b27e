// Pooling: shapes and gradients.
#include "fovea/ops/pool.h"

#include "fovea/graph.h"

namespace fovea::ops {
namespace {

ValueType pool(const PoolAttributes& attributes, const ValueType& x) {
  require_floating(x, "the input");
  require_rank(x, 4, "the input");
  const WindowGeometry window = attributes.geometry({x.shape.h(), x.shape.w()});
  return {{x.shape.n(), window.output.h, window.output.w, x.shape.c()}, x.dtype};
}

/// The type of the cells' indices inside a window.
DType index_type(Size2 kernel) { return kernel.h * kernel.w <= 256 ? DType::u8 : DType::i32; }

std::vector<ValueType> pool_with_index(const PoolAttributes& attributes,
                                       std::span<const ValueType> inputs) {
  require_inputs(inputs, 1);
  const ValueType y = pool(attributes, inputs[0]);
  return {y, {y.shape, index_type(attributes.kernel)}};
}

/// The type of x from that of dy; checks that they fit.
ValueType unpool(const PoolAttributes& attributes, Size2 input_size, const ValueType& dy) {
  require_rank(dy, 4, "the output's gradient");
  const ValueType x{{dy.shape.n(), input_size.h, input_size.w, dy.shape.c()}, dy.dtype};
  require_type(dy, pool(attributes, x), "the output's gradient");
  return x;
}

/// Fills in the attributes of a pooling's backward op and adds it.
template <class BackwardOp>
Value add_backward(const PoolAttributes& attributes, const BackwardContext& context,
                   std::vector<Value> inputs) {
  const Shape& x = context.builder.shape(context.inputs[0]);
  BackwardOp op;
  static_cast<PoolAttributes&>(op) = attributes;
  op.input_size = Size2(x.h(), x.w());
  return context.builder.add(std::make_shared<const BackwardOp>(op), std::move(inputs));
}

std::vector<Value> add_backward_by_index(const PoolAttributes& attributes,
                                         const BackwardContext& context) {
  return {add_backward<MaxPool2dBackward>(attributes, context,
                                          {context.output_grads[0], context.outputs[1]})};
}

}  // namespace

WindowGeometry PoolAttributes::geometry(Size2 input) const {
  const WindowGeometry window = resolve_window(input, kernel, stride, 1, padding);
  FOVEA_REQUIRE(window.pad_top < kernel.h && window.pad_bottom < kernel.h &&
                    window.pad_left < kernel.w && window.pad_right < kernel.w,
                invalid_argument, "padding must be smaller than the pooling window of ", kernel.h,
                "x", kernel.w, " cells, or a window may hold no cell of the picture");
  return window;
}

std::vector<ValueType> MaxPool2d::infer(std::span<const ValueType> inputs) const {
  return pool_with_index(*this, inputs);
}

std::vector<Value> MaxPool2d::backward(const BackwardContext& context) const {
  return add_backward_by_index(*this, context);
}

std::vector<ValueType> MinPool2d::infer(std::span<const ValueType> inputs) const {
  return pool_with_index(*this, inputs);
}

std::vector<Value> MinPool2d::backward(const BackwardContext& context) const {
  return add_backward_by_index(*this, context);
}

std::vector<ValueType> MaxPool2dBackward::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 2);
  const ValueType x = unpool(*this, input_size, inputs[0]);
  require_type(inputs[1], {inputs[0].shape, index_type(kernel)}, "the indices");
  return {x};
}

std::vector<ValueType> AvgPool2d::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 1);
  return {pool(*this, inputs[0])};
}

std::vector<Value> AvgPool2d::backward(const BackwardContext& context) const {
  return {add_backward<AvgPool2dBackward>(*this, context, {context.output_grads[0]})};
}

std::vector<ValueType> AvgPool2dBackward::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 1);
  return {unpool(*this, input_size, inputs[0])};
}

std::vector<ValueType> GlobalAvgPool::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 1);
  const ValueType& x = inputs[0];
  require_floating(x, "the input");
  require_rank(x, 4, "the input");
  FOVEA_REQUIRE(x.shape.h() >= 1 && x.shape.w() >= 1, shape_mismatch, "a picture of ", x.shape.h(),
                "x", x.shape.w(), " has no cells");
  return {{{x.shape.n(), x.shape.c()}, x.dtype}};
}

std::vector<Value> GlobalAvgPool::backward(const BackwardContext& context) const {
  const Shape& x = context.builder.shape(context.inputs[0]);
  GlobalAvgPoolBackward op;
  op.input_size = Size2(x.h(), x.w());
  return {context.builder.add(op, {context.output_grads[0]})};
}

std::vector<ValueType> GlobalAvgPoolBackward::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 1);
  const ValueType& dy = inputs[0];
  require_floating(dy, "the output's gradient");
  require_rank(dy, 2, "the output's gradient (N, C)");
  FOVEA_REQUIRE(input_size.h >= 1 && input_size.w >= 1, invalid_argument, "a picture of ",
                input_size.h, "x", input_size.w, " has no cells");
  return {{{dy.shape[0], input_size.h, input_size.w, dy.shape[1]}, dy.dtype}};
}

}  // namespace fovea::ops
