// The summary table against Keras's, letter by letter.
#include "fovea/summary.h"

#include <gtest/gtest.h>

#include "fovea/layers.h"
#include "tests/golden/golden.h"

namespace fovea::test {
namespace {

std::string keras_summary(const std::string& model) {
  return golden("summaries").at(model).as_string();
}

TEST(Golden, SummaryOfAChainIsKeras) {
  const Network iris =
      Sequential{Input({4}), Dense(12, {.activation = "relu"}), Dense(8, {.activation = "relu"}),
                 Dense(3, {.activation = "softmax"})};
  EXPECT_EQ(summary(iris), keras_summary("sequential"));
}

TEST(Golden, SummaryWithFrozenLayersIsKeras) {
  const Network network(Sequential{Input({32, 32, 3}), Conv2D(32, 3), MaxPool2D(2), Conv2D(64, 3),
                                   BatchNorm(), MaxPool2D(2), Conv2D(64, 3), GlobalAvgPool2D(),
                                   Dropout(0.5), Dense(64), Dense(10)},
                        "cifar10_cnn");
  EXPECT_EQ(summary(network, {"conv2d", "conv2d_1"}), keras_summary("cifar10_cnn"));
}

TEST(Golden, SummaryOfBranchesIsKeras) {
  const Symbol left = input({128, 128, 3}, "left"), right = input({128, 128, 3}, "right");
  const Conv2D shared(16, 3, {.padding = "same", .name = "shared"});
  const Symbol a = shared(left), b = shared(right);
  Symbol y = Concatenate(-1, "join")({a, b, left});
  y = ZeroPadding2D(Padding::cells(1), "around")(y);
  const Symbol pooled = GlobalMaxPool2D("pool")(y);
  const Symbol norm = BatchNorm({.name = "norm"})(pooled);
  const Symbol both = Add("add")({norm, pooled});
  const Network network({left, right}, {Dense(100000, {.name = "dense"})(both)}, "branches");
  EXPECT_EQ(summary(network), keras_summary("branches"));
}

}  // namespace
}  // namespace fovea::test
