// Callbacks at work in fit(): they act at the right time, a resumed run goes on as if never
// interrupted, and what cannot work is refused before the first step.
#include "fovea/callbacks.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "host/train/path_fields.h"
#include "tests/support/expect_error.h"
#include "tests/train/small_data.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;
using test::bright_channel;
using test::compiled_model;
using test::expect_error;
using test::quiet;
using test::same_weights;
using test::small_cnn;

class Callbacks : public ::testing::Test {
 protected:
  Callbacks() { fs::create_directories(folder_); }
  ~Callbacks() override { fs::remove_all(folder_); }
  std::string file(const std::string& name) const { return (folder_ / name).string(); }
  std::string text_of(const std::string& name) const {
    std::ifstream in(file(name));
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  fs::path folder_ = fs::path(FOVEA_BINARY_DIR) / "callbacks_test" /
                     ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

FitOptions validated(int epochs) {
  FitOptions options = quiet(epochs);
  options.validation_split = 0.25;
  return options;
}

/// Ends fit() in mid-epoch, as a killed process would, but in one process.
LambdaCallback stop_in(int epoch, std::int64_t step) {
  return LambdaCallback({.on_step_end = [=](Model& model, int e, std::int64_t s, const Logs&) {
    if (e == epoch && s == step) model.stop_training();
  }});
}

TEST_F(Callbacks, LambdasAreCalledInOrder) {
  std::string calls;
  FitOptions options = validated(2);
  options.callbacks = {LambdaCallback({
      .on_train_begin =
          [&](Model&, const FitPlan& plan) {
            calls += "begin ";
            for (const EpochMetric& metric : plan.metrics) calls += metric.name + " ";
          },
      .on_epoch_begin = [&](Model&, int epoch) { calls += "epoch" + std::to_string(epoch) + " "; },
      .on_step_end = [&](Model&, int, std::int64_t step,
                         const Logs&) { calls += std::to_string(step) + " "; },
      .on_epoch_end = [&](Model&, int, const Logs& logs) { calls += logs.back().first + " "; },
      .on_train_end = [&](Model&) { calls += "end"; },
  })};
  compiled_model(small_cnn()).fit(bright_channel(48), options);
  EXPECT_EQ(calls,
            "begin loss accuracy val_loss val_accuracy epoch0 0 1 2 val_accuracy epoch1 0 1 2 "
            "val_accuracy end");
}

TEST_F(Callbacks, TheDirectionIsThatOfTheMetric) {
  // Accuracy rises and the loss falls: neither stops the training.
  FitOptions options = validated(5);
  options.callbacks = {EarlyStopping({.monitor = "loss", .patience = 1}),
                       EarlyStopping({.monitor = "accuracy", .patience = 4})};
  const History history = compiled_model(small_cnn()).fit(bright_channel(96), options);
  EXPECT_FALSE(history.stopped_early);
  options.callbacks = {EarlyStopping({.monitor = "loss", .patience = 1, .mode = "max"})};
  EXPECT_TRUE(compiled_model(small_cnn()).fit(bright_channel(96), options).stopped_early);
}

TEST_F(Callbacks, EarlyStoppingRestoresTheBestEpochsWeights) {
  // A rate that grows wild after the second epoch spoils the weights.
  const auto stopping = std::make_shared<EarlyStopping>(
      EarlyStoppingOptions{.patience = 2, .restore_best_weights = true});
  std::vector<Tensor> weights;
  FitOptions options = validated(8);
  options.callbacks = {
      LearningRateScheduler([](int epoch, double) { return epoch < 2 ? 0.01 : 3.0; }),
      LambdaCallback(
          {.on_epoch_end = [&](Model& model, int,
                               const Logs&) { weights.push_back(model.weight("dense.weight")); }}),
      stopping};
  Model model = compiled_model(small_cnn());
  const History history = model.fit(bright_channel(96), options);
  ASSERT_TRUE(stopping->stopped_epoch());
  EXPECT_EQ(*stopping->stopped_epoch(), stopping->best_epoch() + 2);
  EXPECT_EQ(history.logs.size(), static_cast<std::size_t>(*stopping->stopped_epoch()) + 1);
  const std::vector<double> losses = history.metric("val_loss");
  EXPECT_EQ(losses[static_cast<std::size_t>(stopping->best_epoch())], *stopping->best());
  const Tensor best = weights[static_cast<std::size_t>(stopping->best_epoch())];
  const Tensor now = model.weight("dense.weight");
  for (std::int64_t i = 0; i < now.numel(); ++i) ASSERT_EQ(now.item(i), best.item(i));
  EXPECT_NEAR(model.evaluate(bright_channel(96).slice(72, 96)).at("loss"), *stopping->best(), 1e-6);
}

TEST_F(Callbacks, ARateThatIsSetReachesTheUpdatesAndTheLogs) {
  Model model = compiled_model(small_cnn());
  EXPECT_EQ(model.learning_rate(), 0.01);
  FitOptions options = quiet(3);
  options.callbacks = {
      LearningRateScheduler([](int epoch, double rate) { return epoch == 2 ? 0.0 : rate / 2; })};
  Tensor before;
  options.callbacks.push_back(LambdaCallback({.on_epoch_begin = [&](Model& m, int epoch) {
    if (epoch == 2) before = m.weight("dense.weight");
  }}));
  const History history = model.fit(bright_channel(48), options);
  EXPECT_EQ(history.metric("learning_rate"), (std::vector<double>{0.005, 0.0025, 0}));
  const Tensor after = model.weight("dense.weight");  // an epoch at rate 0 changes nothing
  for (std::int64_t i = 0; i < after.numel(); ++i) ASSERT_EQ(before.item(i), after.item(i));
  model.compile({Adam(0.02), "sparse_categorical_crossentropy", {}, {}});
  EXPECT_EQ(model.learning_rate(), 0.02);
}

TEST_F(Callbacks, ARateThatIsSetEqualsOneThatWasCompiled) {
  Model set = compiled_model(small_cnn());
  set.compile({Adam(0.5), "sparse_categorical_crossentropy", {"accuracy"}, {}});
  set.set_learning_rate(0.01);
  Model compiled = compiled_model(small_cnn());
  for (Model* model : {&set, &compiled}) model->fit(bright_channel(48), quiet(2));
  EXPECT_TRUE(same_weights(set, compiled));
  set.save(file("model.safetensors"));
  EXPECT_EQ(Model::load(file("model.safetensors")).learning_rate(), 0.01);
}

TEST_F(Callbacks, MessagesAreKeras) {
  FitOptions options = quiet(2);
  const std::string path = file("best.safetensors");
  options.callbacks = {LearningRateScheduler([](int, double) { return 0.001; }, {.verbose = 1}),
                       ModelCheckpoint(path, {.monitor = "loss", .verbose = 1})};
  ::testing::internal::CaptureStdout();
  compiled_model(small_cnn()).fit(bright_channel(48), options);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(),
            "Epoch 1: LearningRateScheduler setting learning rate to 0.001.\n"
            "Epoch 1: saving model to " +
                path +
                "\n"
                "Epoch 2: LearningRateScheduler setting learning rate to 0.001.\n"
                "Epoch 2: saving model to " +
                path + "\n");
}

TEST_F(Callbacks, ModelCheckpointSavesTheModelAsItIs) {
  Model model = compiled_model(small_cnn());
  FitOptions options = quiet(2);
  options.callbacks = {
      ModelCheckpoint(file("a/{epoch:02d}.safetensors")),
      ModelCheckpoint(file("weights.safetensors"), {.monitor = "accuracy",
                                                    .save_best_only = true,
                                                    .save_weights_only = true,
                                                    .mode = "min",
                                                    .initial_value_threshold = 2})};
  const std::vector<double> accuracy = model.fit(bright_channel(48), options).metric("accuracy");
  EXPECT_TRUE(same_weights(model, Model::load(file("a/02.safetensors"))));
  EXPECT_FALSE(same_weights(model, Model::load(file("a/01.safetensors"))));
  Model other = compiled_model(small_cnn(), 9);
  other.load_weights(file("weights.safetensors"));
  const bool worse_at_last = accuracy[1] < accuracy[0];  // the mode is "min"
  EXPECT_TRUE(same_weights(
      other, Model::load(file(worse_at_last ? "a/02.safetensors" : "a/01.safetensors"))));
  expect_error(ErrorCode::parse, "load_weights()",
               [&] { Model::load(file("weights.safetensors")); });
}

TEST_F(Callbacks, CsvLoggerWritesARowPerEpoch) {
  FitOptions options = validated(2);
  options.callbacks = {CSVLogger(file("log.csv"), {.separator = ";"})};
  const History history = compiled_model(small_cnn()).fit(bright_channel(48), options);
  std::string expected = "epoch;accuracy;loss;val_accuracy;val_loss\n";
  for (std::size_t e = 0; e < 2; ++e) {
    expected += std::to_string(e);
    for (const char* name : {"accuracy", "loss", "val_accuracy", "val_loss"}) {
      expected += ";" + Json(history.metric(name)[e]).to_string();
    }
    expected += "\n";
  }
  EXPECT_EQ(text_of("log.csv"), expected);
  // Appended to without a second header, or written anew.
  options.callbacks = {CSVLogger(file("log.csv"), {.separator = ";", .append = true})};
  compiled_model(small_cnn()).fit(bright_channel(48), options);
  EXPECT_EQ(text_of("log.csv"), expected + expected.substr(expected.find('\n') + 1));
  options.callbacks = {CSVLogger(file("log.csv"), {.separator = ";"})};
  compiled_model(small_cnn()).fit(bright_channel(48), options);
  EXPECT_EQ(text_of("log.csv"), expected);
}

/// All callbacks with a memory, among them two of one name; their lines go to `csv`.
std::vector<AnyCallback> with_memory(const std::string& csv, const std::string& best) {
  return {ReduceLROnPlateau({.monitor = "loss", .factor = 0.5, .patience = 1, .min_delta = 0.3}),
          EarlyStopping({.min_delta = 0.2, .patience = 3, .restore_best_weights = true}),
          EarlyStopping({.monitor = "accuracy", .patience = 100}),
          ModelCheckpoint(best, {.verbose = 1, .save_best_only = true}), CSVLogger(csv)};
}

TEST_F(Callbacks, AnInterruptedRunGoesOnAsIfNeverInterrupted) {
  const Dataset data = bright_channel(120);
  FitOptions options = validated(12);
  Model straight = compiled_model(small_cnn());
  options.callbacks = with_memory(file("straight.csv"), file("best.safetensors"));
  ::testing::internal::CaptureStdout();
  const History whole = straight.fit(data, options);
  const std::string said = ::testing::internal::GetCapturedStdout();
  ASSERT_TRUE(whole.stopped_early) << "the test wants an early stop";
  ASSERT_LT(whole.metric("learning_rate").back(), 0.01) << "and a plateau before it";
  const int epochs = static_cast<int>(whole.logs.size());

  for (int epoch = 1; epoch <= epochs; ++epoch) {  // the last one: after the stop, before the end
    SCOPED_TRACE(epoch);
    FitOptions first = options;
    first.checkpoint = {file("run.safetensors"), 2, 0};
    first.callbacks = with_memory(file("resumed.csv"), file("best.safetensors"));
    first.callbacks.push_back(stop_in(epoch, 3));
    if (epoch == epochs) {  // dies as soon as the last epoch's checkpoint is written
      first.callbacks.push_back(LambdaCallback(
          {.on_train_end = [](Model&) { fail(ErrorCode::interrupted, "power cut"); }}));
      std::swap(first.callbacks.front(), first.callbacks.back());
    }
    ::testing::internal::CaptureStdout();
    try {
      compiled_model(small_cnn()).fit(data, first);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::interrupted);
    }
    ::testing::internal::GetCapturedStdout();
    std::ofstream(file("resumed.csv"), std::ios::app) << "a line after the checkpoint\n";

    Model second = compiled_model(small_cnn(), 77);
    second.resume(file("run.safetensors"));
    FitOptions rest = options;
    rest.callbacks = with_memory(file("resumed.csv"), file("best.safetensors"));
    ::testing::internal::CaptureStdout();
    const History history = second.fit(data, rest);
    const std::string resumed = ::testing::internal::GetCapturedStdout();
    EXPECT_TRUE(same_weights(straight, second));
    ASSERT_EQ(history.logs.size(), whole.logs.size());
    for (std::size_t e = 0; e < whole.logs.size(); ++e) EXPECT_EQ(history.logs[e], whole.logs[e]);
    EXPECT_EQ(text_of("resumed.csv"), text_of("straight.csv"));
    EXPECT_TRUE(said.ends_with(resumed)) << said << "\n---\n" << resumed;
    EXPECT_EQ(history.stopped_early, whole.stopped_early);
  }
}

