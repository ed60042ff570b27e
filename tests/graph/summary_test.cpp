// The summary table beyond what tests/golden compares with Keras's, letter by letter.
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

TEST(Summary, HasARowPerLayer) {
  const std::string text = summary(cifar10_cnn());
  EXPECT_NE(
      text.find("│ conv2d (Conv2D)                 │ (None, 30, 30, 32)     │           896 │"),
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

TEST(Summary, CutsNoNameThatUsersMustType) {
  const Symbol x = input({4});
  const Symbol y = Dense(3, {.name = "ein_langer_name_für_eine_schicht"})(x);
  const Network network({x}, {Add()({y, Dense(3)(x)})});
  EXPECT_EQ(summary(network), R"(Model: "functional"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
┃ Layer (type)                     ┃ Output Shape      ┃    Param # ┃ Connected to                            ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┩
│ input_layer (InputLayer)         │ (None, 4)         │          0 │ -                                       │
├──────────────────────────────────┼───────────────────┼────────────┼─────────────────────────────────────────┤
│ ein_langer_name_für_eine_schicht │ (None, 3)         │         15 │ input_layer[0][0]                       │
│ (Dense)                          │                   │            │                                         │
├──────────────────────────────────┼───────────────────┼────────────┼─────────────────────────────────────────┤
│ dense (Dense)                    │ (None, 3)         │         15 │ input_layer[0][0]                       │
├──────────────────────────────────┼───────────────────┼────────────┼─────────────────────────────────────────┤
│ add (Add)                        │ (None, 3)         │          0 │ ein_langer_name_für_eine_schicht[0][0], │
│                                  │                   │            │ dense[0][0]                             │
└──────────────────────────────────┴───────────────────┴────────────┴─────────────────────────────────────────┘
 Total params: 30 (120.00 B)
 Trainable params: 30 (120.00 B)
 Non-trainable params: 0 (0.00 B)
)");
}

TEST(Summary, CutsNamesBeyondSixtyCharacters) {
  const std::string name(70, 'x');
  const std::string text = summary(Network(Sequential{Input({4}), Dense(3, {.name = name})}));
  EXPECT_NE(text.find("│ " + std::string(59, 'x') + "… │"), std::string::npos) << text;
  EXPECT_EQ(text.find(std::string(60, 'x')), std::string::npos) << text;
}

TEST(Summary, MakesRoomForLargeNumbers) {
  const Symbol x = input({30000});
  const Network network({x}, {Add()({Dense(30000)(x), x})});
  EXPECT_NE(summary(network).find("│ 900,030,000 │"), std::string::npos) << summary(network);
}

}  // namespace
}  // namespace fovea
