// Perceptrons: gates, what one of them cannot learn, a decision about coffee.
#include "tests/examples/examples.h"

namespace fovea::examples {
namespace {

const Tensor kBits = matrix({{0, 0}, {0, 1}, {1, 0}, {1, 1}});

/// step(x w + b).
Tensor perceptron(const Tensor& x, const std::vector<double>& weights, double bias) {
  const auto inputs = static_cast<std::int64_t>(weights.size());
  Model model = exact(Sequential{Input({inputs}), Dense(1, {.activation = "step"})});
  model.set_weight("dense.weight", Tensor::from<double>({inputs, 1}, weights));
  model.set_weight("dense.bias", vector({bias}));
  return model.predict(x);
}

TEST(Gates, AreOnePerceptronEach) {
  expect_values(perceptron(kBits, {0.5, 0.5}, -0.7), vector({0, 0, 0, 1}), 0);   // AND
  expect_values(perceptron(kBits, {-0.5, -0.5}, 0.7), vector({1, 1, 1, 0}), 0);  // NAND
  expect_values(perceptron(kBits, {0.5, 0.5}, -0.2), vector({0, 1, 1, 1}), 0);   // OR
}

TEST(Gates, XorIsTwoLayersOfThem) {
  Model model = exact(Sequential{Input({2}), Dense(2, {.activation = "step", .name = "nand_or"}),
                                 Dense(1, {.activation = "step", .name = "and"})});
  model.set_weight("nand_or.weight", matrix({{-0.5, 0.5}, {-0.5, 0.5}}));
  model.set_weight("nand_or.bias", vector({0.7, -0.2}));
  model.set_weight("and.weight", matrix({{0.5}, {0.5}}));
  model.set_weight("and.bias", vector({-0.7}));
  expect_values(model.predict(kBits), vector({0, 1, 1, 0}), 0);
}

/// Rosenblatt's rule: predict, compare, move the weights towards the error, repeat. Returns how
/// many of the four rows are right at the end.
int learn(const std::vector<double>& targets) {
  Model model = exact(
      Sequential{Input({2}), Dense(1, {.activation = "step", .kernel_initializer = zeros()})});
  for (int round = 0; round < 50; ++round) {
    for (std::int64_t i = 0; i < 4; ++i) {
      const Tensor x = kBits.slice(i, i + 1);
      const double error = targets[static_cast<std::size_t>(i)] - model.predict(x).item();
      Tensor weight = model.weight("dense.weight").clone(), bias = model.weight("dense.bias");
      for (std::int64_t k = 0; k < 2; ++k) weight.data<double>()[k] += 0.1 * error * x.item(k);
      model.set_weight("dense.weight", weight);
      model.set_weight("dense.bias", vector({bias.item() + 0.1 * error}));
    }
  }
  const Tensor answers = model.predict(kBits);
  int right = 0;
  for (std::int64_t i = 0; i < 4; ++i) {
    right += answers.item(i) == targets[static_cast<std::size_t>(i)] ? 1 : 0;
  }
  return right;
}

TEST(Gates, APerceptronLearnsAndButNotXor) {
  EXPECT_EQ(learn({0, 0, 0, 1}), 4);
  EXPECT_EQ(learn({0, 1, 1, 1}), 4);
  EXPECT_LT(learn({0, 1, 1, 0}), 4);
}

TEST(Gates, TwoLayersLearnXor) {
  Model model(
      Sequential{Input({2}), Dense(8, {.activation = "tanh"}), Dense(1, {.activation = "sigmoid"})},
      {.device = "cpu", .precision = "f64", .seed = 1});
  model.compile({.optimizer = Adam(0.05), .loss = "binary_crossentropy"});
  const Arrays xor_table{{kBits}, {matrix({{0}, {1}, {1}, {0}})}};
  model.fit(xor_table, {.epochs = 300, .batch_size = 4, .verbose = 0});
  expect_values(model.predict(kBits), vector({0, 1, 1, 0}), 0.1);
}

TEST(Coffee, IsDrunkAboveTheThreshold) {
  // Weather, company and distance, weighed; 2 for being at home already; worth it above 6.
  const std::vector<double> weights = {0.5, 0.7, 0.6};
  const Tensor days = matrix({{2, 3, 1}, {8, 7, 6}});
  Model model = exact(Sequential{Input({3}), Dense(1)});
  model.set_weight("dense.weight", Tensor::from<double>({3, 1}, weights));
  model.set_weight("dense.bias", vector({2}));
  expect_values(model.predict(days), vector({5.7, 14.5}), 1e-12);
  expect_values(perceptron(days, weights, 2 - 6), vector({0, 1}), 0);
}

}  // namespace
}  // namespace fovea::examples
