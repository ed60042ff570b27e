// Matrix products and biases: shapes and gradients.
#include "fovea/ops/matmul.h"

#include "fovea/graph.h"

namespace fovea::ops {
namespace {

double matmul_flops(const ValueType& c, std::int64_t inner) {
  return 2.0 * static_cast<double>(c.shape.numel()) * static_cast<double>(inner);
}

ValueType multiply(const ValueType& a, const ValueType& b, bool transpose_a, bool transpose_b) {
  require_floating(a, "the left matrix");
  require_rank(a, 2, "the left matrix");
  require_rank(b, 2, "the right matrix");
  const std::int64_t rows = a.shape[transpose_a ? 1 : 0];
  const std::int64_t inner = a.shape[transpose_a ? 0 : 1];
  const std::int64_t columns = b.shape[transpose_b ? 0 : 1];
  const Shape expected = transpose_b ? Shape{columns, inner} : Shape{inner, columns};
  require_type(b, {expected, a.dtype}, "the right matrix");
  return {{rows, columns}, a.dtype};
}

}  // namespace

std::vector<ValueType> MatMul::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 2);
  return {multiply(inputs[0], inputs[1], transpose_a, transpose_b)};
}

std::vector<Value> MatMul::backward(const BackwardContext& context) const {
  const Value a = context.inputs[0];
  const Value b = context.inputs[1];
  const Value dc = context.output_grads[0];
  const auto product = [&](Value left, bool transpose_left, Value right, bool transpose_right) {
    MatMul op;
    op.transpose_a = transpose_left;
    op.transpose_b = transpose_right;
    return Value(context.builder.add(op, {left, right}));
  };
  std::vector<Value> gradients(2);
  if (context.wanted[0]) {  // dA = dC op(B)^T, or its transpose
    gradients[0] =
        transpose_a ? product(b, transpose_b, dc, true) : product(dc, false, b, !transpose_b);
  }
  if (context.wanted[1]) {  // dB = op(A)^T dC, or its transpose
    gradients[1] =
        transpose_b ? product(dc, true, a, transpose_a) : product(a, !transpose_a, dc, false);
  }
  return gradients;
}

double MatMul::flops(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const {
  return matmul_flops(outputs[0], inputs[0].shape[transpose_a ? 0 : 1]);
}

std::vector<ValueType> AddBias::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 2);
  const ValueType& x = inputs[0];
  require_floating(x, "the input");
  FOVEA_REQUIRE(x.shape.rank() >= 1, shape_mismatch, "a bias needs an input with a last axis");
  require_type(inputs[1], {{x.shape.c()}, x.dtype}, "the bias");
  return {x};
}

std::vector<Value> AddBias::backward(const BackwardContext& context) const {
  const Value dy = context.output_grads[0];
  std::vector<Value> gradients(2);
  if (context.wanted[0]) gradients[0] = dy;
  if (context.wanted[1]) gradients[1] = context.builder.add(BiasGrad{}, {dy});
  return gradients;
}

std::vector<ValueType> BiasGrad::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 1);
  const ValueType& dy = inputs[0];
  require_floating(dy, "the output's gradient");
  FOVEA_REQUIRE(dy.shape.rank() >= 1, shape_mismatch,
                "a bias's gradient needs an input with a last axis");
  return {{{dy.shape.c()}, dy.dtype}};
}

std::vector<ValueType> MatMulBiasAct::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 3);
  const ValueType y = multiply(inputs[0], inputs[1], false, false);
  require_type(inputs[2], {{y.shape.c()}, y.dtype}, "the bias");
  return {y};
}

std::optional<std::vector<Value>> MatMulBiasAct::expand(Builder& b,
                                                        std::span<const Value> inputs) const {
  Value y = b.add(MatMul{}, {inputs[0], inputs[1]});
  y = b.add(AddBias{}, {y, inputs[2]});
  if (activation.kind != Activation::Kind::identity) y = b.add(Activate(activation), {y});
  return std::vector<Value>{y};
}

double MatMulBiasAct::flops(std::span<const ValueType> inputs,
                            std::span<const ValueType> outputs) const {
  return matmul_flops(outputs[0], inputs[0].shape[1]);
}

std::vector<ValueType> MatMulBackwardWeightBias::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 2);
  const ValueType dw = multiply(inputs[0], inputs[1], true, false);
  return {dw, {{dw.shape.c()}, dw.dtype}};
}

std::optional<std::vector<Value>> MatMulBackwardWeightBias::expand(
    Builder& b, std::span<const Value> inputs) const {
  MatMul product;
  product.transpose_a = true;
  const Value dw = b.add(product, {inputs[0], inputs[1]});
  return std::vector<Value>{dw, b.add(BiasGrad{}, {inputs[1]})};
}

double MatMulBackwardWeightBias::flops(std::span<const ValueType> inputs,
                                       std::span<const ValueType> outputs) const {
  return matmul_flops(outputs[0], inputs[0].shape[0]);
}

}  // namespace fovea::ops
