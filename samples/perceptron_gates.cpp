// A perceptron: inputs times weights, plus a bias, and a step. One of them is a logic gate, with
// weights that somebody chose or that it learns by itself. There is one gate that it cannot learn.
//
// Expected output:
//
//   Chosen weights
//     AND   w = ( 0.5,  0.5), b = -0.7:  0 0 0 1
//     NAND  w = (-0.5, -0.5), b =  0.7:  1 1 1 0
//     OR    w = ( 0.5,  0.5), b = -0.2:  0 1 1 1
//
//   Learned weights
//     AND   after 6 rounds:  w = ( 1.0,  0.5), b = -1.0
//     NAND  after 6 rounds:  w = (-1.0, -0.5), b =  1.5
//     OR    after 4 rounds:  w = ( 0.5,  0.5), b =  0.0
//     XOR   not after 100 rounds: no line parts (0,0) and (1,1) from (0,1) and (1,0)
#include <cstdio>
#include <vector>

#include "fovea/fovea.h"

namespace {

using fovea::Tensor;

const Tensor kInputs = Tensor::from({4, 2}, {0, 0, 0, 1, 1, 0, 1, 1});

class Perceptron {
 public:
  void set(float w1, float w2, float bias) {
    model_.set_weight("dense.weight", Tensor::from({2, 1}, {w1, w2}));
    model_.set_weight("dense.bias", Tensor::from({1}, {bias}));
  }

  /// 0 or 1 for each row of inputs.
  Tensor predict(const Tensor& inputs) { return model_.predict(inputs); }

  /// Moves the weights towards the error of each of the four inputs, one after the other; returns
  /// whether there was none.
  bool learn(const std::vector<float>& targets) {
    constexpr float kRate = 0.5f;
    bool right = true;
    for (std::int64_t i = 0; i < 4; ++i) {
      const Tensor x = kInputs.slice(i, i + 1);
      const float error = targets[static_cast<std::size_t>(i)] - predict(x).data<float>()[0];
      const float step = kRate * error;
      set(weight(0) + step * x.data<float>()[0], weight(1) + step * x.data<float>()[1],
          bias() + step);
      right = right && error == 0;
    }
    return right;
  }

  float weight(int i) const { return model_.weight("dense.weight").data<float>()[i]; }
  float bias() const { return model_.weight("dense.bias").data<float>()[0]; }

 private:
  fovea::Model model_{
      fovea::Sequential{fovea::Input({2}),
                        fovea::Dense(1, {.activation = "step", .kernel_initializer = "zeros"})},
      {.device = "cpu", .threads = 1}};
};

void print_weights(const Perceptron& perceptron) {
  std::printf("w = (%4.1f, %4.1f), b = %4.1f", perceptron.weight(0), perceptron.weight(1),
              perceptron.bias());
}

}  // namespace

int main() {
  std::printf("Chosen weights\n");
  struct Gate {
    const char* name;
    float w1, w2, bias;
  };
  for (const Gate& gate : {Gate{"AND", 0.5f, 0.5f, -0.7f}, Gate{"NAND", -0.5f, -0.5f, 0.7f},
                           Gate{"OR", 0.5f, 0.5f, -0.2f}}) {
    Perceptron perceptron;
    perceptron.set(gate.w1, gate.w2, gate.bias);
    std::printf("  %-5s ", gate.name);
    print_weights(perceptron);
    std::printf(": ");
    const Tensor answers = perceptron.predict(kInputs);
    for (std::int64_t i = 0; i < 4; ++i) std::printf(" %.0f", answers.item(i));
    std::printf("\n");
  }

  std::printf("\nLearned weights\n");
  struct Table {
    const char* name;
    std::vector<float> targets;
  };
  for (const Table& table : {Table{"AND", {0, 0, 0, 1}}, Table{"NAND", {1, 1, 1, 0}},
                             Table{"OR", {0, 1, 1, 1}}, Table{"XOR", {0, 1, 1, 0}}}) {
    Perceptron perceptron;
    int rounds = 1;
    while (rounds <= 100 && !perceptron.learn(table.targets)) ++rounds;
    std::printf("  %-5s ", table.name);
    if (rounds > 100) {
      std::printf("not after 100 rounds: no line parts (0,0) and (1,1) from (0,1) and (1,0)\n");
      continue;
    }
    std::printf("after %d rounds:  ", rounds);
    print_weights(perceptron);
    std::printf("\n");
  }
}
