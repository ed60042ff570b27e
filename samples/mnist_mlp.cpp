// Handwritten digits with dense layers: training that stops by itself, a file of the best model,
// and one of the last.
//
//   mnist_mlp [folder with MNIST's four idx files]
//
// Without the folder it takes digits that are made up, and two epochs.
//
// Expected output:
//
//   Epoch 1: val_loss improved from None to 0......, saving model to mnist_mlp_best.safetensors
//   Epoch 2: val_loss improved from 0...... to 0......, saving model to mnist_mlp_best.safetensors
//   test accuracy ...., above .9: yes
//   read from its file, the model gives the same predictions: yes
#include <cstdio>

#include "digits.h"
#include "fovea/fovea.h"
#include "sample.h"

namespace {

fovea::FitOptions training(bool short_run) {
  fovea::FitOptions options;
  options.epochs = short_run ? 2 : 30;
  options.batch_size = short_run ? 20 : 200;
  options.validation_split = 0.25;
  options.verbose = short_run ? 0 : 2;
  options.callbacks = {
      fovea::EarlyStopping({.monitor = "val_loss", .patience = 10}),
      fovea::ModelCheckpoint("mnist_mlp_best.safetensors", {.verbose = 1, .save_best_only = true})};
  return options;
}

bool equal(const fovea::Tensor& a, const fovea::Tensor& b) {
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    if (a.item(i) != b.item(i)) return false;
  }
  return true;
}

void recognize(const std::vector<std::string>& paths) {
  const bool made_up = paths.empty();
  const fovea::TrainTest digits = made_up
                                      ? fovea::TrainTest{make_digits(1000, 1), make_digits(300, 2)}
                                      : fovea::load_mnist(paths.front());

  fovea::Model model(fovea::make_network("mnist_mlp512"), {.seed = 1});
  model.compile(
      {.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  model.fit(digits.train, training(made_up));
  const double accuracy = model.evaluate(digits.test).at("accuracy");
  std::printf("test accuracy %.2f, above .9: %s\n", accuracy, accuracy > 0.9 ? "yes" : "no");

  model.save("mnist_mlp_last.safetensors");
  fovea::Model read = fovea::Model::load("mnist_mlp_last.safetensors");
  std::printf("read from its file, the model gives the same predictions: %s\n",
              equal(read.predict(digits.test.x), model.predict(digits.test.x)) ? "yes" : "no");
}

}  // namespace

int main(int argc, char** argv) { return run_sample(argc, argv, recognize); }
