// What the callbacks do and say when they are told made-up metrics, against Keras's.
#include "fovea/callbacks.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "fovea/layers.h"
#include "fovea/model.h"
#include "tests/golden/golden.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;

/// As tests/golden/generate_callbacks.py makes them; paths are below `folder`.
AnyCallback make_callback(const std::string& name, const std::string& folder) {
  const std::string path = folder + "m{epoch:02d}-{val_loss:.4f}.keras";
  const std::map<std::string, AnyCallback> callbacks = {
      {"defaults", EarlyStopping({.verbose = 1})},
      {"patience_2", EarlyStopping({.patience = 2, .verbose = 1, .restore_best_weights = true})},
      {"min_delta", EarlyStopping({.min_delta = 0.06, .patience = 2, .verbose = 1})},
      {"max", EarlyStopping({.patience = 1, .verbose = 1, .mode = "max"})},
      {"baseline",
       EarlyStopping(
           {.patience = 3, .verbose = 1, .baseline = 0.48, .restore_best_weights = true})},
      {"late",
       EarlyStopping(
           {.patience = 1, .verbose = 1, .restore_best_weights = true, .start_from_epoch = 4})},
      {"reduce/patience_1", ReduceLROnPlateau({.patience = 1})},
      {"reduce/cooldown", ReduceLROnPlateau({.factor = 0.5, .patience = 2, .cooldown = 2})},
      {"reduce/min_lr", ReduceLROnPlateau({.factor = 0.25, .patience = 0, .min_lr = 0.02})},
      {"reduce/min_delta", ReduceLROnPlateau({.patience = 2, .min_delta = 0.1})},
      {"checkpoint/best", ModelCheckpoint(path, {.verbose = 1, .save_best_only = true})},
      {"checkpoint/best_max",
       ModelCheckpoint(path, {.verbose = 1, .save_best_only = true, .mode = "max"})},
      {"checkpoint/all", ModelCheckpoint(path, {.verbose = 1})},
  };
  return callbacks.at(name);
}

/// What happened in the epochs up to the last, or to the stop.
struct Outcome {
  std::int64_t epochs = 0;
  double weights_of_epoch = 0;
  std::vector<double> rates{};
  std::vector<std::string> messages{};
};

/// A model whose one weight is the number of the epoch, and that notes a wish to stop.
Outcome run(const std::string& name, const Json& losses, const std::string& folder = {}) {
  ModelOptions options;
  options.device = "cpu";
  Model model(Sequential{Input({1}), Dense(1, {.use_bias = false})}, options);
  model.compile({Sgd(0.1), "mse", {}, {}});
  const AnyCallback callback = make_callback(name, folder);
  FitPlan plan;
  plan.metrics = {{"loss"}, {"val_loss"}};
  Outcome outcome;
  ::testing::internal::CaptureStdout();
  callback->on_train_begin(model, plan);
  const auto* early_stopping = dynamic_cast<const EarlyStopping*>(callback.pointer().get());
  for (const Json& loss : losses.as_array()) {
    const int epoch = static_cast<int>(outcome.epochs++);
    callback->on_epoch_begin(model, epoch);
    model.set_weight("dense.weight", Tensor::full({1, 1}, epoch));
    callback->on_epoch_end(model, epoch, {{"loss", 0}, {"val_loss", loss.as_double()}});
    outcome.rates.push_back(model.learning_rate());
    if (early_stopping != nullptr && early_stopping->stopped_epoch()) break;
  }
  callback->on_train_end(model);
  std::istringstream said(::testing::internal::GetCapturedStdout());
  for (std::string line; std::getline(said, line);) outcome.messages.push_back(line);
  outcome.weights_of_epoch = model.weight("dense.weight").item();
  return outcome;
}

std::vector<std::string> strings(const Json& list) {
  std::vector<std::string> texts;
  for (const Json& text : list.as_array()) texts.push_back(text.as_string());
  return texts;
}

/// Calls check(callback's name, losses, what Keras did) for every entry of a part of the file.
template <class Check>
void for_each_run(const std::string& part, const Check& check) {
  const Json file = golden("callbacks");
  ASSERT_GT(file.at(part).size(), 10U);
  for (const auto& [key, expected] : file.at(part).as_object()) {
    SCOPED_TRACE(key);
    const std::size_t slash = key.find('/');
    check(key.substr(0, slash), file.at("losses").at(key.substr(slash + 1)), expected);
  }
}

TEST(CallbacksAsKeras, EarlyStopping) {
  for_each_run("early_stopping",
               [](const std::string& name, const Json& losses, const Json& expected) {
                 const Outcome outcome = run(name, losses);
                 EXPECT_EQ(outcome.epochs, expected.at("epochs").as_int());
                 EXPECT_EQ(outcome.weights_of_epoch, expected.at("weights_of_epoch").as_double());
                 EXPECT_EQ(outcome.messages, strings(expected.at("messages")));
               });
}

TEST(CallbacksAsKeras, ReduceLROnPlateau) {
  for_each_run("reduce_lr", [](const std::string& name, const Json& losses, const Json& expected) {
    const Outcome outcome = run("reduce/" + name, losses);
    ASSERT_EQ(outcome.rates.size(), expected.size());
    for (std::size_t e = 0; e < expected.size(); ++e) {
      EXPECT_NEAR(outcome.rates[e], expected[e].as_double(), 1e-6 * outcome.rates[e]) << e;
    }
  });
}

TEST(CallbacksAsKeras, ModelCheckpoint) {
  const std::string folder = std::string(FOVEA_BINARY_DIR) + "/callbacks_as_keras/";
  for_each_run(
      "checkpoint", [&](const std::string& name, const Json& losses, const Json& expected) {
        fs::remove_all(folder);  // ModelCheckpoint makes it
        Outcome outcome = run("checkpoint/" + name, losses, folder);
        for (std::string& message : outcome.messages) {
          if (message.find(folder) != std::string::npos) {
            message.erase(message.find(folder), folder.size());
          }
        }
        EXPECT_EQ(outcome.messages, strings(expected.at("messages")));
        const std::vector<std::string> paths = strings(expected.at("paths"));
        for (const std::string& path : paths) EXPECT_TRUE(fs::exists(folder + path)) << path;
        const auto files = std::distance(fs::directory_iterator(folder), fs::directory_iterator());
        EXPECT_EQ(static_cast<std::size_t>(files), paths.size());
      });
  fs::remove_all(folder);
}

}  // namespace
}  // namespace fovea::test
