// Matrix products, a forward pass, activations, losses and shapes, with the numbers one gets by
// hand.
#include <cmath>

#include "tests/examples/examples.h"

namespace fovea::examples {
namespace {

/// x w, by a layer without bias.
Tensor product(const Tensor& x, const Tensor& w) {
  Model model = exact(Sequential{Input({w.shape()[0]}), Dense(w.shape()[1], {.use_bias = false})});
  model.set_weight("dense.weight", w);
  return model.predict(x);
}

TEST(MatrixProduct, RowsTimesColumns) {
  expect_values(product(matrix({{1, 2}, {3, 4}}), matrix({{5, 6}, {7, 8}})),
                matrix({{19, 22}, {43, 50}}), 0);
  expect_values(product(matrix({{1, 2}}), matrix({{1, 2, 3}, {4, 5, 6}})), vector({9, 12, 15}), 0);
}

TEST(ForwardPass, OfThreeLayers) {
  Model model =
      exact(Sequential{Input({2}), Dense(3, {.name = "a1"}), Sigmoid("z1"),
                       Dense(2, {.activation = "sigmoid", .name = "z2"}), Dense(2, {.name = "y"})});
  model.set_weight("a1.weight", matrix({{.1, .3, .5}, {.2, .4, .6}}));
  model.set_weight("a1.bias", vector({.1, .2, .3}));
  model.set_weight("z2.weight", matrix({{.1, .4}, {.2, .5}, {.3, .6}}));
  model.set_weight("z2.bias", vector({.1, .2}));
  model.set_weight("y.weight", matrix({{.1, .3}, {.2, .4}}));
  model.set_weight("y.bias", vector({.1, .2}));
  const Tensor x = matrix({{1, .5}});
  const auto inside = model.probe({x}, {"a1", "z1"});
  expect_values(inside.at("a1"), vector({.3, .7, 1.1}), 1e-12);
  expect_values(inside.at("z1"), vector({.57444252, .66818777, .75026011}), 5e-9);
  expect_values(model.predict(x), vector({.31682708, .69627909}), 5e-9);
}

TEST(Activations, OfAFewNumbers) {
  const Tensor x = vector({-1, 1, 2});
  expect_values(apply(ActivationLayer("step"), x), vector({0, 1, 1}), 0);
  expect_values(apply(ActivationLayer("linear"), x), x, 0);
  expect_values(apply(Sigmoid(), x), vector({.26894142, .73105858, .88079708}), 5e-9);
  expect_values(apply(Tanh(), x), vector({std::tanh(-1), std::tanh(1), std::tanh(2)}), 1e-15);
  expect_values(apply(Relu(), x), vector({0, 1, 2}), 0);
  expect_values(apply(LeakyRelu(0.1), x), vector({-0.1, 1, 2}), 1e-15);
  expect_values(apply(LeakyRelu(), x), vector({-0.3, 1, 2}), 1e-15);
  expect_values(apply(Elu(), x), vector({std::exp(-1) - 1, 1, 2}), 1e-15);
  expect_values(apply(Softmax(), vector({.3, 2.9, 4})), vector({.01821127, .24519181, .73659691}),
                5e-9);
  EXPECT_NEAR(std::exp(.3) + std::exp(2.9) + std::exp(4), 74.1221542, 5e-8);
  // Large numbers stay finite.
  expect_values(apply(Softmax(), vector({1010, 1000, 990})),
                vector({.999954600, 4.5397868e-5, 2.06106005e-9}), 1e-9);
}

TEST(Activations, OfTheStepAtZero) {
  expect_values(apply(ActivationLayer("step"), vector({0})), vector({0}), 0);
}

/// What a network that passes its input on loses against targets.
double loss_of(const Loss& loss, const Tensor& prediction, const Tensor& target) {
  const Network same = Sequential{Input(prediction.shape()), ActivationLayer("linear")};
  const std::int64_t n = prediction.numel();
  return trace_gradients(exact(same), prediction.reshape({1, n}), loss, target.reshape({1, n}))
      .result()
      .value.item();
}

TEST(Losses, OfTenClasses) {
  const Tensor y = vector({.1, .05, .6, 0, .05, .1, 0, .1, 0, 0});
  const Tensor two = vector({0, 0, 1, 0, 0, 0, 0, 0, 0, 0});
  const Tensor seven = vector({0, 0, 0, 0, 0, 0, 0, 1, 0, 0});
  EXPECT_NEAR(loss_of("half_squared_error", y, two), .0975, 1e-12);
  EXPECT_NEAR(loss_of("mean_squared_error", y, two), .0195, 1e-12);
  EXPECT_NEAR(loss_of("categorical_crossentropy", y, two), .5108, 5e-5);
  EXPECT_NEAR(loss_of("half_squared_error", y, seven), .5975, 1e-12);
  EXPECT_NEAR(loss_of("categorical_crossentropy", y, seven), 2.3026, 5e-5);
}

TEST(Losses, OfOneAnswer) {
  EXPECT_NEAR(loss_of("binary_crossentropy", vector({.9}), vector({1})), .1054, 5e-5);
  EXPECT_NEAR(loss_of("binary_crossentropy", vector({.9}), vector({0})), 2.3026, 5e-5);
}

TEST(Shapes, OfAChainOfLayers) {
  const Network network = Sequential{Input({256, 256, 3}), Conv2D(5, 3, {.padding = "same"}),
                                     Conv2D(20, 3, {.padding = "same"}), MaxPool2D(2)};
  EXPECT_EQ(network.layers()[1].output, (Shape{256, 256, 5}));
  EXPECT_EQ(network.layers()[2].output, (Shape{256, 256, 20}));
  EXPECT_EQ(network.layers()[3].output, (Shape{128, 128, 20}));
  const Network odd = Sequential{Input({13, 13, 1}), MaxPool2D(2)};
  EXPECT_EQ(odd.outputs().front().shape, (Shape{6, 6, 1}));
  const Network flat = Sequential{Input({8, 8, 10}), Flatten(), Dense(10, {.use_bias = false})};
  EXPECT_EQ(flat.layers()[1].output, (Shape{640}));
  EXPECT_EQ(flat.parameter_count(), 6400);
}

/// A layer of two inputs on (1, 2, 3) and (2, 4, 6).
Tensor join(const Layer& layer) {
  const Symbol a = input({3}, "a"), b = input({3}, "b");
  Model model = exact(Network({a, b}, {layer({a, b})}));
  return model.predict_all({matrix({{1, 2, 3}}), matrix({{2, 4, 6}})}).front();
}

TEST(Joining, AlongAnAxisOrANewOne) {
  const Tensor end_to_end = join(Concatenate());
  EXPECT_EQ(end_to_end.shape(), (Shape{1, 6}));
  expect_values(end_to_end, vector({1, 2, 3, 2, 4, 6}), 0);
  const Tensor pairs = join(Stack(2));
  EXPECT_EQ(pairs.shape(), (Shape{1, 3, 2}));
  expect_values(pairs, matrix({{1, 2}, {2, 4}, {3, 6}}), 0);
  const Tensor layered = join(Stack(1));
  EXPECT_EQ(layered.shape(), (Shape{1, 2, 3}));
  expect_values(layered, matrix({{1, 2, 3}, {2, 4, 6}}), 0);
  expect_values(join(Add()), vector({3, 6, 9}), 0);
  expect_values(join(Multiply()), vector({2, 8, 18}), 0);
}

}  // namespace
}  // namespace fovea::examples
