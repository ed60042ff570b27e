// Model: training learns, short batches and validation share the weights, gradients are right, and
// bad input is refused with the remedy.
#include "fovea/model.h"

#include <gtest/gtest.h>

#include <limits>
#include <thread>

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

TEST(Model, LearnsAnEasyProblem) {
  Model model = compiled_model(small_cnn());
  FitOptions options = quiet(6);
  options.validation_data = bright_channel(60, 2);
  const History history = model.fit(bright_channel(210), options);
  const std::vector<double> loss = history.metric("loss");
  ASSERT_EQ(loss.size(), 6U);
  EXPECT_LT(loss.back(), 0.5 * loss.front());
  EXPECT_GT(history.metric("val_accuracy").back(), 0.9);
  EXPECT_GT(model.evaluate(bright_channel(90, 3)).at("accuracy"), 0.9);
}

TEST(Model, PredictGivesTheSameForAnyBatchSize) {
  Model model = compiled_model(small_cnn());
  model.fit(bright_channel(48), quiet(1));
  const Dataset data = bright_channel(50, 4);
  const Tensor whole = model.predict(data.x, 50);
  const Tensor pieces = model.predict(data.x, 7);
  EXPECT_EQ(whole.shape(), Shape({50, 3}));
  for (std::int64_t i = 0; i < whole.numel(); ++i) {
    EXPECT_NEAR(whole.item(i), pieces.item(i), 1e-6);
  }
}

