// Networks for the 28 x 28 pictures of MNIST and Fashion-MNIST.
#include "fovea/layers.h"
#include "fovea/models.h"
#include "host/models/zoo.h"

namespace fovea {

Network two_layer_net(std::int64_t hidden, std::int64_t classes) {
  const Sequential layers{
      Input({28, 28, 1}),
      Rescaling(1.0 / 255),
      Flatten(),
      Dense(hidden, {.activation = "sigmoid", .kernel_initializer = normal(0.01)}),
      Dense(classes, {.activation = "softmax", .kernel_initializer = normal(0.01)}),
  };
  return Network(layers, "two_layer_net");
}

namespace zoo {
namespace {

/// Pictures from 0 to 1, as one row of numbers each.
Sequential flat_pictures() {
  return Sequential{Input({28, 28, 1}), Rescaling(1.0 / 255), Flatten()};
}

}  // namespace

Network mnist_mlp512() {
  Sequential layers = flat_pictures();
  layers.add(Dense(512, {.activation = "relu"})).add(Dense(10, {.activation = "softmax"}));
  return Network(layers, "mnist_mlp512");
}

Network mnist_mlp128() {
  Sequential layers = flat_pictures();
  layers.add(Dense(128, {.activation = "relu"})).add(Dense(10, {.activation = "softmax"}));
  return Network(layers, "mnist_mlp128");
}

Network mnist_mlp128_dropout() {
  Sequential layers = flat_pictures();
  layers.add(Dense(128, {.activation = "relu"}))
      .add(Dropout(0.2))
      .add(Dense(10, {.activation = "softmax"}));
  return Network(layers, "mnist_mlp128_dropout");
}

Network mnist_mlp128_64() {
  Sequential layers = flat_pictures();
  layers.add(Dense(128, {.activation = "relu"}))
      .add(Dense(64, {.activation = "relu"}))
      .add(Dense(10, {.activation = "softmax"}));
  return Network(layers, "mnist_mlp128_64");
}

Network mnist_cnn() {
  const Sequential layers{
      Input({28, 28, 1}),
      Rescaling(1.0 / 255),
      Conv2D(32, 3, {.activation = "relu"}),
      Conv2D(64, 3, {.activation = "relu"}),
      MaxPool2D(2),
      Dropout(0.25),
      Flatten(),
      Dense(128, {.activation = "relu"}),
      Dropout(0.5),
      Dense(10, {.activation = "softmax"}),
  };
  return Network(layers, "mnist_cnn");
}

Network mnist_cnn_raw() {
  const Sequential layers{
      Input({28, 28, 1}),
      Rescaling(1),  // bytes become numbers, and stay as large as they are
      Conv2D(64, 3, {.activation = "relu"}),
      Conv2D(32, 3, {.activation = "relu"}),
      Flatten(),
      Dense(10, {.activation = "softmax"}),
  };
  return Network(layers, "mnist_cnn_raw");
}

Network fashion_mnist_mlp() {
  Sequential layers = flat_pictures();
  layers.add(Dense(300, {.activation = "relu"}))
      .add(Dense(100, {.activation = "relu"}))
      .add(Dense(10, {.activation = "softmax"}));
  return Network(layers, "fashion_mnist_mlp");
}

Network fashion_mnist_cnn() { return small_cnn({28, 28, 1}, 32, 10, 0, "fashion_mnist_cnn"); }

}  // namespace zoo
}  // namespace fovea
