// LeNet-5, for MNIST.
#include "fovea/layers.h"
#include "fovea/models.h"

namespace fovea {

Network lenet5(std::int64_t classes) {
  const Sequential layers{
      Input({28, 28, 1}),
      Rescaling(1.0 / 255),
      Conv2D(6, 5, {.padding = "same", .activation = "tanh"}),
      AvgPool2D(2),
      Conv2D(16, 5, {.activation = "tanh"}),
      AvgPool2D(2),
      Flatten(),
      Dense(120, {.activation = "tanh"}),
      Dense(84, {.activation = "tanh"}),
      Dense(classes, {.activation = "softmax"}),
  };
  return Network(layers, "lenet5");
}

}  // namespace fovea