TEST(Model, PredictsFromManyThreadsAtOnce) {
  Model model = compiled_model(small_cnn());
  const Dataset data = bright_channel(40, 5);
  const Tensor expected = model.predict(data.x, 8);
  std::vector<Tensor> results(4);
  std::vector<std::thread> threads;
  for (Tensor& result : results) {
    threads.emplace_back([&] { result = model.predict(data.x, 8); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Tensor& result : results) {
    for (std::int64_t i = 0; i < expected.numel(); ++i) {
      ASSERT_EQ(result.item(i), expected.item(i));
    }
  }
}

TEST(Model, TheSameSeedGivesTheSameBitsAndAnotherSeedDoesNot) {
  Model a = compiled_model(small_cnn(), 3);
  Model b = compiled_model(small_cnn(), 3);
  Model c = compiled_model(small_cnn(), 4);
  for (Model* model : {&a, &b, &c}) model->fit(bright_channel(100), quiet(2));
  EXPECT_TRUE(same_weights(a, b));
  EXPECT_FALSE(same_weights(a, c));
}

TEST(Model, ReferenceKernelsGiveTheSameBitsForAnyNumberOfThreads) {
  // Fast-path kernels promise this for a fixed number of threads only.
  Model one = compiled_model(small_cnn(), 3, 1, "f64");
  Model two = compiled_model(small_cnn(), 3, 2, "f64");
  for (Model* model : {&one, &two}) model->fit(bright_channel(40), quiet(1));
  EXPECT_TRUE(same_weights(one, two));
}

TEST(Model, F32FollowsTheF64Oracle) {
  Model fast = compiled_model(small_cnn(), 3, 1, "f32");
  Model oracle = compiled_model(small_cnn(), 3, 1, "f64");
  // The same first weights, to the last bit.
  for (const std::string& path : fast.weight_paths()) {
    oracle.set_weight(path, fast.weight(path).to(DType::f64));
  }
  const std::vector<double> fast_loss = fast.fit(bright_channel(64), quiet(3)).metric("loss");
  const std::vector<double> oracle_loss = oracle.fit(bright_channel(64), quiet(3)).metric("loss");
  for (std::size_t e = 0; e < fast_loss.size(); ++e) {
    EXPECT_NEAR(fast_loss[e], oracle_loss[e], 1e-3 * oracle_loss[e]) << "epoch " << e;
  }
}

TEST(Model, AShortLastBatchTrainsTheSameWeights) {
  Model model = compiled_model(small_cnn());
  FitOptions options = quiet(1, 16);
  options.shuffle = false;
  const Dataset data = bright_channel(20);  // one batch of 16, one of 4
  const History history = model.fit(data, options);
  Model by_hand = compiled_model(small_cnn());
  const Logs first = by_hand.train_on_batch({data.x.slice(0, 16)}, {data.y.slice(0, 16)});
  const Logs second = by_hand.train_on_batch({data.x.slice(16, 20)}, {data.y.slice(16, 20)});
  EXPECT_TRUE(same_weights(model, by_hand));
  const double mean = (16 * first.at("loss") + 4 * second.at("loss")) / 20;
  EXPECT_NEAR(history.metric("loss")[0], mean, 1e-6);
}

TEST(Model, AccumulatedGradientsEqualOneLargeBatch) {
  // Without batch norm and dropout the mean of two half batches is the whole batch's gradient.
  const Network network =
      Sequential{Input({8, 8, 3}), Rescaling(1.0 / 255), Flatten(),
                 Dense(16, {.activation = "tanh"}), Dense(3, {.activation = "softmax"})};
  Model whole = compiled_model(network);
  Model halves = compiled_model(network);
  FitOptions options = quiet(2, 32);
  options.shuffle = false;
  whole.fit(bright_channel(64), options);
  options.batch_size = 16;
  options.accumulate_steps = 2;
  halves.fit(bright_channel(64), options);
  for (const std::string& path : whole.weight_paths()) {
    const Tensor a = whole.weight(path);
    const Tensor b = halves.weight(path);
    for (std::int64_t i = 0; i < a.numel(); ++i) ASSERT_NEAR(a.item(i), b.item(i), 1e-4) << path;
  }
}

TEST(Model, InputGradientsEqualDifferences) {
  Model model = compiled_model(
      Sequential{Input({6}), Dense(5, {.activation = "tanh"}), Dense(3, {.activation = "softmax"})},
      3, 1, "f64");
  Tensor x = Tensor::full({2, 6}, 0.3, DType::f64);
  for (std::int64_t i = 0; i < x.numel(); ++i) x.data<double>()[i] -= 0.1 * static_cast<double>(i);
  const Tensor y = Tensor::from<std::int32_t>({2}, std::vector<std::int32_t>{2, 0});
  const Model::Gradients gradients = model.gradients({x}, {y});
  ASSERT_EQ(gradients.inputs.size(), 1U);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const double h = 1e-5;
    Tensor up = x.clone();
    Tensor down = x.clone();
    up.data<double>()[i] += h;
    down.data<double>()[i] -= h;
    const double difference =
        (model.gradients({up}, {y}).loss - model.gradients({down}, {y}).loss) / (2 * h);
    EXPECT_NEAR(gradients.inputs[0].item(i), difference, 1e-8);
  }
  EXPECT_EQ(gradients.parameters.size(), 4U);
}

TEST(Model, SeveralInputsAndWeightedLosses) {
  const auto a = input({4}, "a");
  const auto b = input({3}, "b");
  const auto joined = Concatenate()({a, b});
  const auto hidden = Dense(8, {.activation = "relu"})(joined);
  Network network(
      {a, b}, {{"class", Dense(2, {.activation = "softmax"})(hidden)}, {"size", Dense(1)(hidden)}});
  ModelOptions options;
  options.device = "cpu";
  Model model(network, options);
  CompileOptions compile;
  compile.outputs["class"] = {"sparse_categorical_crossentropy", 1, {"accuracy"}};
  compile.outputs["size"] = {"mse", 0.25, {"mae"}};
  model.compile(compile);
  Arrays data;
  data.inputs = {Tensor::full({12, 4}, 0.5), Tensor::full({12, 3}, -0.5)};
  data.targets = {Tensor::zeros({12}, DType::i32), Tensor::full({12, 1}, 2.0)};
  const History history = model.fit(data, quiet(30, 4));
  const Logs& last = history.logs.back();
  EXPECT_LT(last.at("loss"), history.logs.front().at("loss"));
  EXPECT_NEAR(last.at("loss"), last.at("class_loss") + 0.25 * last.at("size_loss"), 1e-5);
  EXPECT_NE(find_log(last, "class_accuracy"), nullptr);
  EXPECT_NE(find_log(last, "size_mae"), nullptr);
}

TEST(Model, ALayerIsTrainedOnceItIsUnfrozen) {
  Model model = compiled_model(small_cnn());
  const Dataset data = bright_channel(40);
  model.freeze("conv2d");
  model.fit(data, quiet(1));
  const Tensor frozen = model.weight("conv2d.weight");
  model.unfreeze("conv2d");
  model.fit(data, quiet(1));
  const Tensor trained = model.weight("conv2d.weight");
  EXPECT_NE(trained.item(0), frozen.item(0));
  model.freeze("conv2d");
  model.train_on_batch({data.x}, {data.y});
  EXPECT_EQ(model.weight("conv2d.weight").item(0), trained.item(0));
}

TEST(Model, CompilingAgainBeginsANewOptimizer) {
  CompileOptions compile;
  compile.optimizer = Adam(0.01);
  compile.loss = "sparse_categorical_crossentropy";
  const Network network = Sequential{Input({4}), Dense(3, {.activation = "softmax"})};
  Model a(network, {.device = "cpu"}), b(network, {.device = "cpu"});
  const Tensor x = Tensor::from({2, 4}, {1, 2, 3, 4, 4, 3, 2, 1});
  const Tensor y = Tensor::from<std::int32_t>({2}, {0, 2});
  a.compile(compile);
  for (int step = 0; step < 5; ++step) a.train_on_batch({x}, {y});
  for (const std::string& path : a.weight_paths()) b.set_weight(path, a.weight(path));
  a.compile(compile);
  b.compile(compile);
  for (int step = 0; step < 3; ++step) {
    a.train_on_batch({x}, {y});
    b.train_on_batch({x}, {y});
  }
  EXPECT_TRUE(same_weights(a, b));
}

TEST(Model, FrozenLayersAndTheirBatchNormsStay) {
  Model model = compiled_model(small_cnn());
  model.freeze("conv2d");
  model.freeze("batch_normalization");
  std::map<std::string, Tensor> before;
  for (const std::string& path : model.weight_paths()) before[path] = model.weight(path);
  model.fit(bright_channel(48), quiet(1));
  for (const auto& [path, values] : before) {
    const Tensor after = model.weight(path);
    bool changed = false;
    for (std::int64_t i = 0; i < values.numel(); ++i) changed |= values.item(i) != after.item(i);
    EXPECT_EQ(changed, !model.frozen(path)) << path;
  }
  EXPECT_TRUE(model.frozen("conv2d.weight"));
  EXPECT_FALSE(model.frozen("conv2d_1.weight"));
  EXPECT_NE(model.summary().find("Non-trainable params: 248"), std::string::npos);
}

TEST(Model, PlansShareMemory) {
  Model model = compiled_model(small_cnn());
  const Model::MemoryReport report = model.training_memory(16);
  EXPECT_GT(report.planned_bytes, 0);
  EXPECT_LT(report.planned_bytes, report.naive_bytes);
}

TEST(Model, ProbeShowsValuesInMidNetwork) {
  Model model = compiled_model(small_cnn());
  const Dataset data = bright_channel(4);
  const auto values = model.probe({data.x}, {"conv2d_1", "dense"});
  EXPECT_EQ(values.at("conv2d_1").shape(), Shape({4, 2, 2, 8}));
  const Tensor predicted = model.predict(data.x);
  for (std::int64_t i = 0; i < predicted.numel(); ++i) {
    EXPECT_NEAR(values.at("dense").item(i), predicted.item(i), 1e-6);
  }
  expect_error(ErrorCode::invalid_argument, "no layer 'conv9'",
               [&] { model.probe({data.x}, {"conv9"}); });
}

TEST(Model, ANaNStopsTrainingAndChangesNothing) {
  const Network network = Sequential{Input({4}), Dense(3, {.activation = "relu", .name = "first"}),
                                     Dense(2, {.activation = "softmax", .name = "second"})};
  Model model = compiled_model(network);
  Arrays data;
  data.inputs = {Tensor::full({8, 4}, 0.5)};
  data.targets = {Tensor::zeros({8}, DType::i32)};
  model.fit(data, quiet(1, 8));
  Model before = compiled_model(network);
  for (const std::string& path : model.weight_paths()) before.set_weight(path, model.weight(path));
  data.inputs[0].data<float>()[5] = std::numeric_limits<float>::quiet_NaN();
  expect_error(ErrorCode::numeric, "'first'", [&] { model.fit(data, quiet(1, 8)); });
  EXPECT_TRUE(same_weights(model, before));
  expect_error(ErrorCode::numeric, "step 2", [&] { model.fit(data, quiet(1, 8)); });
}

TEST(Model, CallbacksThatDoNotObserveStepsAreCalledForEpochsOnly) {
  struct Count : Callback {
    explicit Count(bool wanted) : observes(wanted) {}
    void on_step_end(Model&, int, std::int64_t, const Logs&) override { ++steps; }
    void on_epoch_end(Model&, int, const Logs& logs) override {
      ++epochs;
      EXPECT_GT(logs.at("loss"), 0);
    }
    bool observes_steps() const override { return observes; }
    bool observes;
    int steps = 0;
    int epochs = 0;
  };
  const auto every_step = std::make_shared<Count>(true);
  const auto every_epoch = std::make_shared<Count>(false);
  Model model = compiled_model(small_cnn());
  FitOptions options = quiet(2);
  options.batch_size = 16;
  options.callbacks = {every_step, every_epoch};
  model.fit(bright_channel(48), options);
  EXPECT_EQ(every_step->steps, 6);
  EXPECT_EQ(every_step->epochs, 2);
  EXPECT_EQ(every_epoch->steps, 0);
  EXPECT_EQ(every_epoch->epochs, 2);
}

TEST(Model, RefusesWhatDoesNotFit) {
  Model model = compiled_model(small_cnn());
  const Dataset data = bright_channel(6);
  expect_error(ErrorCode::shape_mismatch, "reshape it to (1, 8, 8, 3)", [&] {
    model.predict(Tensor::zeros({8, 8, 3}));
  });
  expect_error(ErrorCode::shape_mismatch, "", [&] { model.predict(Tensor::zeros({2, 9, 9, 3})); });
  expect_error(ErrorCode::invalid_argument, "label 3 of sample 1", [&] {
    model.fit(
        Arrays{{data.x},
               {Tensor::from<std::int32_t>({6}, std::vector<std::int32_t>{0, 3, 0, 0, 0, 0})}},
        quiet(1));
  });
  expect_error(ErrorCode::shape_mismatch, "5 samples", [&] {
    model.fit(Arrays{{data.x}, {data.y.slice(0, 5)}}, quiet(1));
  });
  expect_error(ErrorCode::invalid_argument, "batch size", [&] { model.fit(data, quiet(1, 0)); });
  expect_error(ErrorCode::invalid_argument, "1 inputs, but 2", [&] {
    model.fit(Arrays{{data.x, data.x}, {data.y}}, quiet(1));
  });
  expect_error(ErrorCode::invalid_argument, "no layer 'conv'", [&] { model.freeze("conv"); });
  for (const char* layer : {"conv2d", "batch_normalization", "conv2d_1", "dense"})
    model.freeze(layer);
  expect_error(ErrorCode::invalid_argument, "nothing to train", [&] { model.fit(data, quiet(1)); });
}

TEST(Model, RefusesWhatItCannotDo) {
  ModelOptions options;
  options.device = "cpu";
  options.precision = "bf16";
  expect_error(ErrorCode::unsupported, "has no bf16 kernels", [&] { Model(small_cnn(), options); });
  options.precision = "f8";
  expect_error(ErrorCode::invalid_argument, "f32, tf32, bf16, f16 and f64",
               [&] { Model(small_cnn(), options); });
  Model model(small_cnn());
  expect_error(ErrorCode::invalid_argument, "call compile()",
               [&] { model.fit(bright_channel(4), quiet(1)); });
}

}  // namespace
}  // namespace fovea
