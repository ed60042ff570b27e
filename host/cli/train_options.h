// What `fovea train` is asked for: from the command line, and from the config.json of a run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fovea/fields.h"
#include "fovea/json.h"
#include "fovea/network.h"
#include "fovea/optimizer.h"
#include "host/cli/command.h"
#include "host/cli/data_sets.h"
#include "host/cli/recipes.h"

namespace fovea::cli {

struct TrainOptions {
  std::string model;
  DataChoice data;
  DeviceChoice device;
  int epochs = 0;               // 0: the recipe's, and so on
  std::int64_t batch_size = 0;  //
  std::string optimizer;
  double rate = -1;
  std::string schedule;
  std::string augment;
  double label_smoothing = 0;
  double validation_split = 0;  // 0: validate on the test part
  std::string monitor = "val_loss";
  int patience = 0;  // 0: no early stopping
  std::uint64_t seed = 0;
  bool autotune = false;
  double checkpoint_minutes = 5;
  std::string events = "scalars";  // for TensorBoard; see event_choices()
  bool report = true;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("model", self.model);
    DataChoice::fields(self.data, [&](std::string_view key, auto& value) {
      visit("data_" + std::string(key), value);
    });
    visit("device", self.device.device);
    visit("precision", self.device.precision);
    visit("threads", self.device.threads);
    visit("epochs", self.epochs);
    visit("batch_size", self.batch_size);
    visit("optimizer", self.optimizer);
    visit("learning_rate", self.rate);
    visit("schedule", self.schedule);
    visit("augment", self.augment);
    visit("label_smoothing", self.label_smoothing);
    visit("validation_split", self.validation_split);
    visit("monitor", self.monitor);
    visit("patience", self.patience);
    visit("seed", self.seed);
    visit("autotune", self.autotune);
    visit("checkpoint_minutes", self.checkpoint_minutes);
    visit("events", self.events);
    visit("report", self.report);
  }
};

/// What TensorBoard is written: nothing; metrics, graph and settings; or with histograms of weights
/// and gradients, and pictures.
std::vector<std::string> event_choices();

/// The options that mean something to readers: those that were said or decided.
Json settings_of(const Json& options);

Json to_json(const TrainOptions& options);
/// Options that are missing, as in a run of an older version, are as if they were not said. Throws
/// parse for what to_json did not write.
TrainOptions train_options_from_json(const Json& json);

/// Describes them on a command line.
void add_train_options(CLI::App& app, TrainOptions& options);

/// The data that a command works on: those that are given, or those of the run that `model` is,
/// with what is given of their folder and samples. Nothing for a model without data.
std::optional<DataChoice> data_of(const std::string& model, const DataChoice& given);

/// What the command line left open becomes the recipe's.
void apply_recipe(TrainOptions& options, const Recipe& recipe);

/// The rate of each update; `samples` are those to train on.
Schedule make_schedule(const TrainOptions& options, std::int64_t samples);

}  // namespace fovea::cli
