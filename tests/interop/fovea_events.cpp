// Writes event files for tests/interop/tensorboard_cases.py, and what ought to be in them.
//
//   fovea_events whole FOLDER     a training with everything that the callback writes
//   fovea_events resumed FOLDER   one that breaks off after a checkpoint, and is resumed
//
// FOLDER/logs gets the event files, FOLDER/expected.json {"history": [{metric: value} per epoch],
// "batches": [{metric: value} per batch], "weights": {path: [numbers]}, "sizes": {path: number}}.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include "fovea/callbacks.h"
#include "fovea/data.h"
#include "fovea/layers.h"
#include "fovea/model.h"
#include "fovea/tensorboard.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

constexpr int kEpochs = 4;

Network small_network() {
  return Network(Sequential{Input({32, 32, 3}), Rescaling(1 / 255.0),
                            Conv2D(6, 5, {.strides = 2, .activation = "relu", .name = "stem.conv"}),
                            BatchNorm({.name = "stem.norm"}), MaxPool2D(2), Flatten(),
                            Dense(10, {.activation = "softmax"})},
                 "small");
}

Model compiled_model() {
  Model model(small_network(), {.seed = 1});
  model.compile({.optimizer = Adam(0.01),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  return model;
}

Json as_json(const Logs& logs) {
  Json json = Json::object();
  for (const auto& [name, value] : logs) json.set(name, value);
  return json;
}

/// What the run of fit() tells a callback that stands behind TensorBoard.
struct Expected {
  Json batches = Json::array();
  Json history = Json::array();

  void write(const fs::path& folder, Model& model) const {
    Json weights = Json::object();
    Json sizes = Json::object();
    for (const std::string& path : model.weight_paths()) {
      const Tensor weight = model.weight(path);
      if (!is_floating(weight.dtype())) continue;
      Json numbers = Json::array();
      for (std::int64_t i = 0; i < weight.numel(); ++i) numbers.push(weight.item(i));
      weights.set(path, std::move(numbers));
    }
    for (const LayerRecord& layer : model.network().layers()) {
      for (const ParameterRecord& p : layer.parameters) {
        if (p.trainable) sizes.set(p.path, p.shape.numel());
      }
    }
    const Json expected = Json::Object{
        {"history", history}, {"batches", batches}, {"weights", weights}, {"sizes", sizes}};
    std::ofstream(folder / "expected.json") << expected.to_string() << "\n";
  }
};

FitOptions fit_options(const fs::path& folder, const TrainTest& data, Expected& expected,
                       std::int64_t break_off_at) {
  TensorBoardOptions board;
  board.histogram_freq = 1;
  board.write_images = true;
  board.write_steps_per_second = true;
  board.update_freq = "batch";
  board.samples = data.test.slice(0, 20);
  board.mistakes_in = data.test;
  board.hparams = Json::Object{{"rate", 0.01}, {"optimizer", "adam"}, {"norm", true}};
  FitOptions options;
  options.epochs = kEpochs;
  options.batch_size = 50;
  options.validation_data = data.test;
  options.verbose = 0;
  options.callbacks = {
      TensorBoard(folder / "logs", board),
      LambdaCallback(
          {.on_step_end =
               [&expected, break_off_at](Model&, int epoch, std::int64_t step, const Logs& logs) {
                 expected.batches.push(as_json(logs));
                 if (epoch * 8 + step == break_off_at) {
                   throw std::runtime_error("broken off");
                 }
               },
           .on_epoch_end = [&expected](
                               Model&, int,
                               const Logs& logs) { expected.history.push(as_json(logs)); }})};
  return options;
}

void whole(const fs::path& folder) {
  const TrainTest data = make_synthetic(1, 400, 100);
  Model model = compiled_model();
  Expected expected;
  model.fit(data.train, fit_options(folder, data, expected, -1));
  expected.write(folder, model);
}

/// Breaks off two batches after a checkpoint in the second epoch.
void resumed(const fs::path& folder) {
  const TrainTest data = make_synthetic(1, 400, 100);
  const std::string checkpoint = (folder / "checkpoint.fov").string();
  Expected expected;
  {
    Model model = compiled_model();
    FitOptions options = fit_options(folder, data, expected, 12);
    options.checkpoint = {.path = checkpoint, .every_steps = 11};
    try {
      model.fit(data.train, options);
      throw std::logic_error("the run did not break off");
    } catch (const std::runtime_error&) {
      // as a killed process would
    }
  }
  Expected after;
  Model model = compiled_model();
  model.resume(checkpoint);
  FitOptions options = fit_options(folder, data, after, -1);
  options.checkpoint = {.path = checkpoint};
  model.fit(data.train, options);
  // The first run counts up to its checkpoint: the end of the first epoch, and batches of it.
  Json batches = Json::array();
  const std::size_t kept = kEpochs * 8 - after.batches.size();
  for (std::size_t i = 0; i < kept; ++i) batches.push(expected.batches[i]);
  for (const Json& batch : after.batches.as_array()) batches.push(batch);
  for (const Json& epoch : after.history.as_array()) expected.history.push(epoch);
  expected.batches = batches;
  expected.write(folder, model);
}

}  // namespace
}  // namespace fovea

int main(int argc, char** argv) {
  const std::string what = argc == 3 ? argv[1] : "";
  try {
    if (what == "whole") {
      fovea::whole(argv[2]);
    } else if (what == "resumed") {
      fovea::resumed(argv[2]);
    } else {
      std::cerr << "usage: fovea_events whole|resumed FOLDER\n";
      return 2;
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
