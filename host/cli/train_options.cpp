#include "host/cli/train_options.h"

#include <filesystem>

#include "host/cli/run_folder.h"

namespace fovea::cli {

std::vector<std::string> event_choices() { return {"none", "scalars", "full"}; }

Json settings_of(const Json& options) {
  Json settings = Json::object();
  for (const auto& [name, value] : options.as_object()) {
    if (value != Json("")) settings.set(name, value);
  }
  return settings;
}

Json to_json(const TrainOptions& options) {
  Json json = Json::object();
  TrainOptions::fields(options, [&](std::string_view key, const auto& value) {
    json.set(key, fovea::to_json(value));
  });
  return json;
}

TrainOptions train_options_from_json(const Json& json) {
  TrainOptions options;
  TrainOptions::fields(options, [&](std::string_view key, auto& value) {
    if (const Json* found = json.find(key)) fovea::from_json(*found, value);
  });
  return options;
}

std::optional<DataChoice> data_of(const std::string& model, const DataChoice& given) {
  if (!given.name.empty()) return given;
  std::error_code ignored;
  if (!std::filesystem::is_directory(model, ignored)) return std::nullopt;
  const RunFolder run = RunFolder::open(model);
  DataChoice data = train_options_from_json(run.config().at("options")).data;
  if (!given.folder.empty()) data.folder = given.folder;
  if (given.test_samples > 0) data.test_samples = given.test_samples;
  return data;
}

namespace {

void add_data_options(CLI::App& app, DataChoice& data) {
  const char* const group = "Data";
  app.add_option("--data", data.folder,
                 "Folder of a named data set (default: $FOVEA_DATA, ~/.cache/fovea)")
      ->type_name("DIR")
      ->group(group);
  app.add_option("--target", data.target, "Column of a CSV file to predict (default: the last)")
      ->type_name("COLUMN")
      ->group(group);
  app.add_option("--task", data.task, "classify or regress (default: as the target looks)")
      ->type_name("TASK")
      ->check(one_of("task", {"classify", "regress"}))
      ->group(group);
  app.add_option("--train-samples", data.train_samples, "Train on the first N only")
      ->type_name("N")
      ->check(in_range(1))
      ->group(group);
  app.add_option("--test-samples", data.test_samples, "Test on the first N only")
      ->type_name("N")
      ->check(in_range(1))
      ->group(group);
}

void add_training_options(CLI::App& app, TrainOptions& options) {
  const char* const group = "Training";
  app.add_option("--epochs", options.epochs,
                 "How often every sample is seen (default: the recipe's)")
      ->type_name("N")
      ->check(in_range(1))
      ->group(group);
  app.add_option("--batch-size", options.batch_size, "Samples per step (default: the recipe's)")
      ->type_name("N")
      ->check(in_range(1))
      ->group(group);
  app.add_option("--optimizer", options.optimizer, "Such as adam (default: the recipe's)")
      ->type_name("NAME")
      ->check(one_of("optimizer", optimizer_names()))
      ->group(group);
  app.add_option("--lr", options.rate, "Learning rate (default: the recipe's)")
      ->type_name("RATE")
      ->check(in_range(0))
      ->group(group);
  app.add_option("--schedule", options.schedule,
                 "Of the rate: constant, cosine (after a warm-up) or linear")
      ->type_name("NAME")
      ->check(one_of("schedule", schedule_names()))
      ->group(group);
  app.add_option("--augment", options.augment,
                 "Random changes of pictures: none, flip, crop or flip_crop")
      ->type_name("NAME")
      ->check(one_of("augmentation", augmentation_names()))
      ->group(group);
  app.add_option("--label-smoothing", options.label_smoothing, "Of classes (default: 0)")
      ->type_name("S")
      ->check(in_range(0, 1))
      ->group(group);
  app.add_option("--validation-split", options.validation_split,
                 "Validate on this last part of the training data, and test once at the end\n"
                 "(default: validate on the test part)")
      ->type_name("F")
      ->check(in_range(0, 0.99))
      ->group(group);
  app.add_option("--monitor", options.monitor,
                 "What decides which epoch is best (default: val_loss)")
      ->type_name("METRIC")
      ->group(group);
  app.add_option("--patience", options.patience, "Stop after N epochs without improvement")
      ->type_name("N")
      ->check(in_range(1))
      ->group(group);
  app.add_option("--seed", options.seed, "Of weights, order and augmentation (default: 0)")
      ->type_name("N")
      ->check(in_range(0))
      ->group(group);
}

}  // namespace

void add_train_options(CLI::App& app, TrainOptions& options) {
  add_data_options(app, options.data);
  add_training_options(app, options);
  add_device_options(app, options.device);
  app.add_flag("--autotune", options.autotune, "Measure the GPU's kernels and take the fastest")
      ->group("Device");
}

void apply_recipe(TrainOptions& options, const Recipe& recipe) {
  if (options.epochs == 0) options.epochs = recipe.epochs;
  if (options.batch_size == 0) options.batch_size = recipe.batch_size;
  if (options.optimizer.empty()) {
    options.optimizer = recipe.optimizer;
    if (options.rate < 0) options.rate = recipe.rate;
  }
  if (options.rate < 0) {
    options.rate = make_optimizer(options.optimizer)->learning_rate().at(0);
  }
  if (options.schedule.empty()) options.schedule = recipe.schedule;
  if (options.augment.empty()) options.augment = recipe.augment;
}

Schedule make_schedule(const TrainOptions& options, std::int64_t samples) {
  if (options.schedule == "constant") return options.rate;
  const std::int64_t steps = options.epochs * ((samples - 1) / options.batch_size + 1);
  if (options.schedule == "linear") return Schedule::linear(options.rate, steps);
  return Schedule::cosine(options.rate, steps).warm_up(steps / 20);
}

}  // namespace fovea::cli
