// The summary table, compared letter by letter.
#include "fovea/summary.h"

#include <gtest/gtest.h>

#include "fovea/layers.h"
#include "fovea/models.h"

namespace fovea {
namespace {

std::string totals(const Network& network, const std::vector<std::string>& frozen = {}) {
  const std::string text = summary(network, frozen);
  return text.substr(text.find(" Total params"));
}

TEST(Summary, OfAChain) {
  const Network iris = Sequential{
      Input({4}),
      Dense(12, {.activation = "relu"}),
      Dense(8, {.activation = "relu"}),
      Dense(3, {.activation = "softmax"}),
  };
  EXPECT_EQ(summary(iris),
            R"(Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┓
┃ Layer (type)                         ┃ Output Shape                ┃         Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━┩
│ dense (Dense)                        │ (None, 12)                  │              60 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ dense_1 (Dense)                      │ (None, 8)                   │             104 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ dense_2 (Dense)                      │ (None, 3)                   │              27 │
└──────────────────────────────────────┴─────────────────────────────┴─────────────────┘
 Total params: 191 (764.00 B)
 Trainable params: 191 (764.00 B)
 Non-trainable params: 0 (0.00 B)
)");
}

TEST(Summary, OfBranches) {
  const Symbol x = input({8, 8, 3});
  const Symbol y = Conv2D(3, 3, {.padding = "same"})(x);
  const Network network({x}, {BatchNorm()(Add()({y, x}))});
  EXPECT_EQ(summary(network),
            R"(Model: "functional"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┓
┃ Layer (type)                             ┃ Output Shape        ┃     Param # ┃ Connected to           ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━┩
│ input_layer (InputLayer)                 │ (None, 8, 8, 3)     │           0 │ -                      │
├──────────────────────────────────────────┼─────────────────────┼─────────────┼────────────────────────┤
│ conv2d (Conv2D)                          │ (None, 8, 8, 3)     │          84 │ input_layer            │
├──────────────────────────────────────────┼─────────────────────┼─────────────┼────────────────────────┤
│ add (Add)                                │ (None, 8, 8, 3)     │           0 │ conv2d, input_layer    │
├──────────────────────────────────────────┼─────────────────────┼─────────────┼────────────────────────┤
│ batch_normalization (BatchNormalization) │ (None, 8, 8, 3)     │          12 │ add                    │
└──────────────────────────────────────────┴─────────────────────┴─────────────┴────────────────────────┘
 Total params: 96 (384.00 B)
 Trainable params: 90 (360.00 B)
 Non-trainable params: 6 (24.00 B)
)");
}

TEST(Summary, ShowsModel12) {
  const std::string text = summary(cifar10_cnn());
  EXPECT_NE(text.find("│ conv2d (Conv2D)                      │ (None, 30, 30, 32)          │"
                      "             896 │"),
            std::string::npos)
      << text;
  EXPECT_EQ(totals(cifar10_cnn()),
            " Total params: 122,570 (478.79 KB)\n"
            " Trainable params: 122,570 (478.79 KB)\n"
            " Non-trainable params: 0 (0.00 B)\n");
}

TEST(Summary, GivesSizesAsKeras) {
  const Network boston =
      Sequential{Input({13}), Dense(128), Dense(64), Dense(32), Dense(16), Dense(1)};
  EXPECT_NE(totals(boston).find(" Total params: 12,673 (49.50 KB)\n"), std::string::npos);
  const Network mnist = Sequential{Input({784}), Dense(512), Dense(10)};
  EXPECT_NE(totals(mnist).find(" Total params: 407,050 (1.55 MB)\n"), std::string::npos);
}

TEST(Summary, CountsFrozenLayersAsNonTrainable) {
  EXPECT_EQ(totals(cifar10_cnn(), {"conv2d", "dense_1.bias"}),
            " Total params: 122,570 (478.79 KB)\n"
            " Trainable params: 121,664 (475.25 KB)\n"
            " Non-trainable params: 906 (3.54 KB)\n");
}

TEST(Summary, WidensForLongNamesInAnyAlphabet) {
  const Network network =
      Sequential{Input({4}), Dense(3, {.name = "ein_sehr_langer_name_für_eine_schicht"}), Dense(2)};
  const std::string text = summary(network);
  EXPECT_NE(text.find("│ ein_sehr_langer_name_für_eine_schicht (Dense) │"), std::string::npos);
  EXPECT_NE(text.find("│ dense (Dense)                                 │"), std::string::npos);
}

}  // namespace
}  // namespace fovea
