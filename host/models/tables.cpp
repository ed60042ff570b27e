// Networks for tables of numbers: dense layers over scaled columns.
#include "fovea/layers.h"
#include "host/models/zoo.h"

namespace fovea::zoo {

Network iris_small() {
  const Sequential layers{
      Input({4}),
      Dense(12, {.activation = "relu"}),
      Dense(8, {.activation = "relu"}),
      Dense(3, {.activation = "softmax"}),
  };
  return Network(layers, "iris_small");
}

Network iris_dense() {
  const Sequential layers{
      Input({4}),
      Dense(10, {.activation = "relu"}),
      Dense(10, {.activation = "relu"}),
      Dense(3, {.activation = "softmax"}),
  };
  return Network(layers, "iris_dense");
}

Network boston() {
  const Sequential layers{
      Input({13}),
      Dense(128, {.activation = "relu"}),
      Dense(64, {.activation = "relu"}),
      Dense(32, {.activation = "relu"}),
      Dense(16, {.activation = "relu"}),
      Dense(1),
  };
  return Network(layers, "boston");
}

Network wine() {
  const Sequential layers{
      Input({12}),
      Dense(128, {.activation = "relu"}),
      Dropout(0.2),
      Dense(64, {.activation = "relu"}),
      Dropout(0.2),
      Dense(32, {.activation = "relu"}),
      Dense(7, {.activation = "softmax"}),
  };
  return Network(layers, "wine");
}

Network binary_small() {
  const Sequential layers{
      Input({20}),
      Dense(16, {.activation = "relu"}),
      Dense(8, {.activation = "relu"}),
      Dense(1, {.activation = "sigmoid"}),
  };
  return Network(layers, "binary_small");
}

Network binary_dropout() {
  const Sequential layers{
      Input({20}),
      Dense(64, {.activation = "relu"}),
      Dropout(0.5),
      Dense(32, {.activation = "relu"}),
      Dense(1, {.activation = "sigmoid"}),
  };
  return Network(layers, "binary_dropout");
}

}  // namespace fovea::zoo
