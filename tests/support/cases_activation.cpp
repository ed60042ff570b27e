// Cases of activations and softmax, inputs kept away from kinks.
#include "fovea/ops/activation.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

using Kind = Activation::Kind;

struct Range {
  Activation activation;
  Fill x;      ///< away from the kink, if there is one
  Fill saved;  ///< what the backward pass may be given
};

std::vector<Range> activations() {
  return {
      {{Kind::identity}, uniform(), uniform()},
      {{Kind::relu}, away_from_zero(), away_from_zero()},
      {{Kind::leaky_relu, 0.3}, away_from_zero(), away_from_zero()},
      {{Kind::elu, 1.0}, away_from_zero(0.1, 3), away_from_zero(0.1, 0.9)},
      {{Kind::elu, 0.5}, away_from_zero(0.1, 3), away_from_zero(0.1, 0.4)},
      {{Kind::sigmoid}, uniform(-6, 6), uniform(0, 1)},
      {{Kind::tanh}, uniform(-3, 3), uniform(-1, 1)},
      {{Kind::gelu}, uniform(-3, 3), uniform(-3, 3)},
      {{Kind::silu}, uniform(-8, 8), uniform(-8, 8)},
      {{Kind::step}, away_from_zero(), uniform(0, 1)},
      {{Kind::selu}, away_from_zero(0.1, 3), away_from_zero(0.1, 1.5)},
      {{Kind::softplus}, uniform(-6, 6), uniform(0.01, 6)},
      {{Kind::hard_swish}, away_from_zero(0.1, 2.9), uniform(-5, 5)},
  };
}

std::string name_of(const Activation& activation) {
  std::string name = EnumNames<Kind>::values[static_cast<std::size_t>(activation.kind)];
  if (activation.alpha == 0.5) name += "_half";
  return name;
}

void add_activation(const Range& range, const std::string& label, const Shape& shape,
                    std::vector<OpCase>& cases) {
  const std::string name = name_of(range.activation) + "_" + label;
  const OpCase forward(name, ops::Activate(range.activation), {{shape, range.x}});
  cases.push_back(shape.numel() <= 1000 ? forward.differentiate({0}) : forward);
  ops::ActivateBackward backward;
  backward.activation = range.activation;
  cases.push_back(OpCase(name, backward, {{shape}, {shape, range.saved}}));
}

void add_softmax(const std::string& label, const Shape& shape, double largest,
                 std::vector<OpCase>& cases) {
  const OpCase forward(label, ops::Softmax{}, {{shape, uniform(-largest, largest)}});
  // Central differences lose too many digits of tiny probabilities.
  const bool moderate = shape.numel() <= 1000 && largest <= 10;
  cases.push_back(moderate ? forward.differentiate({0}) : forward);
  cases.push_back(OpCase(label, ops::SoftmaxBackward{}, {{shape}, {shape, probabilities()}}));
}

}  // namespace

std::vector<OpCase> activation_cases() {
  std::vector<OpCase> cases;
  for (const Range& range : activations()) {
    add_activation(range, "one", {1}, cases);
    add_activation(range, "odd", {3, 7, 5}, cases);
    add_activation(range, "after_first_layer", {4, 30, 30, 32}, cases);
  }
  add_softmax("one", {1, 1}, 1, cases);
  add_softmax("row", {5}, 1, cases);
  add_softmax("odd", {2, 3, 7}, 2, cases);
  add_softmax("steep", {3, 11}, 80, cases);
  add_softmax("imagenet", {33, 1000}, 5, cases);
  return cases;
}

}  // namespace fovea::test
