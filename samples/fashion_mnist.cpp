// Clothes: ten kinds of them with names, plain gradient descent, and validation data of its own.
//
//   fashion_mnist [folder with Fashion-MNIST's four idx files]
//
// Without the folder it takes digits that are made up, whose names are numbers in words.
//
// Expected output:
//
//   test accuracy ...., above .8: yes
//   picture 0: ..... (surely ....)
//   picture 1: ..... (surely ....)
//   picture 2: ..... (surely ....)
#include <cstdio>

#include "digits.h"
#include "fovea/fovea.h"
#include "sample.h"

namespace {

fovea::TrainTest named_digits() {
  fovea::TrainTest digits{make_digits(1000, 1), make_digits(300, 2)};
  digits.train.class_names = digits.test.class_names = {
      "zero ", "one  ", "two  ", "three", "four ", "five ", "six  ", "seven", "eight", "nine "};
  return digits;
}

void recognize(const std::vector<std::string>& paths) {
  const bool made_up = paths.empty();
  const fovea::TrainTest clothes =
      made_up ? named_digits() : fovea::load_fashion_mnist(paths.front());
  const auto [train, validation] = clothes.train.split(1.0 / 12);

  fovea::Model model(fovea::make_network("fashion_mnist_mlp"),
                     {.seed = 1, .class_names = clothes.train.class_names});
  model.compile(
      {.optimizer = "sgd", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  model.fit(train, {.epochs = 30, .validation_data = validation, .verbose = made_up ? 0 : 2});
  const double accuracy = model.evaluate(clothes.test).at("accuracy");
  std::printf("test accuracy %.2f, above .8: %s\n", accuracy, accuracy > 0.8 ? "yes" : "no");

  const fovea::Tensor probabilities = model.predict(clothes.test.x.slice(0, 3));
  const fovea::Tensor best = fovea::argmax(probabilities, 1);
  for (std::int64_t n = 0; n < 3; ++n) {
    const auto label = static_cast<std::int64_t>(best.item(n));
    std::printf("picture %lld: %s (surely %.2f)\n", static_cast<long long>(n),
                model.options().class_names[static_cast<std::size_t>(label)].c_str(),
                probabilities.item(n * 10 + label));
  }
}

}  // namespace

int main(int argc, char** argv) { return run_sample(argc, argv, recognize); }
