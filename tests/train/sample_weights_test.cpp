// Weights of samples and classes: that they weigh, how they are resumed, and what they refuse. The
// numbers are compared with Keras's in tests/golden.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "fovea/callbacks.h"
#include "tests/support/expect_error.h"
#include "tests/train/small_data.h"

namespace fovea {
namespace {

using test::bright_channel;
using test::compiled_model;
using test::expect_error;
using test::quiet;
using test::same_weights;
using test::small_cnn;

/// 1 for the first half, else 0.
Tensor first_half(std::int64_t samples) {
  Tensor weights = Tensor::zeros({samples});
  for (std::int64_t n = 0; n < samples / 2; ++n) weights.data<float>()[n] = 1;
  return weights;
}

TEST(SampleWeights, OfOneChangeNothing) {
  Model plain = compiled_model(small_cnn());
  Model weighted = compiled_model(small_cnn());
  FitOptions options = quiet(2);
  const History a = plain.fit(bright_channel(48), options);
  options.sample_weight = Tensor::full({48}, 1);
  EXPECT_EQ(weighted.fit(bright_channel(48), options).logs, a.logs);
  EXPECT_TRUE(same_weights(plain, weighted));
}

TEST(SampleWeights, FollowTheirSamplesThroughTheShuffle) {
  // Samples of weight 0 teach nothing: whatever their labels, the weights are the same.
  const Network network = Sequential{Input({8, 8, 3}), Rescaling(1.0 / 255), Flatten(),
                                     Dense(3, {.activation = "softmax"})};
  Model right = compiled_model(network);
  Model wrong = compiled_model(network);
  Dataset data = bright_channel(64);
  FitOptions options = quiet(3);
  options.sample_weight = first_half(64);
  right.fit(data, options);
  for (std::int64_t n = 32; n < 64; ++n) data.y.data<std::int32_t>()[n] = 0;
  wrong.fit(data, options);
  EXPECT_TRUE(same_weights(right, wrong));
}

TEST(SampleWeights, MayComeWithSomeBatchesAndNotWithOthers) {
  const Dataset data = bright_channel(16);
  for (const bool weighted_first : {false, true}) {
    Model some = compiled_model(small_cnn());
    Model all = compiled_model(small_cnn());
    for (int step = 0; step < 4; ++step) {
      const bool weighted = (step % 2 == 0) == weighted_first;
      const Tensor weights = weighted ? first_half(16) : Tensor::full({16}, 1);
      all.train_on_batch({data.x}, {data.y}, weights);
      some.train_on_batch({data.x}, {data.y}, weighted ? weights : Tensor());
    }
    EXPECT_TRUE(same_weights(some, all));
  }
}

TEST(SampleWeights, OfABatchAreTakenByTrainOnBatch) {
  Model by_hand = compiled_model(small_cnn());
  Model fitted = compiled_model(small_cnn());
  const Dataset data = bright_channel(16);
  FitOptions options = quiet(1);
  options.shuffle = false;
  options.sample_weight = first_half(16);
  const History history = fitted.fit(data, options);
  const Logs logs = by_hand.train_on_batch({data.x}, {data.y}, first_half(16));
  EXPECT_NEAR(logs.at("loss"), history.metric("loss")[0], 1e-6);
  EXPECT_TRUE(same_weights(by_hand, fitted));
}

TEST(SampleWeights, AreDividedByTheNumberOfSamples) {
  const Dataset data = bright_channel(40);
  Model model = compiled_model(small_cnn());
  const double half = model.evaluate(data, {.sample_weight = first_half(40)}).at("loss");
  EXPECT_NEAR(half, model.evaluate(data.slice(0, 20)).at("loss") / 2, 1e-5);
}

TEST(SampleWeights, WeighEveryOutputOfANetworkWithSeveral) {
  const auto x = input({4}, "x");
  ModelOptions options;
  options.device = "cpu";
  Model model(Network({x}, {{"a", Dense(1)(x)}, {"b", Dense(1)(x)}}), options);
  CompileOptions compile;
  compile.outputs["a"].loss = "mse";
  compile.outputs["b"].loss = "mae";
  model.compile(compile);
  const Arrays data{{Tensor::full({6, 4}, 1)}, {Tensor::full({6, 1}, 3), Tensor::full({6, 1}, 2)}};
  const Logs plain = model.evaluate(data);
  const Logs half = model.evaluate(data, {.sample_weight = first_half(6)});
  for (const char* name : {"loss", "a_loss", "b_loss"}) {
    EXPECT_NEAR(half.at(name), plain.at(name) / 2, 1e-6) << name;
  }
}

TEST(SampleWeights, AreResumedInMidEpochAndAskedForAgain) {
  const std::string file =
      (std::filesystem::path(FOVEA_BINARY_DIR) / "sample_weights_run.safetensors").string();
  const Dataset data = bright_channel(64);
  FitOptions options = quiet(2);
  options.class_weight = {{0, 3}, {1, 0.5}};
  Model straight = compiled_model(small_cnn());
  const History whole = straight.fit(data, options);
  FitOptions stopped = options;
  stopped.checkpoint = {file, 1, 0};
  stopped.callbacks = {
      LambdaCallback({.on_step_end = [](Model& m, int epoch, std::int64_t step, const Logs&) {
        if (epoch == 1 && step == 1) m.stop_training();
      }})};
  compiled_model(small_cnn()).fit(data, stopped);
  Model second = compiled_model(small_cnn());
  second.resume(file);
  EXPECT_EQ(second.fit(data, options).logs.back(), whole.logs.back());
  EXPECT_TRUE(same_weights(straight, second));
  second.resume(file);
  expect_error(ErrorCode::invalid_argument, "\"weight of class 0\":3.0",
               [&] { second.fit(data, quiet(2)); });
  std::filesystem::remove(file);
}

TEST(SampleWeights, RefuseWhatDoesNotFit) {
  Model model = compiled_model(small_cnn());
  const Dataset data = bright_channel(16);
  const auto refused = [&](ErrorCode code, const std::string& text, const auto& change) {
    FitOptions options = quiet(1);
    change(options);
    expect_error(code, text, [&] { model.fit(data, options); });
  };
  refused(ErrorCode::shape_mismatch, "shape (15,), but there are 16 samples",
          [](FitOptions& o) { o.sample_weight = Tensor::full({15}, 1); });
  refused(ErrorCode::invalid_argument, "weight of sample 0 is -1",
          [](FitOptions& o) { o.sample_weight = Tensor::full({16}, -1); });
  refused(ErrorCode::invalid_argument, "weight of sample 0 is nan",
          [](FitOptions& o) { o.sample_weight = Tensor::full({16}, std::nan("")); });
  refused(ErrorCode::invalid_argument, "either sample_weight or class_weight", [](FitOptions& o) {
    o.sample_weight = Tensor::full({16}, 1);
    o.class_weight = {{0, 1}};
  });
  refused(ErrorCode::invalid_argument, "class_weight has class 3, but the network has 3 classes",
          [](FitOptions& o) {
            o.class_weight = {{3, 1}};
          });
  refused(ErrorCode::invalid_argument, "needs validation_data",
          [](FitOptions& o) { o.validation_sample_weight = Tensor::full({4}, 1); });
  expect_error(ErrorCode::shape_mismatch, "(3,)",
               [&] { model.evaluate(data, {.sample_weight = Tensor::full({3}, 1)}); });
}

}  // namespace
}  // namespace fovea
