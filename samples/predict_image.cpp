// What is in a picture file? A digit of the test set is written as PNG, read back, brought into the
// form that the network takes - grey, 28x28, a batch of one - and recognized.
//
//   predict_image [folder with MNIST's four idx files [picture.png or .jpg]]
//
// Without the folder it takes digits that are made up. A picture of one's own should be a light
// digit on a dark ground.
//
// Expected output:
//
//   wrote digit.png: 28x28, 1 channel
//   (28, 28, 1) alone is refused: yes
//   digit.png shows a .; its label is .: recognized
#include <cstdio>

#include "digits.h"
#include "fovea/fovea.h"
#include "sample.h"

namespace {

fovea::Model trained(const fovea::Dataset& digits) {
  fovea::Model model(fovea::make_network("mnist_mlp128"), {.seed = 1});
  model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy"});
  model.fit(digits, {.epochs = 5, .verbose = 0});
  return model;
}

bool refused(fovea::Model& model, const fovea::Tensor& picture) {
  try {
    model.predict(picture);
    return false;
  } catch (const fovea::Error&) {
    return true;  // its message says to add an axis
  }
}

void recognize(const std::vector<std::string>& paths) {
  const fovea::TrainTest digits = paths.empty()
                                      ? fovea::TrainTest{make_digits(1500, 1), make_digits(10, 2)}
                                      : fovea::load_mnist(paths.front());
  fovea::Model model = trained(digits.train);

  std::string file = "digit.png";
  if (paths.size() > 1) {
    file = paths[1];
  } else {
    fovea::write_image(file, digits.test.x.slice(0, 1).reshape({28, 28, 1}));
    std::printf("wrote digit.png: 28x28, 1 channel\n");
  }

  const fovea::Tensor read = fovea::read_image(file, fovea::ImageColor::grayscale);
  const fovea::Tensor picture = fovea::resize_image(read, 28, {.antialias = true});
  std::printf("(28, 28, 1) alone is refused: %s\n", refused(model, picture) ? "yes" : "no");
  const fovea::Tensor probabilities = model.predict(fovea::add_batch_axis(picture));
  const std::int64_t digit = fovea::argmax(probabilities);
  std::printf("%s shows a %lld", file.c_str(), static_cast<long long>(digit));
  if (paths.size() < 2) {
    const auto label = static_cast<std::int64_t>(digits.test.y.item(0));
    std::printf("; its label is %lld: %s", static_cast<long long>(label),
                digit == label ? "recognized" : "mistaken");
  }
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) { return run_sample(argc, argv, recognize); }
