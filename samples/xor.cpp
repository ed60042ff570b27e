// XOR, which no single perceptron can compute: with two layers of perceptrons, and with a small
// network that finds its weights itself.
//
// Expected output:
//
//   x1 x2   perceptrons   network
//    0  0             0       0.0
//    0  1             1       1.0
//    1  0             1       1.0
//    1  1             0       0.0
#include <cstdio>

#include "fovea/fovea.h"

using fovea::Dense;
using fovea::Input;
using fovea::Model;
using fovea::Sequential;
using fovea::Tensor;

namespace {

const Tensor kInputs = Tensor::from({4, 2}, {0, 0, 0, 1, 1, 0, 1, 1});
const Tensor kXor = Tensor::from({4, 1}, {0, 1, 1, 0});

/// AND(NAND(x), OR(x)): the first layer's two columns of weights are a NAND and an OR.
Model make_of_gates() {
  Model model(Sequential{Input({2}), Dense(2, {.activation = "step", .name = "nand_or"}),
                         Dense(1, {.activation = "step", .name = "and"})},
              {.threads = 1});
  model.set_weight("nand_or.weight", Tensor::from({2, 2}, {-0.5f, 0.5f, -0.5f, 0.5f}));
  model.set_weight("nand_or.bias", Tensor::from({2}, {0.7f, -0.2f}));
  model.set_weight("and.weight", Tensor::from({2, 1}, {0.5f, 0.5f}));
  model.set_weight("and.bias", Tensor::from({1}, {-0.7f}));
  return model;
}

/// A step has no slope to follow, so this one has smooth activations.
Model train_network() {
  Model model(
      Sequential{Input({2}), Dense(8, {.activation = "tanh"}), Dense(1, {.activation = "sigmoid"})},
      {.threads = 1, .seed = 1});
  model.compile({.optimizer = fovea::Adam(0.05), .loss = "binary_crossentropy"});
  model.fit(fovea::Arrays{{kInputs}, {kXor}}, {.epochs = 200, .batch_size = 4, .verbose = 0});
  return model;
}

}  // namespace

int main() {
  const Tensor gates = make_of_gates().predict(kInputs);
  const Tensor network = train_network().predict(kInputs);
  std::printf("x1 x2   perceptrons   network\n");
  for (std::int64_t i = 0; i < 4; ++i) {
    std::printf("%2.0f %2.0f %13.0f %9.1f\n", kInputs.item(2 * i), kInputs.item(2 * i + 1),
                gates.item(i), network.item(i));
  }
}
