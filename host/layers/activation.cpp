// Activation layers, and activations by name.
#include <array>

#include "fovea/layers.h"
#include "host/layers/checks.h"

namespace fovea {
namespace {

constexpr std::string_view kSoftmaxName = "softmax";

struct NamedActivation {
  std::string_view name;
  Activation activation;
};
constexpr std::array kActivations = {
    NamedActivation{"linear", {Activation::Kind::identity, 0}},
    NamedActivation{"relu", {Activation::Kind::relu, 0}},
    NamedActivation{"leaky_relu", {Activation::Kind::leaky_relu, 0.2}},
    NamedActivation{"elu", {Activation::Kind::elu, 1}},
    NamedActivation{"sigmoid", {Activation::Kind::sigmoid, 0}},
    NamedActivation{"tanh", {Activation::Kind::tanh, 0}},
    NamedActivation{"gelu", {Activation::Kind::gelu, 0}},
    NamedActivation{"silu", {Activation::Kind::silu, 0}},
    NamedActivation{"swish", {Activation::Kind::silu, 0}},
    NamedActivation{"step", {Activation::Kind::step, 0}},
    NamedActivation{"selu", {Activation::Kind::selu, 0}},
    NamedActivation{"softplus", {Activation::Kind::softplus, 0}},
    NamedActivation{"hard_silu", {Activation::Kind::hard_swish, 0}},
    NamedActivation{"hard_swish", {Activation::Kind::hard_swish, 0}},
};

Value activate(Builder& b, const Layer& layer, Value x, const Activation& activation) {
  detail::require_floating(b, layer, x);
  return LayerActivation(activation).apply(b, x);
}

}  // namespace

LayerActivation::LayerActivation(std::string_view name) {
  if (name == kSoftmaxName) {
    softmax_ = true;
    return;
  }
  std::string known;
  for (const NamedActivation& entry : kActivations) {
    if (entry.name == name) {
      activation_ = entry.activation;
      return;
    }
    known += std::string(entry.name) + ", ";
  }
  fail(ErrorCode::invalid_argument, "unknown activation '", name, "'; known: ", known,
       kSoftmaxName);
}

Value LayerActivation::apply(Builder& b, Value x) const {
  if (softmax_) return b.add(ops::Softmax{}, {x});
  if (activation_.kind == Activation::Kind::identity) return x;
  return b.add(ops::Activate(activation_), {x});
}

Value ActivationLayer::build(Builder& b, Value x) const {
  detail::require_floating(b, *this, x);
  return activation_.apply(b, x);
}

Value Relu::build(Builder& b, Value x) const {
  return activate(b, *this, x, {Activation::Kind::relu, 0});
}

Value LeakyRelu::build(Builder& b, Value x) const {
  return activate(b, *this, x, {Activation::Kind::leaky_relu, slope_});
}

Value Elu::build(Builder& b, Value x) const {
  return activate(b, *this, x, {Activation::Kind::elu, alpha_});
}

Value Sigmoid::build(Builder& b, Value x) const {
  return activate(b, *this, x, {Activation::Kind::sigmoid, 0});
}

Value Tanh::build(Builder& b, Value x) const {
  return activate(b, *this, x, {Activation::Kind::tanh, 0});
}

Value Gelu::build(Builder& b, Value x) const {
  return activate(b, *this, x, {Activation::Kind::gelu, 0});
}

Value Silu::build(Builder& b, Value x) const {
  return activate(b, *this, x, {Activation::Kind::silu, 0});
}

Value Softmax::build(Builder& b, Value x) const {
  detail::require_floating(b, *this, x);
  return b.add(ops::Softmax{}, {x});
}

}  // namespace fovea
