// AlexNet, the network that brought convolutions back.
#include "fovea/layers.h"
#include "fovea/models.h"

namespace fovea {

Network alexnet(std::int64_t classes) {
  const auto two_groups = [](std::int64_t cells) {
    return Conv2DOptions{.padding = Padding::cells(cells), .groups = 2, .activation = "relu"};
  };
  const PoolOptions overlapping{.strides = 2};
  Sequential layers{Input({227, 227, 3})};
  // The mean of ImageNet's channels, of pixels from 0 to 255.
  layers.add(Normalization({123.675, 116.28, 103.53}, {1, 1, 1}));
  layers.add(Conv2D(96, 11, {.strides = 4, .activation = "relu"}));
  layers.add(MaxPool2D(3, overlapping));
  layers.add(Conv2D(256, 5, two_groups(2)));
  layers.add(MaxPool2D(3, overlapping));
  layers.add(Conv2D(384, 3, {.padding = "same", .activation = "relu"}));
  layers.add(Conv2D(384, 3, two_groups(1)));
  layers.add(Conv2D(256, 3, two_groups(1)));
  layers.add(MaxPool2D(3, overlapping));
  layers.add(Flatten());
  for (int i = 0; i < 2; ++i) {
    layers.add(Dropout(0.5));
    layers.add(Dense(4096, {.activation = "relu"}));
  }
  layers.add(Dense(classes, {.activation = "softmax"}));
  return Network(layers, "alexnet");
}

}  // namespace fovea
