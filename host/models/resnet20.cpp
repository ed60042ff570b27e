// ResNet-20, the CIFAR-10 network of "Deep Residual Learning for Image Recognition", section 4.2.
#include "fovea/layers.h"
#include "fovea/models.h"
#include "fovea/ops/basic.h"
#include "fovea/ops/pool.h"
#include "host/models/conv_norm.h"

namespace fovea {
namespace {

/// A shortcut without parameters into a stage of half the size and more channels (the paper's
/// option A): every second pixel of every second row, and zeros for the new channels, half of them
/// before and half behind the old. (N,H,W,C) -> (N,ceil(H/2),ceil(W/2),channels).
class PaddedShortcut : public LayerBase<PaddedShortcut> {
 public:
  static constexpr std::string_view kKind = "PaddedShortcut";
  PaddedShortcut(std::int64_t channels, std::string name)
      : LayerBase(std::move(name)), channels_(channels) {}

  Value build(Builder& b, Value x) const override {
    const Value halved = b.add(ops::AvgPool2d({1, 2, Padding::valid()}), {x});
    const std::int64_t added = channels_ - b.shape(x).c();
    ops::Pad pad;
    pad.axis = 3;
    pad.before = added / 2;
    pad.after = added - added / 2;
    return b.add(pad, {halved});
  }

 private:
  std::int64_t channels_;
};

Symbol residual_block(const Symbol& x, std::int64_t filters, double l2, const std::string& path) {
  const bool new_stage = x.shape().c() != filters;
  Symbol y = conv_norm(x, filters, path, "1", {.strides = new_stage ? 2 : 1, .l2 = l2});
  y = Relu(path + "relu1")(y);
  y = conv_norm(y, filters, path, "2", {.l2 = l2});
  const Symbol shortcut = new_stage ? PaddedShortcut(filters, path + "shortcut")(x) : x;
  y = Add(path + "add")({y, shortcut});
  return Relu(path + "relu2")(y);
}

}  // namespace

Network resnet20(std::int64_t classes, double l2) {
  const Symbol x = input({32, 32, 3});
  // The mean and variance of CIFAR-10's channels, of pixels from 0 to 255.
  Symbol y = Normalization({125.3, 123.0, 113.9}, {63.0 * 63.0, 62.1 * 62.1, 66.7 * 66.7})(x);
  y = conv_norm(y, 16, "stem.", "", {.l2 = l2});
  y = Relu("stem.relu")(y);
  std::int64_t filters = 16;
  for (int stage = 1; stage <= 3; ++stage, filters *= 2) {
    for (int block = 1; block <= 3; ++block) {
      y = residual_block(y, filters, l2,
                         "stage" + std::to_string(stage) + ".block" + std::to_string(block) + ".");
    }
  }
  y = GlobalAvgPool2D("pool")(y);
  y = Dense(classes, {.activation = "softmax",
                      .kernel_initializer = he_normal(),
                      .kernel_regularizer = {.l2 = l2},
                      .name = "classifier"})(y);
  return Network({x}, {y}, "resnet20");
}

}  // namespace fovea
