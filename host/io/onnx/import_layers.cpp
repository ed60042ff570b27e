// Operators with weights: convolutions, products and batch normalization.
#include <algorithm>

#include "fovea/ops/basic.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"
#include "host/io/onnx/import_ops.h"
#include "host/io/onnx/import_windows.h"
#include "host/io/onnx/permute.h"

namespace fovea::onnx {
namespace {

/// A list of numbers, one per unit, whatever axes of size 1 it has; null where it is none.
const Constant* list_of(const Constant* constant, std::int64_t units) {
  if (constant == nullptr || constant->tensor.dtype() != DType::f32) return nullptr;
  return constant->tensor.numel() == units ? constant : nullptr;
}

/// The Add that gives the node's output a bias: exporters write some layers as two nodes. `axes`
/// are those that follow the units' in the output.
const Node* following_add(const Call& call, std::int64_t units, int axes) {
  const Node* add = call.importer().only_consumer(call.node().outputs.front());
  if (add == nullptr || add->type != "Add" || add->inputs.size() != 2) return nullptr;
  const bool second = add->inputs[0] == call.node().outputs.front();
  const Constant* bias = list_of(call.importer().find_constant(add->inputs[second ? 1 : 0]), units);
  if (bias == nullptr) return nullptr;
  const Shape& shape = bias->tensor.shape();
  const int axis = shape.rank() - 1 - axes;  // of the units
  return axis >= 0 && shape[axis] == units ? add : nullptr;
}

Tensor scaled(const Tensor& tensor, double factor) {
  if (factor == 1) return tensor;
  Tensor result = tensor.clone();
  for (float& value : result.span<float>()) value = static_cast<float>(value * factor);
  return result;
}

/// y + bias, the bias being the node's own or that of an Add behind it; and the node's output.
void give_with_bias(const Call& call, View y, const Constant* bias, double factor, int axes) {
  const std::int64_t units = call.b().shape(y.value).c();
  const Node* add = bias == nullptr ? following_add(call, units, axes) : nullptr;
  if (add != nullptr) {
    const bool second = add->inputs[0] == call.node().outputs.front();
    bias = call.importer().find_constant(add->inputs[second ? 1 : 0]);
  }
  if (bias != nullptr) {
    if (list_of(bias, units) == nullptr) {
      call.refuse("a bias of shape ", bias->tensor.shape(), " for ", units, " units");
    }
    const Tensor values = scaled(bias->tensor.reshape({units}), factor);
    y.value = call.add(ops::AddBias{}, {y.value, call.parameter(*bias, "bias", values, zeros())});
  }
  if (add == nullptr) return call.give(y);
  call.importer().skip(*add);
  call.importer().give(add->outputs.front(), y);
}

void conv(const Call& call) {
  const Value x = call.picture(call.view(0));
  const Constant& weight = call.constant(1, "its weight");
  if (weight.tensor.shape().rank() != 4 || weight.tensor.numel() == 0) {
    call.refuse("a weight of shape ", weight.tensor.shape(),
                "; (out, in, height, width) is "
                "supported");
  }
  const Tensor values = permuted(weight.tensor, {0, 2, 3, 1});
  const Size2 kernel(values.shape()[1], values.shape()[2]);
  const Window window = window_of(call, x, kernel);
  const std::int64_t groups = call.integer("group", 1);
  const std::int64_t channels = call.b().shape(x).c();
  if (groups < 1 || channels % groups != 0 || channels / groups != values.shape()[3]) {
    call.fail_parse(channels, " channels in ", groups, " groups do not fit a weight of shape ",
                    weight.tensor.shape());
  }
  const Value w = call.parameter(weight, "weight", values, glorot_uniform());
  const Value y =
      call.add(ops::Conv2d({window.stride, window.padding, window.dilation, groups}), {x, w});
  const Constant* bias = call.has(2) ? &call.constant(2, "its bias") : nullptr;
  give_with_bias(call, picture_view(call.b(), y, call.layer()), bias, 1, 2);
}

/// The rows of a dense layer's weight in the order in which our numbers come: those of a flattened
/// picture come as (H, W, C), the file's as (C, H, W).
Tensor rows_in_order(const Call& call, const View& x, const Tensor& weight) {
  const Shape own = call.b().shape(x.value);
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(own.rank()) - 1);  // in the file
  std::vector<int> order;
  for (int i = 1; i < own.rank(); ++i) {
    const auto axis = static_cast<std::size_t>(x.order[static_cast<std::size_t>(i)]) - 1;
    sizes[axis] = own[i];
    order.push_back(static_cast<int>(axis));
  }
  order.push_back(static_cast<int>(sizes.size()));
  sizes.push_back(weight.shape()[1]);
  return permuted(weight.reshape(Shape(sizes)), order).reshape(weight.shape());
}

/// x w, the weight being (in, out) in the file's order of rows.
View product(const Call& call, const View& x, const Constant& source, const Tensor& weight) {
  const std::int64_t features = x.shape.drop_front().numel();
  if (x.shape.rank() != 2) {
    call.refuse("an input of shape ", x.shape, "; (N, features) is supported");
  }
  if (weight.shape()[0] != features) {
    call.fail_parse("a weight of ", weight.shape(), " does not fit ", x.shape);
  }
  Value value = x.value;
  if (call.b().shape(value).rank() != 2) value = call.add(ops::Reshape({features}), {value});
  const std::string form =
      to_json(x.order).to_string() + call.b().shape(x.value).drop_front().str();
  const Value w =
      call.parameter(source, "weight", rows_in_order(call, x, weight), glorot_uniform(), form);
  return plain_view(call.b(), call.add(ops::MatMul{}, {value, w}), call.layer());
}

const Constant& matrix(const Call& call) {
  const Constant& weight = call.constant(1, "its weight");
  if (weight.tensor.shape().rank() != 2) {
    call.refuse("a weight of shape ", weight.tensor.shape(), "; a matrix is supported");
  }
  return weight;
}

void gemm(const Call& call) {
  if (call.integer("transA", 0) != 0) call.refuse("a transposed input");
  const Constant& weight = matrix(call);
  const bool transposed = call.integer("transB", 0) != 0;
  const Tensor values = transposed ? permuted(weight.tensor, {1, 0}) : weight.tensor;
  if (values.dtype() != DType::f32) call.refuse("a weight of whole numbers");
  const View y = product(call, call.view(0), weight, scaled(values, call.number("alpha", 1)));
  const Constant* bias = call.has(2) ? &call.constant(2, "its bias") : nullptr;
  give_with_bias(call, y, bias, call.number("beta", 1), 0);
}

void matmul(const Call& call) {
  const Constant& weight = matrix(call);
  give_with_bias(call, product(call, call.view(0), weight, weight.tensor), nullptr, 1, 0);
}

void batch_normalization(const Call& call) {
  const View& x = call.view(0);
  const int rank = x.shape.rank();
  if (rank != 2 && rank != 4) {
    call.refuse("an input of shape ", x.shape, "; (N, C) and (N, C, H, W) are supported");
  }
  const View in = call.with_last_axis(x, 1);
  const std::int64_t channels = call.b().shape(in.value).c();
  const auto list = [&](std::size_t input, const char* what) -> const Constant& {
    const Constant& constant = call.constant(input, what);
    if (constant.tensor.shape() != Shape{channels}) {
      call.fail_parse(what, " has shape ", constant.tensor.shape(), " for ", channels, " channels");
    }
    return constant;
  };
  const Constant &gamma = list(1, "its scale"), &beta = list(2, "its bias");
  const Constant &mean = list(3, "its mean"), &var = list(4, "its variance");
  ops::BatchNorm op;
  op.epsilon = call.number("epsilon", 1e-5);
  op.momentum = call.number("momentum", 0.9);
  const bool sensible = op.epsilon > 0 && op.momentum >= 0 && op.momentum <= 1;
  if (!sensible) call.refuse("epsilon ", op.epsilon, " and momentum ", op.momentum);
  const Value y = call.add(op, {in.value, call.parameter(gamma, "gamma", gamma.tensor, ones()),
                                call.parameter(beta, "beta", beta.tensor, zeros()),
                                call.state(mean, "running_mean", mean.tensor, 0),
                                call.state(var, "running_var", var.tensor, 1)});
  call.give_like(in, y);
}

void dropout(const Call& call) {
  const View& x = call.view(0);
  ops::Dropout op;
  op.rate = call.has(1) ? call.constant(1, "its ratio").tensor.item() : call.number("ratio", 0.5);
  if (!(op.rate >= 0 && op.rate < 1)) call.refuse("a ratio of ", op.rate);
  if (op.rate == 0) return call.give(x);
  {
    const auto scope = call.b().scope(call.layer());
    op.stream = call.b().random_stream();
  }
  call.give_like(x, call.add(op, {x.value, call.b().random_seed(), call.b().step_counter()}));
}

constexpr NamedRule kRules[] = {
    {"Conv", conv},       {"Gemm", gemm},
    {"MatMul", matmul},   {"BatchNormalization", batch_normalization},
    {"Dropout", dropout},
};

}  // namespace

std::span<const NamedRule> layer_rules() { return kRules; }

}  // namespace fovea::onnx
