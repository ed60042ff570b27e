// Moving averages of the weights: what they are, that fit() ends with them, and that a resumed run
// keeps them.
#include <gtest/gtest.h>

#include <limits>

#include "tests/train/small_data.h"

namespace fovea {
namespace {

using test::bright_channel;
using test::quiet;

constexpr double kMomentum = 0.8;

Model averaging_model(std::uint64_t seed = 3) {
  OptimizerOptions options;
  options.ema_momentum = kMomentum;
  Model model(test::small_cnn(), {.device = "cpu", .threads = 1, .seed = seed});
  model.compile({.optimizer = Adam(0.01, 0.9, 0.999, 1e-7, options),
                 .loss = "sparse_categorical_crossentropy"});
  return model;
}

/// Averages a weight on the host, step by step.
class HostAverage : public Callback {
 public:
  explicit HostAverage(std::string path) : path_(std::move(path)) {}
  void on_step_end(Model& model, int, std::int64_t, const Logs&) override {
    const Tensor weight = model.weight(path_);
    average_.resize(static_cast<std::size_t>(weight.shape().numel()));
    for (std::size_t i = 0; i < average_.size(); ++i) {
      const double w = weight.data<float>()[i];
      average_[i] = steps_ == 0 ? w : kMomentum * average_[i] + (1 - kMomentum) * w;
    }
    ++steps_;
    last_ = weight;
  }
  const std::vector<double>& average() const { return average_; }
  const Tensor& last() const { return last_; }

 private:
  std::string path_;
  int steps_ = 0;
  std::vector<double> average_;
  Tensor last_;
};

TEST(WeightAverage, TakesTheWeightsPlaceAtTheEndOfFit) {
  Model model = averaging_model();
  const auto expected = std::make_shared<HostAverage>("dense.weight");
  FitOptions options = quiet(2);
  options.callbacks = {expected};
  model.fit(bright_channel(70), options);
  const Tensor weight = model.weight("dense.weight");
  double moved = 0;
  for (std::size_t i = 0; i < expected->average().size(); ++i) {
    ASSERT_NEAR(weight.data<float>()[i], expected->average()[i], 1e-6);
    moved += std::abs(weight.data<float>()[i] - expected->last().data<float>()[i]);
  }
  EXPECT_GT(moved, 0.01) << "the average is not the last weight";
}

TEST(WeightAverage, LeavesFrozenLayersAlone) {
  Model model = averaging_model();
  model.freeze("conv2d");
  const Tensor before = model.weight("conv2d.weight");
  model.fit(bright_channel(70), quiet(1));
  const Tensor after = model.weight("conv2d.weight");
  for (std::int64_t i = 0; i < before.numel(); ++i) ASSERT_EQ(after.item(i), before.item(i));
}

TEST(WeightAverage, WithoutAnUpdateThereIsNone) {
  Model model = averaging_model();
  Tensor pictures = bright_channel(4).x.to(DType::f32);
  pictures.data<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(model.train_on_batch({pictures}, {bright_channel(4).y}), Error);
  model.fit(bright_channel(70), quiet(0));
  EXPECT_TRUE(test::same_weights(model, averaging_model()));
}

TEST(WeightAverage, BeginsAnewWithWeightsFromElsewhere) {
  Model model = averaging_model();
  model.fit(bright_channel(70), quiet(1));
  Tensor zero = Tensor::zeros(model.weight("dense.weight").shape(), DType::f32);
  model.set_weight("dense.weight", zero);
  FitOptions one_step = quiet(1);
  one_step.batch_size = 4;
  model.fit(bright_channel(4), one_step);
  // The average of one value is that value, a step of Adam away from zero.
  const Tensor weight = model.weight("dense.weight");
  for (std::int64_t i = 0; i < weight.numel(); ++i) ASSERT_LE(std::abs(weight.item(i)), 0.011);
}

TEST(WeightAverage, BeginsAnewForALayerThatIsTrainedLater) {
  Model model = averaging_model();
  model.freeze("dense");
  model.fit(bright_channel(70), quiet(1));
  const Tensor before = model.weight("dense.weight");
  model.unfreeze("dense");
  FitOptions one_step = quiet(1);
  one_step.batch_size = 4;
  model.fit(bright_channel(4), one_step);
  const Tensor after = model.weight("dense.weight");
  for (std::int64_t i = 0; i < after.numel(); ++i) {
    ASSERT_NEAR(after.item(i), before.item(i), 0.011);
  }
}

TEST(WeightAverage, AResumedRunEndsWithTheSame) {
  const std::string path = testing::TempDir() + "weight_average.fovea";
  Model whole = averaging_model();
  whole.fit(bright_channel(70), quiet(3));
  Model first = averaging_model();
  FitOptions options = quiet(1);
  options.checkpoint.path = path;
  first.fit(bright_channel(70), options);
  Model second = averaging_model(9);
  second.resume(path);
  second.fit(bright_channel(70), quiet(3));
  EXPECT_TRUE(test::same_weights(whole, second));
}

}  // namespace
}  // namespace fovea
