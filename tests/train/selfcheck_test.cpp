// selfcheck() passes where the library is right, and finds a kernel or a gradient that is wrong.
#include "fovea/selfcheck.h"

#include <gtest/gtest.h>

#include "fovea/layers.h"
#include "fovea/models.h"
#include "fovea/ops/basic.h"
#include "tests/support/expect_error.h"
#include "tests/train/small_data.h"

namespace fovea::test {
namespace {

/// y = 2 x, whose candidate "wrong" gives 2.001 x and whose gradient is 3 dy where `bad_gradient`.
struct Doubled : OpBase<Doubled> {
  static constexpr std::string_view kName = "test.doubled";
  bool bad_gradient = false;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("bad_gradient", self.bad_gradient);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return {inputs[0]};
  }
  std::vector<Value> backward(const BackwardContext& context) const override {
    ops::Scale scale;
    scale.factor = bad_gradient ? 3 : 2;
    return {context.builder.add(scale, {context.output_grads[0]})};
  }
};

void add_doubled(const std::string& candidate, double factor) {
  cpu_device()->kernels().add<Doubled>(
      candidate, [factor](const Doubled&, const LowerRequest& request) -> LowerResult {
        const bool f64 = request.inputs[0].dtype == DType::f64;
        Lowering lowering;
        lowering.kernel = make_kernel([f64, factor](const KernelContext& context) {
          for (std::int64_t i = 0; i < context.input_shape(0).numel(); ++i) {
            if (f64) {
              context.output<double>(0)[i] = factor * context.input<double>(0)[i];
            } else {
              context.output<float>(0)[i] = static_cast<float>(factor) * context.input<float>(0)[i];
            }
          }
        });
        return lowering;
      });
}

struct DoubledLayer : LayerBase<DoubledLayer> {
  static constexpr std::string_view kKind = "Doubled";
  bool bad_gradient;
  explicit DoubledLayer(bool bad) : bad_gradient(bad) {}
  Value build(Builder& b, Value x) const override {
    Doubled op;
    op.bad_gradient = bad_gradient;
    return b.add(op, {x});
  }
};

Model model_with_doubled(bool bad_gradient) {
  static const bool once = [] {
    add_doubled("reference", 2);
    return true;
  }();
  (void)once;
  Model model(Sequential{Input({4}), Dense(5, {.name = "below"}), DoubledLayer(bad_gradient),
                         Dense(3, {.activation = "softmax", .name = "above"})},
              {.device = "cpu", .threads = 1});
  model.compile({.optimizer = "sgd", .loss = "sparse_categorical_crossentropy"});
  return model;
}

TEST(SelfCheck, PassesForTheLibrarysOwnModels) {
  for (const std::string name : {"lenet5", "cifar10_cnn", "wine", "resnet20"}) {
    Model model(make_network(name), {.device = "cpu", .threads = 2});
    model.compile(
        {.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
    const SelfCheckReport report = selfcheck(model);
    EXPECT_TRUE(report.passed()) << report.str();
    EXPECT_EQ(report.device, "cpu");
    EXPECT_GE(report.gradients.size(), 6u) << name;
    // Without oneDNN hardly any op has a second kernel.
    EXPECT_GE(report.kernels.size(), FOVEA_HAS_ONEDNN ? 5u : 0u) << report.str();
  }
}

TEST(SelfCheck, IsAboutPredictingBeforeCompile) {
  const Model model(cifar10_cnn(), {.device = "cpu", .threads = 1});
  const SelfCheckReport report = selfcheck(model, "cpu", {.batch_size = 3});
  EXPECT_TRUE(report.passed()) << report.str();
  EXPECT_TRUE(report.gradients.empty());
}

TEST(SelfCheck, LeavesTheModelAsItWas) {
  Model model(cifar10_cnn(), {.device = "cpu", .threads = 1});
  model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy"});
  const Tensor before = model.weight("conv2d.weight").clone();
  selfcheck(model, "", {.gradients = 2});
  const Tensor after = model.weight("conv2d.weight");
  for (std::int64_t i = 0; i < before.numel(); ++i) ASSERT_EQ(before.item(i), after.item(i));
}

TEST(SelfCheck, FindsAWrongGradient) {
  EXPECT_TRUE(selfcheck(model_with_doubled(false)).passed());
  const SelfCheckReport report = selfcheck(model_with_doubled(true));
  EXPECT_FALSE(report.passed());
  for (const GradientCheck& check : report.gradients) {
    EXPECT_EQ(check.passed(), check.path.starts_with("above")) << check.path;
  }
  EXPECT_NE(report.str().find("FAILED  below.weight"), std::string::npos) << report.str();
}

TEST(SelfCheck, FindsAWrongKernel) {
  Model model = model_with_doubled(false);
  add_doubled("wrong", 2.001);
  const SelfCheckReport report = selfcheck(model);
  EXPECT_FALSE(report.passed());
  for (const KernelCheck& check : report.kernels) {
    EXPECT_EQ(check.passed(), check.candidate != "wrong") << check.path << " " << check.candidate;
  }
  EXPECT_NE(report.str().find("test.doubled [wrong]"), std::string::npos) << report.str();
}

TEST(SelfCheck, SaysWhatDoesNotFit) {
  const Model model(cifar10_cnn(), {.device = "cpu"});
  expect_error(ErrorCode::invalid_argument, "the batch size is at least 1",
               [&] { selfcheck(model, "", {.batch_size = 0}); });
  expect_error(ErrorCode::shape_mismatch, "batch axis", [&] {
    selfcheck(model, "", {.inputs = {Tensor::zeros({32, 32, 3})}});
  });
  expect_error(ErrorCode::invalid_argument, "no-such-device",
               [&] { selfcheck(model, "no-such-device"); });
}

}  // namespace
}  // namespace fovea::test
