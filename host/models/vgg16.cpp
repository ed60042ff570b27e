// VGG16, configuration D of "Very Deep Convolutional Networks for Large-Scale Image Recognition".
#include "fovea/layers.h"
#include "fovea/models.h"

namespace fovea {

Network vgg16(std::int64_t classes) {
  struct Block {
    std::int64_t filters;
    int convolutions;
  };
  constexpr Block kBlocks[] = {{64, 2}, {128, 2}, {256, 3}, {512, 3}, {512, 3}};

  Sequential layers{Input({224, 224, 3})};
  // The mean and variance of ImageNet's channels, of pixels from 0 to 255.
  layers.add(
      Normalization({123.675, 116.28, 103.53}, {58.395 * 58.395, 57.12 * 57.12, 57.375 * 57.375}));
  int number = 1;
  for (const Block& block : kBlocks) {
    const std::string path = "block" + std::to_string(number++) + ".";
    for (int i = 1; i <= block.convolutions; ++i) {
      layers.add(Conv2D(block.filters, 3,
                        {.padding = "same",
                         .activation = "relu",
                         .kernel_initializer = he_normal(),
                         .name = path + "conv" + std::to_string(i)}));
    }
    layers.add(MaxPool2D(2, {.name = path + "pool"}));
  }
  layers.add(Flatten());
  for (const std::string name : {"dense1", "dense2"}) {
    layers.add(
        Dense(4096, {.activation = "relu", .kernel_initializer = he_normal(), .name = name}));
    layers.add(Dropout(0.5, name + "_dropout"));
  }
  layers.add(Dense(
      classes, {.activation = "softmax", .kernel_initializer = he_normal(), .name = "classifier"}));
  return Network(layers, "vgg16");
}

}  // namespace fovea
