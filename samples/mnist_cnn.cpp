// Handwritten digits with convolutions, and where the network errs: the confusion matrix.
//
//   mnist_cnn [folder with MNIST's four idx files]
//
// Without the folder it takes digits that are made up.
//
// Expected output:
//
//   test accuracy ...., above .9: yes
//   the first four digits are . . . ., the network says . . . .
//   confusion matrix (rows: actual, columns: predicted)
//      ..    .    .    .    .    .    .    .    .    .
//       .   ..    .    .    .    .    .    .    .    .
//       .    .   ..    .    .    .    .    .    .    .
//       .    .    .   ..    .    .    .    .    .    .
//       .    .    .    .   ..    .    .    .    .    .
//       .    .    .    .    .   ..    .    .    .    .
//       .    .    .    .    .    .   ..    .    .    .
//       .    .    .    .    .    .    .   ..    .    .
//       .    .    .    .    .    .    .    .   ..    .
//       .    .    .    .    .    .    .    .    .   ..
#include <cstdio>

#include "digits.h"
#include "fovea/fovea.h"
#include "sample.h"

namespace {

void recognize(const std::vector<std::string>& paths) {
  const bool made_up = paths.empty();
  const fovea::TrainTest digits = made_up
                                      ? fovea::TrainTest{make_digits(1000, 1), make_digits(300, 2)}
                                      : fovea::load_mnist(paths.front());

  fovea::Model model(fovea::make_network("mnist_cnn"), {.seed = 1});
  model.compile(
      {.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  model.fit(digits.train, {.epochs = made_up ? 2 : 5, .verbose = made_up ? 0 : 1});
  const double accuracy = model.evaluate(digits.test).at("accuracy");
  std::printf("test accuracy %.2f, above .9: %s\n", accuracy, accuracy > 0.9 ? "yes" : "no");

  const fovea::Tensor said = fovea::predicted_labels(model.predict(digits.test.x));
  std::printf("the first four digits are");
  for (int n = 0; n < 4; ++n) std::printf(" %.0f", digits.test.y.item(n));
  std::printf(", the network says");
  for (int n = 0; n < 4; ++n) std::printf(" %.0f", said.item(n));

  std::printf("\nconfusion matrix (rows: actual, columns: predicted)\n");
  const fovea::Tensor matrix = fovea::confusion_matrix(digits.test.y, said);
  for (std::int64_t row = 0; row < matrix.shape()[0]; ++row) {
    for (std::int64_t column = 0; column < matrix.shape()[1]; ++column) {
      std::printf("%5.0f", matrix.item(row * matrix.shape()[1] + column));
    }
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) { return run_sample(argc, argv, recognize); }
