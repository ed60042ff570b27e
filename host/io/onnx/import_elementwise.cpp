// Activations and arithmetic, element by element.
#include <cmath>

#include "fovea/ops/activation.h"
#include "fovea/ops/basic.h"
#include "host/io/onnx/import_ops.h"

namespace fovea::onnx {
namespace {

using Kind = Activation::Kind;

Value activate(const Call& call, Value x, Kind kind, double alpha = 0) {
  return call.add(ops::Activate({kind, alpha}), {x});
}

template <Kind kKind>
void simple(const Call& call) {
  const View& x = call.view(0);
  call.give_like(x, activate(call, x.value, kKind));
}

/// y = factor x + offset.
Value linear(const Call& call, Value x, double factor, double offset) {
  ops::Rescale op;
  op.scale = {factor};
  op.offset = {offset};
  return call.add(op, {x});
}

void leaky_relu(const Call& call) {
  const View& x = call.view(0);
  call.give_like(x, activate(call, x.value, Kind::leaky_relu, call.number("alpha", 0.01)));
}

/// With one slope for all channels it is a leaky relu.
void prelu(const Call& call) {
  const View& x = call.view(0);
  const Tensor& slopes = call.constant(1, "its slope").tensor;
  if (slopes.numel() == 0) call.fail_parse("it has no slope");
  for (std::int64_t i = 1; i < slopes.numel(); ++i) {
    if (slopes.item(i) != slopes.item()) call.refuse("slopes that differ between channels");
  }
  call.give_like(x, activate(call, x.value, Kind::leaky_relu, slopes.item()));
}

void elu(const Call& call) {
  const View& x = call.view(0);
  call.give_like(x, activate(call, x.value, Kind::elu, call.number("alpha", 1)));
}

void selu(const Call& call) {
  const auto differs = [&](const char* name, double usual) {
    return std::abs(call.number(name, usual) - usual) > 1e-6;
  };
  if (differs("alpha", ops::kSeluAlpha) || differs("gamma", ops::kSeluScale)) {
    call.refuse("constants other than the usual ones");
  }
  simple<Kind::selu>(call);
}

void gelu(const Call& call) {
  if (call.text("approximate", "none") != "none") call.refuse("the approximation by tanh");
  simple<Kind::gelu>(call);
}

/// min(max(x, low), high) = low + relu(x - low) - relu(x - high), a bound being left out where it
/// is infinite.
Value clipped(const Call& call, Value x, double low, double high) {
  if (std::isinf(low) && std::isinf(high)) return x;
  if (std::isinf(low)) {  // high - relu(high - x)
    return linear(call, activate(call, linear(call, x, -1, high), Kind::relu), -1, high);
  }
  const Value above = low == 0 ? x : linear(call, x, 1, -low);
  Value y = activate(call, above, Kind::relu);
  if (!std::isinf(high)) {
    const Value excess = activate(call, linear(call, x, 1, -high), Kind::relu);
    y = call.add(ops::Add{}, {y, linear(call, excess, -1, 0)});
  }
  return low == 0 ? y : linear(call, y, 1, low);
}

void clip(const Call& call) {
  const View& x = call.view(0);
  const auto bound = [&](std::size_t input, const char* name, double otherwise) {
    if (!call.has(input)) return call.number(name, otherwise);
    const Tensor& tensor = call.constant(input, name).tensor;
    if (tensor.numel() != 1) call.fail_parse(name, " has ", tensor.numel(), " elements");
    return tensor.item();
  };
  const auto usual = [](double value) { return std::abs(value) > 1e38 ? value * INFINITY : value; };
  const double low = usual(bound(1, "min", -INFINITY)), high = usual(bound(2, "max", INFINITY));
  if (!(low <= high)) call.refuse("bounds of ", low, " and ", high);
  call.give_like(x, clipped(call, x.value, low, high));
}

void hard_sigmoid(const Call& call) {
  const View& x = call.view(0);
  const Value y = linear(call, x.value, call.number("alpha", 0.2), call.number("beta", 0.5));
  call.give_like(x, clipped(call, y, 0, 1));
}

void softmax(const Call& call) {
  const View& x = call.view(0);
  const int rank = x.shape.rank();
  const bool flattens = call.importer().opset() < 13;
  const int axis = resolve_axis(call, call.integer("axis", flattens ? 1 : -1), rank);
  if (axis == 0 || (flattens && x.shape.drop_front(axis + 1).numel() != 1)) {
    call.refuse("along axis ", axis, " of ", x.shape);
  }
  const View in = call.with_last_axis(x, axis);
  call.give_like(in, call.add(ops::Softmax{}, {in.value}));
}

/// x > c ? 1 : 0, which a Cast makes numbers of.
void greater(const Call& call) {
  const View& x = call.view(0);
  const Tensor& bound = call.constant(1, "its second input").tensor;
  if (bound.numel() != 1) call.refuse("more than one bound");
  const Value shifted = bound.item() == 0 ? x.value : linear(call, x.value, 1, -bound.item());
  call.give_like(x, activate(call, shifted, Kind::step));
}

void negate(const Call& call) {
  const View& x = call.view(0);
  call.give_like(x, linear(call, x.value, -1, 0));
}

// ---- Arithmetic ----

/// Two tensors of one shape, their values being in one order.
std::pair<View, View> aligned(const Call& call, const View& a, const View& b) {
  if (a.shape != b.shape) {
    call.refuse("inputs of shapes ", a.shape, " and ", b.shape, "; equal shapes are supported");
  }
  if (a.order == b.order && call.b().shape(a.value) == call.b().shape(b.value)) return {a, b};
  const auto arranged = [&](const View& view) {
    if (view.shape.rank() == 4) return picture_view(call.b(), call.picture(view), view.layer);
    return plain_view(call.b(), call.plain(view), view.layer);
  };
  View first = arranged(a);
  return {first, arranged(b)};
}

/// The only axis of a constant that is not 1, as an axis of a shape that it is broadcast to; none
/// for a single number.
std::optional<int> broadcast_axis(const Call& call, const Shape& constant, const Shape& shape) {
  std::optional<int> found;
  for (int i = 0; i < constant.rank(); ++i) {
    const int axis = shape.rank() - constant.rank() + i;
    if (constant[i] == 1 && axis >= 0) continue;
    if (axis < 1 || found || constant[i] != shape[axis]) {
      call.refuse("a constant of shape ", constant, " with ", shape,
                  "; one number, or one per channel, is supported");
    }
    found = axis;
  }
  return found;
}

/// y = scale x + offset with a constant of one number or one per channel, of which `make` makes a
/// scale and an offset.
template <class Make>
void with_constant(const Call& call, const View& x, const Tensor& constant, const Make& make) {
  if (constant.dtype() != DType::f32) call.refuse("a constant of whole numbers");
  const auto axis = broadcast_axis(call, constant.shape(), x.shape);
  const View in = axis ? call.with_last_axis(x, *axis) : x;
  ops::Rescale op;
  op.scale.clear();
  op.offset.clear();
  for (std::int64_t i = 0; i < constant.numel(); ++i) {
    const auto [scale, offset] = make(constant.item(i));
    op.scale.push_back(scale);
    op.offset.push_back(offset);
  }
  call.give_like(in, call.add(op, {in.value}));
}

template <class Combine, class Make>
void combine(const Call& call, const Combine& both, const Make& make) {
  if (call.count() != 2) call.fail_parse("it has ", call.count(), " inputs, not two");
  const bool second = call.maybe_constant(1) != nullptr;
  if (!second && call.maybe_constant(0) == nullptr) {
    const auto [a, b] = aligned(call, call.view(0), call.view(1));
    return call.give_like(a, both(a.value, b.value));
  }
  const Tensor& constant = call.constant(second ? 1 : 0, "one input").tensor;
  with_constant(call, call.view(second ? 0 : 1), constant,
                [&](double c) { return make(c, second); });
}

void add(const Call& call) {
  combine(
      call,
      [&](Value a, Value b) {
        return call.add(ops::Add{}, {a, b});
      },
      [](double c, bool) { return std::pair(1.0, c); });
}

void subtract(const Call& call) {
  combine(
      call,
      [&](Value a, Value b) {
        return call.add(ops::Add{}, {a, linear(call, b, -1, 0)});
      },
      [](double c, bool second) { return second ? std::pair(1.0, -c) : std::pair(-1.0, c); });
}

void multiply(const Call& call) {
  combine(
      call,
      [&](Value a, Value b) {
        return call.add(ops::Multiply{}, {a, b});
      },
      [](double c, bool) { return std::pair(c, 0.0); });
}

void divide(const Call& call) {
  combine(
      call, [&](Value, Value) -> Value { call.refuse("a division by something not constant"); },
      [&](double c, bool second) {
        if (!second) call.refuse("a division by something not constant");
        return std::pair(1 / c, 0.0);
      });
}

void sum(const Call& call) {
  View total = call.view(0);
  for (std::size_t i = 1; i < call.count(); ++i) {
    const auto [a, b] = aligned(call, total, call.view(i));
    total = View{call.add(ops::Add{}, {a.value, b.value}), a.order, a.shape, call.layer()};
  }
  call.give(total);
}

constexpr NamedRule kRules[] = {
    {"Relu", simple<Kind::relu>},
    {"Sigmoid", simple<Kind::sigmoid>},
    {"Tanh", simple<Kind::tanh>},
    {"Softplus", simple<Kind::softplus>},
    {"HardSwish", simple<Kind::hard_swish>},
    {"LeakyRelu", leaky_relu},
    {"PRelu", prelu},
    {"Elu", elu},
    {"Selu", selu},
    {"Gelu", gelu},
    {"Clip", clip},
    {"HardSigmoid", hard_sigmoid},
    {"Softmax", softmax},
    {"Greater", greater},
    {"Neg", negate},
    {"Add", add},
    {"Sub", subtract},
    {"Mul", multiply},
    {"Div", divide},
    {"Sum", sum},
};

}  // namespace

std::span<const NamedRule> elementwise_rules() { return kRules; }

}  // namespace fovea::onnx
