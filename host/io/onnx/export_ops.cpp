#include "host/io/onnx/export_ops.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "fovea/ops/basic.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/pool.h"
#include "fovea/ops/source.h"
#include "fovea/ops/transpose.h"
#include "host/io/onnx/permute.h"

namespace fovea::onnx {
namespace {

template <class DerivedOp>
const DerivedOp& as(const fovea::Node& node) {
  return Matcher::op<DerivedOp>(node);
}

std::vector<std::int64_t> pair(Size2 size) { return {size.h, size.w}; }

std::vector<std::int64_t> pads(const WindowGeometry& g) {
  return {g.pad_top, g.pad_left, g.pad_bottom, g.pad_right};
}

Size2 picture_size(const Writer& w, Value x) { return {w.shape(x).h(), w.shape(x).w()}; }

/// An axis of ours, of a value of rank 4, where the channels come first.
std::int64_t channels_first_axis(int axis) { return axis == 3 ? 1 : axis == 0 ? 0 : axis + 1; }

/// One number per channel, shaped to be broadcast over a value that lies as `first` says.
Tensor per_channel(const std::vector<double>& values, bool first) {
  const std::int64_t count = std::ssize(values);
  Tensor tensor(first && count > 1 ? Shape{count, 1, 1} : Shape{count}, DType::f32);
  std::transform(values.begin(), values.end(), tensor.data<float>(),
                 [](double value) { return static_cast<float>(value); });
  return tensor;
}

/// The bias added to the node's output, if that is all it is used for; else null.
const fovea::Node* following_bias(Writer& w, const fovea::Node& node) {
  const fovea::Node* add = w.matcher().only_consumer<ops::AddBias>(node.outputs.front());
  if (add == nullptr || add->inputs[0] != node.outputs.front()) return nullptr;
  return w.graph().producer_node(add->inputs[1]).op->name() == ops::Parameter::kName ? add
                                                                                     : nullptr;
}

// ---- Products ----

/// The operator with the bias that follows, if any, as one node.
void with_bias(Writer& w, const fovea::Node& node, bool first, std::string type,
               std::vector<std::string> inputs, std::vector<Attribute> attributes) {
  Value y = node.outputs.front();
  if (const fovea::Node* bias = following_bias(w, node)) {
    inputs.push_back(w.plain(bias->inputs[1]));
    y = bias->outputs.front();
    w.skip(*bias);
  }
  w.set(y, first, w.add(node, std::move(type), std::move(inputs), std::move(attributes)));
}

void conv(Writer& w, const fovea::Node& node) {
  const auto& op = as<ops::Conv2d>(node);
  const Tensor weight = permuted(w.weight(node.inputs[1], node), {0, 3, 1, 2});
  const Size2 kernel(weight.shape()[2], weight.shape()[3]);
  const WindowGeometry g = op.geometry(picture_size(w, node.inputs[0]), kernel);
  const std::string& path = w.graph().producer_node(node.inputs[1]).path;
  const std::string x = w.channels_first(node.inputs[0]);
  with_bias(w, node, true, "Conv", {x, w.stored_weight(path, weight, "nchw")},
            {integers("kernel_shape", pair(kernel)), integers("strides", pair(g.stride)),
             integers("pads", pads(g)), integers("dilations", pair(g.dilation)),
             integer("group", op.groups)});
}

void matmul(Writer& w, const fovea::Node& node) {
  const auto& op = as<ops::MatMul>(node);
  with_bias(w, node, false, "Gemm", {w.plain(node.inputs[0]), w.plain(node.inputs[1])},
            {integer("transA", op.transpose_a ? 1 : 0), integer("transB", op.transpose_b ? 1 : 0)});
}

void add_bias(Writer& w, const fovea::Node& node) {
  const bool first = w.is_channels_first(node.inputs[0]);
  const std::string x = w.as(node.inputs[0], first);
  std::string bias = w.plain(node.inputs[1]);
  if (first) bias = w.add(node, "Reshape", {bias, w.indices({-1, 1, 1})});
  w.set(node.outputs[0], first, w.add(node, "Add", {x, bias}));
}

/// y = x scale + offset along the last axis, for shapes that BatchNormalization does not take.
void batch_norm_as_scale(Writer& w, const fovea::Node& node, double epsilon) {
  std::vector<double> scale, offset;
  for (std::int64_t c = 0; c < w.shape(node.inputs[0]).c(); ++c) {
    const auto at = [&](std::size_t input) { return w.weight(node.inputs[input], node).item(c); };
    scale.push_back(at(1) / std::sqrt(at(4) + epsilon));
    offset.push_back(at(2) - at(3) * scale.back());
  }
  const std::string scaled =
      w.add(node, "Mul",
            {w.plain(node.inputs[0]), w.floats(node.path + ".scale", per_channel(scale, false))});
  const std::string shift = w.floats(node.path + ".offset", per_channel(offset, false));
  w.set_plain(node.outputs[0], w.add(node, "Add", {scaled, shift}));
}

void batch_norm(Writer& w, const fovea::Node& node) {
  const double epsilon = as<ops::BatchNormInference>(node).epsilon;
  const int rank = w.shape(node.inputs[0]).rank();
  if (rank != 2 && rank != 4) return batch_norm_as_scale(w, node, epsilon);
  std::vector<std::string> inputs = {w.as(node.inputs[0], rank == 4)};
  for (std::size_t i = 1; i < node.inputs.size(); ++i) inputs.push_back(w.plain(node.inputs[i]));
  w.set(node.outputs[0], rank == 4,
        w.add(node, "BatchNormalization", inputs, {number("epsilon", epsilon)}));
}

// ---- Pooling ----

void pool(Writer& w, const fovea::Node& node, const ops::PoolAttributes& op,
          const std::string& type) {
  const WindowGeometry g = op.geometry(picture_size(w, node.inputs[0]));
  const bool smallest = type == "MinPool";
  std::string x = w.channels_first(node.inputs[0]);
  if (smallest) x = w.add(node, "Neg", {x});
  std::string y = w.add(node, smallest ? "MaxPool" : type, {x},
                        {integers("kernel_shape", pair(g.kernel)),
                         integers("strides", pair(g.stride)), integers("pads", pads(g))});
  if (smallest) y = w.add(node, "Neg", {y});
  w.set_channels_first(node.outputs[0], y);
}

void max_pool(Writer& w, const fovea::Node& node) {
  pool(w, node, as<ops::MaxPool2d>(node), "MaxPool");
}

void min_pool(Writer& w, const fovea::Node& node) {
  pool(w, node, as<ops::MinPool2d>(node), "MinPool");
}

void avg_pool(Writer& w, const fovea::Node& node) {
  pool(w, node, as<ops::AvgPool2d>(node), "AveragePool");
}

void global_avg_pool(Writer& w, const fovea::Node& node) {
  const std::string y = w.add(node, "GlobalAveragePool", {w.channels_first(node.inputs[0])});
  w.set_plain(node.outputs[0], w.add(node, "Flatten", {y}, {integer("axis", 1)}));
}

// ---- Elementwise ----

std::string activated(Writer& w, const fovea::Node& node, const std::string& x) {
  using Kind = Activation::Kind;
  const Activation& activation = as<ops::Activate>(node).activation;
  const auto simple = [&](const char* type, std::vector<Attribute> attributes = {}) {
    return w.add(node, type, {x}, std::move(attributes));
  };
  switch (activation.kind) {
    case Kind::identity:
      return x;
    case Kind::relu:
      return simple("Relu");
    case Kind::leaky_relu:
      return simple("LeakyRelu", {number("alpha", activation.alpha)});
    case Kind::elu:
      return simple("Elu", {number("alpha", activation.alpha)});
    case Kind::selu:
      return simple("Selu", {number("alpha", ops::kSeluAlpha), number("gamma", ops::kSeluScale)});
    case Kind::sigmoid:
      return simple("Sigmoid");
    case Kind::tanh:
      return simple("Tanh");
    case Kind::softplus:
      return simple("Softplus");
    case Kind::silu:
      return w.add(node, "Mul", {x, simple("Sigmoid")});
    case Kind::hard_swish: {
      const std::string gate =
          simple("HardSigmoid", {number("alpha", 1.0 / 6), number("beta", 0.5)});
      return w.add(node, "Mul", {x, gate});
    }
    case Kind::gelu: {  // x (1 + erf(x / sqrt 2)) / 2
      const std::string scaled = w.add(node, "Div", {x, w.scalar(std::numbers::sqrt2)});
      const std::string erf = w.add(node, "Erf", {scaled});
      const std::string sum = w.add(node, "Add", {erf, w.scalar(1)});
      return w.add(node, "Mul", {w.add(node, "Mul", {x, sum}), w.scalar(0.5)});
    }
    case Kind::step: {
      const std::string positive = w.add(node, "Greater", {x, w.scalar(0)});
      return w.add(node, "Cast", {positive}, {integer("to", kFloat)});
    }
  }
  fail(ErrorCode::internal, "an activation without a name");
}

void activate(Writer& w, const fovea::Node& node) {
  const bool first = w.is_channels_first(node.inputs[0]);
  w.set(node.outputs[0], first, activated(w, node, w.as(node.inputs[0], first)));
}

void softmax(Writer& w, const fovea::Node& node) {
  const bool first = w.is_channels_first(node.inputs[0]);
  const std::string x = w.as(node.inputs[0], first);
  w.set(node.outputs[0], first, w.add(node, "Softmax", {x}, {integer("axis", first ? 1 : -1)}));
}

void combine(Writer& w, const fovea::Node& node, const char* type) {
  const bool first = w.is_channels_first(node.inputs[0]) || w.is_channels_first(node.inputs[1]);
  const std::string a = w.as(node.inputs[0], first);
  w.set(node.outputs[0], first, w.add(node, type, {a, w.as(node.inputs[1], first)}));
}

void add(Writer& w, const fovea::Node& node) { combine(w, node, "Add"); }

void multiply(Writer& w, const fovea::Node& node) { combine(w, node, "Mul"); }

void scale(Writer& w, const fovea::Node& node) {
  const bool first = w.is_channels_first(node.inputs[0]);
  const std::string factor = w.scalar(as<ops::Scale>(node).factor);
  w.set(node.outputs[0], first, w.add(node, "Mul", {w.as(node.inputs[0], first), factor}));
}

void rescale(Writer& w, const fovea::Node& node) {
  const auto& op = as<ops::Rescale>(node);
  const bool first = w.is_channels_first(node.inputs[0]);
  std::string y = w.as(node.inputs[0], first);
  if (!is_floating(w.graph().type(node.inputs[0]).dtype)) {
    y = w.add(node, "Cast", {y}, {integer("to", kFloat)});
  }
  const auto is = [](const std::vector<double>& values, double number) {
    return std::all_of(values.begin(), values.end(), [=](double v) { return v == number; });
  };
  if (!is(op.scale, 1)) {
    y = w.add(node, "Mul", {y, w.floats(node.path + ".scale", per_channel(op.scale, first))});
  }
  if (!is(op.offset, 0)) {
    y = w.add(node, "Add", {y, w.floats(node.path + ".offset", per_channel(op.offset, first))});
  }
  w.set(node.outputs[0], first, y);
}

/// Between floating types: the file computes in f32.
void cast(Writer& w, const fovea::Node& node) {
  const bool first = w.is_channels_first(node.inputs[0]);
  w.set(node.outputs[0], first, w.as(node.inputs[0], first));
}

// ---- Shapes ----

void reshape(Writer& w, const fovea::Node& node) {
  const Shape& tail = as<ops::Reshape>(node).tail;
  std::vector<std::int64_t> sizes(tail.begin(), tail.end());
  sizes.insert(sizes.begin(), 0);  // as in the input: the batch
  const std::string x = w.plain(node.inputs[0]);
  w.set_plain(node.outputs[0], w.add(node, "Reshape", {x, w.indices(sizes)}));
}

/// Between the two orders of a picture's axes there is nothing to be done.
void transpose(Writer& w, const fovea::Node& node) {
  const std::vector<std::int64_t>& order = as<ops::Transpose>(node).order;
  const Value x = node.inputs[0], y = node.outputs[0];
  if (order == std::vector<std::int64_t>{0, 2, 3, 1}) {
    w.set_channels_first(y, w.plain(x));
  } else if (order == std::vector<std::int64_t>{0, 3, 1, 2}) {
    w.set_plain(y, w.channels_first(x));
  } else {
    w.set_plain(y, w.add(node, "Transpose", {w.plain(x)}, {integers("perm", order)}));
  }
}

void concat(Writer& w, const fovea::Node& node) {
  const int axis = as<ops::Concat>(node).axis;
  const bool first = std::any_of(node.inputs.begin(), node.inputs.end(),
                                 [&](Value x) { return w.is_channels_first(x); });
  std::vector<std::string> inputs;
  for (Value x : node.inputs) inputs.push_back(w.as(x, first));
  w.set(node.outputs[0], first,
        w.add(node, "Concat", std::move(inputs),
              {integer("axis", first ? channels_first_axis(axis) : axis)}));
}

void slice(Writer& w, const fovea::Node& node) {
  const auto& op = as<ops::Slice>(node);
  const bool first = w.is_channels_first(node.inputs[0]);
  const std::int64_t axis = first ? channels_first_axis(op.axis) : op.axis;
  w.set(node.outputs[0], first,
        w.add(node, "Slice",
              {w.as(node.inputs[0], first), w.indices({op.begin}), w.indices({op.begin + op.size}),
               w.indices({axis})}));
}

void pad(Writer& w, const fovea::Node& node) {
  const auto& op = as<ops::Pad>(node);
  const bool first = w.is_channels_first(node.inputs[0]);
  const auto rank = static_cast<std::size_t>(w.shape(node.inputs[0]).rank());
  const auto axis = static_cast<std::size_t>(first ? channels_first_axis(op.axis) : op.axis);
  std::vector<std::int64_t> cells(2 * rank, 0);
  cells[axis] = op.before;
  cells[rank + axis] = op.after;
  w.set(node.outputs[0], first,
        w.add(node, "Pad", {w.as(node.inputs[0], first), w.indices(cells)}));
}

void constant(Writer& w, const fovea::Node& node) {
  const auto& op = as<ops::Constant>(node);
  w.set_plain(node.outputs[0], w.floats(node.path, Tensor::full(op.shape, op.value)));
}

void parameter(Writer&, const fovea::Node&) {}  // stored where it is used

struct Rule {
  std::string_view op;
  void (*write)(Writer&, const fovea::Node&);
};

constexpr Rule kRules[] = {
    {ops::Parameter::kName, parameter},
    {ops::State::kName, parameter},
    {ops::Constant::kName, constant},
    {ops::Conv2d::kName, conv},
    {ops::MatMul::kName, matmul},
    {ops::AddBias::kName, add_bias},
    {ops::BatchNormInference::kName, batch_norm},
    {ops::MaxPool2d::kName, max_pool},
    {ops::MinPool2d::kName, min_pool},
    {ops::AvgPool2d::kName, avg_pool},
    {ops::GlobalAvgPool::kName, global_avg_pool},
    {ops::Activate::kName, activate},
    {ops::Softmax::kName, softmax},
    {ops::Add::kName, add},
    {ops::Multiply::kName, multiply},
    {ops::Scale::kName, scale},
    {ops::Rescale::kName, rescale},
    {ops::Cast::kName, cast},
    {ops::Reshape::kName, reshape},
    {ops::Transpose::kName, transpose},
    {ops::Concat::kName, concat},
    {ops::Slice::kName, slice},
    {ops::Pad::kName, pad},
};

}  // namespace

void export_op(Writer& writer, const fovea::Node& node) {
  for (const Rule& rule : kRules) {
    if (rule.op == node.op->name()) return rule.write(writer, node);
  }
  fail(ErrorCode::unsupported, "'", node.path, "' (", node.op->name(),
       ") has no counterpart among ONNX's operators, so the model cannot be saved as an ONNX file; "
       "save it as .safetensors, or leave the layer out");
}

}  // namespace fovea::onnx
