// Penalties on kernel, bias and output against Keras's: the loss, and the step that it makes.
#include <gtest/gtest.h>

#include "fovea/layers.h"
#include "fovea/model.h"
#include "tests/golden/golden.h"

namespace fovea::test {
namespace {

void expect_near(const Tensor& actual, const Json& expected) {
  ASSERT_EQ(static_cast<std::size_t>(actual.numel()), expected.as_array().size());
  for (std::int64_t i = 0; i < actual.numel(); ++i) {
    EXPECT_NEAR(actual.item(i), expected[static_cast<std::size_t>(i)].as_double(), 1e-6) << i;
  }
}

TEST(Golden, PenaltiesAreKeras) {
  const Json file = golden("regularizers");
  const Dense dense(3, {.activation = "tanh",
                        .kernel_regularizer = {.l1 = 0.03},
                        .bias_regularizer = {.l2 = 0.2},
                        .activity_regularizer = {.l1 = 0.05, .l2 = 0.07}});
  const Sequential layers{Input({4}), dense, ActivityRegularization({.l1 = 0.01, .l2 = 0.02})};
  const Tensor x = tensor_of(file.at("x"), {6, 4}), y = tensor_of(file.at("y"), {6, 3});
  // A network that was saved as a list of ops keeps its penalties.
  for (const Network& network : {Network(layers), Network::from_json(Network(layers).to_json())}) {
    Model model(network, {.device = "cpu"});
    model.compile({.optimizer = Sgd(0.1), .loss = "mean_squared_error"});
    model.set_weight("dense.weight", tensor_of(file.at("kernel"), {4, 3}));
    model.set_weight("dense.bias", tensor_of(file.at("bias"), {3}));
    const Arrays data{{x}, {y}};
    EXPECT_NEAR(model.evaluate(data).at("loss"), file.at("loss").as_double(), 2e-6);
    EXPECT_NEAR(model.train_on_batch({x}, {y}).at("loss"), file.at("loss").as_double(), 2e-6);
    expect_near(model.weight("dense.weight"), file.at("kernel_after"));
    expect_near(model.weight("dense.bias"), file.at("bias_after"));
    EXPECT_EQ(model.probe({x}, {"dense"}).at("dense").shape(), (Shape{6, 3}));
  }
}

}  // namespace
}  // namespace fovea::test
