// ResNet-18 and ResNet-50, the ImageNet networks of "Deep Residual Learning for Image Recognition".
#include <array>

#include "fovea/layers.h"
#include "fovea/models.h"
#include "host/models/conv_norm.h"

namespace fovea {
namespace {

ConvNormOptions window(Size2 kernel, Size2 strides) {
  return {.kernel = kernel, .strides = strides, .norm = {.momentum = 0.9, .epsilon = 1e-5}};
}

/// The block's sum with its input, which a 1x1 convolution brings into shape where they differ (the
/// paper's option B).
Symbol add_shortcut(const Symbol& x, const Symbol& y, Size2 strides, const std::string& path) {
  const bool same = x.shape() == y.shape();
  const Symbol shortcut =
      same ? x : conv_norm(x, y.shape().c(), path + "shortcut_", "", window(1, strides));
  return Add(path + "add")({y, shortcut});
}

/// Two 3x3 convolutions beside a shortcut.
Symbol basic_block(const Symbol& x, std::int64_t filters, Size2 strides, const std::string& path) {
  Symbol y = conv_norm(x, filters, path, "1", window(3, strides));
  y = Relu(path + "relu1")(y);
  y = conv_norm(y, filters, path, "2", window(3, 1));
  return Relu(path + "relu2")(add_shortcut(x, y, strides, path));
}

/// 1x1 to fewer channels, 3x3, and 1x1 to four times as many, beside a shortcut.
Symbol bottleneck_block(const Symbol& x, std::int64_t filters, Size2 strides,
                        const std::string& path) {
  Symbol y = conv_norm(x, filters, path, "1", window(1, 1));
  y = Relu(path + "relu1")(y);
  y = conv_norm(y, filters, path, "2", window(3, strides));
  y = Relu(path + "relu2")(y);
  y = conv_norm(y, 4 * filters, path, "3", window(1, 1));
  return Relu(path + "relu3")(add_shortcut(x, y, strides, path));
}

using Block = Symbol (*)(const Symbol&, std::int64_t filters, Size2 strides, const std::string&);

Network imagenet_resnet(const std::array<int, 4>& blocks_per_stage, Block block,
                        std::int64_t classes, const std::string& name) {
  const Symbol x = input({224, 224, 3});
  // The mean and variance of ImageNet's channels, of pixels from 0 to 255.
  Symbol y = Normalization({123.675, 116.28, 103.53},
                           {58.395 * 58.395, 57.12 * 57.12, 57.375 * 57.375})(x);
  y = conv_norm(y, 64, "stem.", "", window(7, 2));
  y = Relu("stem.relu")(y);
  y = MaxPool2D(3, {.strides = 2, .padding = Padding::cells(1), .name = "stem.pool"})(y);
  std::int64_t filters = 64;
  int stage = 1;
  for (int blocks : blocks_per_stage) {
    for (int i = 1; i <= blocks; ++i) {
      y = block(y, filters, stage > 1 && i == 1 ? 2 : 1,
                "stage" + std::to_string(stage) + ".block" + std::to_string(i) + ".");
    }
    filters *= 2;
    ++stage;
  }
  y = GlobalAvgPool2D("pool")(y);
  y = Dense(classes,
            {.activation = "softmax", .kernel_initializer = he_normal(), .name = "classifier"})(y);
  return Network({x}, {y}, name);
}

}  // namespace

Network resnet18(std::int64_t classes) {
  return imagenet_resnet({2, 2, 2, 2}, basic_block, classes, "resnet18");
}

Network resnet50(std::int64_t classes) {
  return imagenet_resnet({3, 4, 6, 3}, bottleneck_block, classes, "resnet50");
}

}  // namespace fovea
