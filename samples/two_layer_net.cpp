// The classic two-layer network: its gradients by differences and by backpropagation, which agree,
// and its training by gradient descent.
//
//   two_layer_net --data FOLDER_OF_MNIST --iterations 10000
//
// Expected output:
//
//   Gradients of 10 pictures, by differences and by backpropagation
//     dense.bias          5 numbers, differences below 1e-8: yes
//     dense.weight     3920 numbers, differences below 1e-8: yes
//     dense_1.bias       10 numbers, differences below 1e-8: yes
//     dense_1.weight     50 numbers, differences below 1e-8: yes
//
//   Weights after 3 steps with either
//     dense.weight     3920 numbers, differences below 1e-8: yes
//     dense.bias          5 numbers, differences below 1e-8: yes
//     dense_1.weight     50 numbers, differences below 1e-8: yes
//     dense_1.bias       10 numbers, differences below 1e-8: yes
//
//   Training: batches of 100, drawn with replacement
//     iteration   train    test
//           250   0....   0....
//           500   0....   0....
//           750   0.9..   0.9..
//          1000   0.9..   0.9..
#include <cmath>
#include <cstdio>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "command_line.h"
#include "digits.h"
#include "fovea/fovea.h"

namespace {

using fovea::Model;
using fovea::Tensor;
using Gradients = std::map<std::string, Tensor>;

constexpr double kRate = 0.1;

/// The network with five hidden units, in f64 on the CPU: differences take two predictions per
/// weight.
Model make_exact_model() {
  Model model(fovea::two_layer_net(5), {.device = "cpu", .precision = "f64", .threads = 1});
  model.compile({.optimizer = fovea::Sgd(kRate), .loss = "sparse_categorical_crossentropy"});
  return model;
}

/// The mean of -log(probability of the right class).
double cross_entropy(Model& model, const Tensor& pictures, const Tensor& labels) {
  const Tensor probabilities = model.predict(pictures);
  const std::int64_t classes = probabilities.shape()[1];
  double sum = 0;
  for (std::int64_t n = 0; n < labels.numel(); ++n) {
    sum -= std::log(probabilities.item(n * classes + labels.data<std::int32_t>()[n]));
  }
  return sum / static_cast<double>(labels.numel());
}

/// Moves each weight up and down a little and looks at what the loss does.
Gradients gradients_by_differences(Model& model, const Tensor& pictures, const Tensor& labels) {
  Gradients gradients;
  for (const std::string& path : model.weight_paths()) {
    const Tensor values = model.weight(path);
    const auto loss = [&](const Tensor& moved) {
      model.set_weight(path, moved);
      return cross_entropy(model, pictures, labels);
    };
    gradients[path] = fovea::numeric_gradient(loss, values);
    model.set_weight(path, values);
  }
  return gradients;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  double largest = 0;
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    largest = std::max(largest, std::abs(a.item(i) - b.item(i)));
  }
  return largest;
}

void print_difference(const std::string& path, const Tensor& a, const Tensor& b) {
  std::printf("  %-15s %5lld numbers, differences below 1e-8: %s\n", path.c_str(),
              static_cast<long long>(a.numel()), largest_difference(a, b) < 1e-8 ? "yes" : "no");
}

void compare_gradients(const fovea::Dataset& few) {
  std::printf("Gradients of %lld pictures, by differences and by backpropagation\n",
              static_cast<long long>(few.size()));
  Model model = make_exact_model();
  const Gradients numeric = gradients_by_differences(model, few.x, few.y);
  const Gradients exact = model.gradients({few.x}, {few.y}).parameters;
  for (const auto& [path, gradient] : exact) print_difference(path, gradient, numeric.at(path));
}

/// Two models from the same weights, one taught by each kind of gradient.
void compare_training(const fovea::Dataset& few, int steps) {
  std::printf("\nWeights after %d steps with either\n", steps);
  Model slow = make_exact_model(), fast = make_exact_model();
  for (int step = 0; step < steps; ++step) {
    for (const auto& [path, gradient] : gradients_by_differences(slow, few.x, few.y)) {
      Tensor values = slow.weight(path).clone();
      for (std::int64_t i = 0; i < values.numel(); ++i) {
        values.data<double>()[i] -= kRate * gradient.item(i);
      }
      slow.set_weight(path, values);
    }
    fast.train_on_batch({few.x}, {few.y});
  }
  for (const std::string& path : slow.weight_paths()) {
    print_difference(path, slow.weight(path), fast.weight(path));
  }
}

/// Pictures and labels at random, some perhaps twice.
fovea::Dataset draw_batch(const fovea::Dataset& data, std::int64_t size, std::mt19937& random) {
  fovea::Dataset batch;
  batch.x = Tensor({size, 28, 28, 1}, fovea::DType::u8);
  batch.y = Tensor({size}, fovea::DType::i32);
  constexpr std::int64_t kPixels = 28 * 28;
  for (std::int64_t i = 0; i < size; ++i) {
    const auto n = static_cast<std::int64_t>(random()) % data.size();
    std::copy_n(data.x.data<std::uint8_t>() + n * kPixels, kPixels,
                batch.x.data<std::uint8_t>() + i * kPixels);
    batch.y.data<std::int32_t>()[i] = data.y.data<std::int32_t>()[n];
  }
  return batch;
}

void train(const fovea::TrainTest& data, int iterations) {
  std::printf("\nTraining: batches of 100, drawn with replacement\n  iteration   train    test\n");
  Model model(fovea::two_layer_net(), {.threads = 1});  // too small to be worth sharing
  model.compile({.optimizer = fovea::Sgd(kRate),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  const auto accuracy = [&](const fovea::Dataset& part) {
    return model.evaluate(part, {.batch_size = 1000}).at("accuracy");
  };
  std::mt19937 random(1);
  const int report_every = std::max(iterations / 4, 1);
  for (int i = 1; i <= iterations; ++i) {
    const fovea::Dataset batch = draw_batch(data.train, 100, random);
    model.train_on_batch({batch.x}, {batch.y});
    if (i % report_every != 0) continue;
    std::printf("%11d %7.3f %7.3f\n", i, accuracy(data.train), accuracy(data.test));
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder;
  int iterations = 1000;
  CommandLine line("two_layer_net", "Trains the classic two-layer network.");
  line.add_text("--data", "DIR", "folder of MNIST's four files; default: built-in digits", folder);
  line.add_number("--iterations", "N", "default: 1000", iterations, 1);
  try {
    line.parse(argc, argv);
    const fovea::TrainTest data = folder.empty()
                                      ? fovea::TrainTest{make_digits(4000, 1), make_digits(1000, 2)}
                                      : fovea::load_mnist(folder);
    compare_gradients(data.train.slice(0, 10));
    compare_training(data.train.slice(0, 10), 3);
    train(data, iterations);
  } catch (const std::exception& error) {
    std::cerr << "two_layer_net: " << error.what() << '\n';
    return 1;
  }
}
