// Dense layers only.
#include "fovea/layers.h"
#include "fovea/models.h"

namespace fovea {

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

}  // namespace fovea
