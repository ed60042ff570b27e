// A small convolutional network for CIFAR-10.
#include "fovea/layers.h"
#include "fovea/models.h"

namespace fovea {

Network cifar10_cnn(std::int64_t classes) {
  const Sequential layers{
      Input({32, 32, 3}),
      Rescaling(1.0 / 255),
      Conv2D(32, 3, {.activation = "relu"}),
      MaxPool2D(2),
      Conv2D(64, 3, {.activation = "relu"}),
      MaxPool2D(2),
      Conv2D(64, 3, {.activation = "relu"}),
      Flatten(),
      Dense(64, {.activation = "relu"}),
      Dense(classes, {.activation = "softmax"}),
  };
  return Network(layers, "cifar10_cnn");
}

}  // namespace fovea
