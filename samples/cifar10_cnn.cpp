// A convolutional network, layer by layer: the picture to keep in mind of how a program that uses
// Fovea looks. (train_cifar10 is the program with all options.)
//
//   cifar10_cnn [folder cifar-10-batches-bin]
//
// Without the folder it takes the built-in set of shapes and patterns.
//
// Expected output:
//
//   122570 parameters
//   test accuracy 0..., above .4: yes
#include <cstdio>

#include "fovea/fovea.h"
#include "sample.h"

namespace {

using fovea::Conv2D;
using fovea::Dense;
using fovea::Flatten;
using fovea::Input;
using fovea::MaxPool2D;
using fovea::Rescaling;

void train(const std::vector<std::string>& paths) {
  const fovea::TrainTest pictures =
      paths.empty() ? fovea::make_synthetic(0, 3000, 500) : fovea::load_cifar10(paths.front());

  const fovea::Network network = fovea::Sequential{
      Input({32, 32, 3}),
      Rescaling(1.0 / 255),
      Conv2D(32, 3, {.activation = "relu"}),
      MaxPool2D(2),
      Conv2D(64, 3, {.activation = "relu"}),
      MaxPool2D(2),
      Conv2D(64, 3, {.activation = "relu"}),
      Flatten(),
      Dense(64, {.activation = "relu"}),
      Dense(10, {.activation = "softmax"}),
  };
  fovea::Model model(network, {.seed = 1});
  std::int64_t parameters = 0;
  for (const std::string& path : model.weight_paths()) parameters += model.weight(path).numel();
  std::printf("%lld parameters\n", static_cast<long long>(parameters));

  model.compile(
      {.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  model.fit(pictures.train, {.epochs = paths.empty() ? 2 : 5, .verbose = paths.empty() ? 0 : 1});
  const double accuracy = model.evaluate(pictures.test).at("accuracy");
  std::printf("test accuracy %.2f, above .4: %s\n", accuracy, accuracy > 0.4 ? "yes" : "no");
}

}  // namespace

int main(int argc, char** argv) { return run_sample(argc, argv, train); }
