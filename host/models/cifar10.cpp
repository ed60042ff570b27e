// Networks for the 32 x 32 colour pictures of CIFAR-10: a small convolutional one, wider ones, and
// dense ones to compare them with.
#include "fovea/layers.h"
#include "fovea/models.h"
#include "host/models/zoo.h"

namespace fovea {

Network cifar10_cnn(std::int64_t classes) {
  return zoo::small_cnn({32, 32, 3}, 32, classes, 0, "cifar10_cnn");
}

Network mlp(std::int64_t classes) {
  const Sequential layers{
      Input({32, 32, 3}),
      Rescaling(1.0 / 255),
      Flatten(),
      Dense(512, {.activation = "relu"}),
      Dense(512, {.activation = "relu"}),
      Dense(classes, {.activation = "softmax"}),
  };
  return Network(layers, "mlp");
}

namespace zoo {
namespace {

/// Hidden layers of one width, each with dropout behind it.
Network dense(int hidden_layers, std::int64_t width, double rate, const std::string& name) {
  Sequential layers{Input({32, 32, 3}), Rescaling(1.0 / 255), Flatten()};
  for (int i = 0; i < hidden_layers; ++i) {
    layers.add(Dense(width, {.activation = "relu"})).add(Dropout(rate));
  }
  layers.add(Dense(10, {.activation = "softmax"}));
  return Network(layers, name);
}

}  // namespace

Network small_cnn(const Shape& pictures, std::int64_t filters, std::int64_t classes, double rate,
                  const std::string& name) {
  Sequential layers{
      Input(pictures),
      Rescaling(1.0 / 255),
      Conv2D(filters, 3, {.activation = "relu"}),
      MaxPool2D(2),
      Conv2D(2 * filters, 3, {.activation = "relu"}),
      MaxPool2D(2),
      Conv2D(2 * filters, 3, {.activation = "relu"}),
      Flatten(),
  };
  if (rate > 0) layers.add(Dropout(rate));
  layers.add(Dense(2 * filters, {.activation = "relu"}))
      .add(Dense(classes, {.activation = "softmax"}));
  return Network(layers, name);
}

Network cifar10_mlp128() { return dense(1, 128, 0.2, "cifar10_mlp128"); }
Network cifar10_mlp128x3() { return dense(3, 128, 0.2, "cifar10_mlp128x3"); }
Network cifar10_mlp256x4() { return dense(4, 256, 0.2, "cifar10_mlp256x4"); }
Network cifar10_mlp1024x4() { return dense(4, 1024, 0.2, "cifar10_mlp1024x4"); }
Network cifar10_cnn_wide() { return small_cnn({32, 32, 3}, 64, 10, 0, "cifar10_cnn_wide"); }
Network cifar10_cnn_wide_dropout() {
  return small_cnn({32, 32, 3}, 64, 10, 0.5, "cifar10_cnn_wide_dropout");
}

}  // namespace zoo
}  // namespace fovea