TEST_F(Callbacks, RefusesAMetricThatDoesNotExistBeforeTheFirstStep) {
  Model model = compiled_model(small_cnn());
  const auto fit_with = [&](const AnyCallback& callback, FitOptions options = quiet(1)) {
    options.callbacks = {callback};
    model.fit(bright_channel(48), options);
  };
  expect_error(ErrorCode::invalid_argument,
               "early_stopping monitors 'val_loss', but the epochs have only: loss, accuracy; give "
               "fit() validation_data or a validation_split",
               [&] { fit_with(EarlyStopping()); });
  expect_error(ErrorCode::invalid_argument, "reduce_lr_on_plateau monitors 'mae'",
               [&] { fit_with(ReduceLROnPlateau({.monitor = "mae"}), validated(1)); });
  expect_error(ErrorCode::invalid_argument, "model_checkpoint monitors 'val_acc'", [&] {
    fit_with(ModelCheckpoint(file("x"), {.monitor = "val_acc", .save_best_only = true}));
  });
  expect_error(ErrorCode::invalid_argument, "the fields are: epoch, loss, accuracy",
               [&] { fit_with(ModelCheckpoint(file("{val_loss:.2f}"))); });
  expect_error(ErrorCode::io, "log.csv",
               [&] { fit_with(CSVLogger(file("no_such_folder/log.csv"))); });
  EXPECT_TRUE(same_weights(model, compiled_model(small_cnn())));
}

