// ResNet-18, the smallest ImageNet network of "Deep Residual Learning for Image Recognition".
#include "fovea/layers.h"
#include "fovea/models.h"
#include "host/models/conv_norm.h"

namespace fovea {
namespace {

ConvNormOptions window(Size2 kernel, Size2 strides) {
  return {.kernel = kernel, .strides = strides, .norm = {.momentum = 0.9, .epsilon = 1e-5}};
}

/// Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where the shape changes (the
/// paper's option B).
Symbol basic_block(const Symbol& x, std::int64_t filters, Size2 strides, const std::string& path) {
  Symbol y = conv_norm(x, filters, path, "1", window(3, strides));
  y = Relu(path + "relu1")(y);
  y = conv_norm(y, filters, path, "2", window(3, 1));
  const bool same = x.shape() == y.shape();
  const Symbol shortcut =
      same ? x : conv_norm(x, filters, path + "shortcut_", "", window(1, strides));
  y = Add(path + "add")({y, shortcut});
  return Relu(path + "relu2")(y);
}

}  // namespace

Network resnet18(std::int64_t classes) {
  const Symbol x = input({224, 224, 3});
  // The mean and variance of ImageNet's channels, of pixels from 0 to 255.
  Symbol y = Normalization({123.675, 116.28, 103.53},
                           {58.395 * 58.395, 57.12 * 57.12, 57.375 * 57.375})(x);
  y = conv_norm(y, 64, "stem.", "", window(7, 2));
  y = Relu("stem.relu")(y);
  y = MaxPool2D(3, {.strides = 2, .padding = Padding::cells(1), .name = "stem.pool"})(y);
  std::int64_t filters = 64;
  for (int stage = 1; stage <= 4; ++stage, filters *= 2) {
    for (int block = 1; block <= 2; ++block) {
      y = basic_block(y, filters, stage > 1 && block == 1 ? 2 : 1,
                      "stage" + std::to_string(stage) + ".block" + std::to_string(block) + ".");
    }
  }
  y = GlobalAvgPool2D("pool")(y);
  y = Dense(classes,
            {.activation = "softmax", .kernel_initializer = he_normal(), .name = "classifier"})(y);
  return Network({x}, {y}, "resnet18");
}

}  // namespace fovea
