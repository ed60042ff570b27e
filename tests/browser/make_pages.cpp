// Makes the pages that the scripts of this folder open.
//
//   make_pages FOLDER
//
// A network is trained for them, on MNIST where $FOVEA_DATA/mnist holds it, else on digits that are
// drawn here; the pages' tests must pass with either.
#include "tests/browser/make_pages.h"

#include <cstdlib>
#include <iostream>

#include "fovea/models.h"
#include "tests/browser/stroke_digits.h"

namespace {

namespace fs = std::filesystem;

fovea::TrainTest load_digits() {
  const char* data = std::getenv("FOVEA_DATA");
  const fs::path mnist = fs::path(data != nullptr ? data : "") / "mnist";
  if (data == nullptr || !fs::exists(mnist)) {
    return {make_stroke_digits(6000, 1), make_stroke_digits(500, 2)};
  }
  fovea::TrainTest digits = fovea::load_mnist(mnist);
  return {digits.train.slice(0, 12000), digits.test.slice(0, 500)};
}

TrainedDigits train() {
  fovea::TrainTest digits = load_digits();
  fovea::Model model(
      fovea::lenet5(),
      {.seed = 1, .class_names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}});
  model.compile(
      {.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  fovea::History history =
      model.fit(digits.train, {.epochs = 3, .validation_data = digits.test, .verbose = 0});
  std::cout << "make_pages: lenet5 on " << digits.train.size() << " of " << digits.train.name
            << ", accuracy " << history.metric("val_accuracy").back() << "\n";
  return {std::move(model), std::move(digits), std::move(history)};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_pages FOLDER\n";
    return 2;
  }
  try {
    TrainedDigits trained = train();
    make_view_pages(argv[1], trained);
    make_report_pages(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "make_pages: " << error.what() << "\n";
    return 1;
  }
}