TEST_F(Callbacks, RefuseOptionsThatMakeNoSense) {
  const auto expect_refused = [](const std::string& text, const std::function<void()>& action) {
    expect_error(ErrorCode::invalid_argument, text, action);
  };
  expect_refused("\"auto\", \"min\" or \"max\"", [] { EarlyStopping({.mode = "up"}); });
  expect_refused("patience is >= 0", [] { EarlyStopping({.patience = -1}); });
  expect_refused("start_from_epoch", [] { EarlyStopping({.start_from_epoch = -1}); });
  expect_refused("[0, 1), not 1", [] { ReduceLROnPlateau({.factor = 1}); });
  expect_refused("cooldown", [] { ReduceLROnPlateau({.cooldown = -2}); });
  expect_refused("path", [] { ModelCheckpoint(""); });
  expect_refused("function", [] { LearningRateScheduler(nullptr); });
  expect_refused("separator", [] { CSVLogger("x.csv", {.separator = ""}); });
  Model model = compiled_model(small_cnn());
  expect_refused("not -1", [&] { model.set_learning_rate(-1); });
  model.compile({Adam(Schedule::cosine(0.1, 10)), "sparse_categorical_crossentropy", {}, {}});
  expect_refused("follows a schedule", [&] { model.set_learning_rate(0.1); });
}

TEST(PathFields, AreFilledInAsPythonWould) {
  const Logs logs = {{"loss", 0.5}, {"val_loss", 0.086712}};
  const auto fill = [&](const std::string& path) { return fill_path_fields(path, 3, logs); };
  EXPECT_EQ(fill("{epoch:02d}-{val_loss:.4f}.h"), "03-0.0867.h");
  EXPECT_EQ(fill("{epoch}_{epoch:d}_{epoch:03d}_{loss}"), "3_3_003_0.5");
  EXPECT_EQ(fill("{val_loss:.2e} {val_loss:.3g} {epoch:.1f}"), "8.67e-02 0.0867 3.0");
  EXPECT_EQ(fill("{{epoch}} 100%s"), "{epoch} 100%s");
  expect_error(ErrorCode::invalid_argument, "'}' is missing", [&] { fill("a{epoch"); });
  expect_error(ErrorCode::invalid_argument, "unknown format", [&] { fill("{loss:d}"); });
  expect_error(ErrorCode::invalid_argument, "unknown format", [&] { fill("{loss:.4s}"); });
  expect_error(ErrorCode::invalid_argument, "epoch, loss, val_loss", [&] { fill("{accuracy}"); });
}

}  // namespace
}  // namespace fovea
