// EarlyStopping, ModelCheckpoint and the callbacks that set the learning rate.
#include "fovea/callbacks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "fovea/error.h"
#include "fovea/model.h"
#include "host/train/path_fields.h"

namespace fovea {
namespace {

Json to_json(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

std::optional<double> optional_double(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return json.as_double();
}

int integer(const CallbackState& state, const char* key) {
  return static_cast<int>(state.values.at(key).as_int());
}

void require_not_negative(const char* callback, const char* option, double value) {
  FOVEA_REQUIRE(value >= 0, invalid_argument, callback, ": ", option, " is >= 0, not ", value);
}

/// Five digits behind the point, as Keras's messages have them.
std::string five_digits(const std::optional<double>& value) {
  if (!value) return "None";
  std::array<char, 400> text;
  std::snprintf(text.data(), text.size(), "%.5f", *value);
  return text.data();
}

/// "Epoch 3: ", which begins all messages.
std::ostream& say(int epoch) { return std::cout << "Epoch " << epoch + 1 << ": "; }

}  // namespace

// ---- MonitorCallback ----

MonitorCallback::MonitorCallback(std::string monitor, std::string mode, double min_delta)
    : monitor_(std::move(monitor)), mode_(std::move(mode)), min_delta_(std::abs(min_delta)) {
  FOVEA_REQUIRE(mode_ == "auto" || mode_ == "min" || mode_ == "max", invalid_argument,
                "the mode of a callback that monitors '", monitor_,
                "' is \"auto\", \"min\" or \"max\", not \"", mode_, "\"");
}

void MonitorCallback::on_train_begin(Model&, const FitPlan& plan) {
  const auto found = std::find_if(plan.metrics.begin(), plan.metrics.end(),
                                  [&](const EpochMetric& m) { return m.name == monitor_; });
  if (found == plan.metrics.end()) {
    std::string known;
    for (const EpochMetric& metric : plan.metrics)
      known += (known.empty() ? "" : ", ") + metric.name;
    fail(ErrorCode::invalid_argument, name(), " monitors '", monitor_,
         "', but the epochs have only: ", known,
         plan.validation_samples == 0 && monitor_.starts_with("val_")
             ? "; give fit() validation_data or a validation_split"
             : "; metrics are named in compile()");
  }
  higher_is_better_ = mode_ == "auto" ? found->higher_is_better : mode_ == "max";
}

bool MonitorCallback::better(double value, std::optional<double> reference) const {
  if (!reference) return true;
  return higher_is_better_ ? value - min_delta_ > *reference : value + min_delta_ < *reference;
}

CallbackState MonitorCallback::state() const {
  CallbackState state;
  state.values.set("best", to_json(best_));
  return state;
}

void MonitorCallback::restore(const CallbackState& state) {
  best_ = optional_double(state.values.at("best"));
}

// ---- EarlyStopping ----

EarlyStopping::EarlyStopping(EarlyStoppingOptions options)
    : MonitorCallback(options.monitor, options.mode, options.min_delta),
      options_(std::move(options)) {
  require_not_negative("EarlyStopping", "patience", options_.patience);
  require_not_negative("EarlyStopping", "start_from_epoch", options_.start_from_epoch);
}

void EarlyStopping::on_train_begin(Model& model, const FitPlan& plan) {
  MonitorCallback::on_train_begin(model, plan);
  if (plan.restored) {
    if (stopped_epoch_) model.stop_training();  // the checkpoint is of the last epoch
    return;
  }
  best_.reset();
  wait_ = 0;
  best_epoch_ = 0;
  stopped_epoch_.reset();
  best_weights_.clear();
}

void EarlyStopping::remember(const Model& model, int epoch) {
  best_epoch_ = epoch;
  if (!options_.restore_best_weights) return;
  for (const std::string& path : model.weight_paths()) best_weights_[path] = model.weight(path);
}

void EarlyStopping::on_epoch_end(Model& model, int epoch, const Logs& logs) {
  const double value = monitored(logs);
  if (epoch < options_.start_from_epoch) return;
  // A NaN is better than nothing, too: then there are weights to go back to.
  if (options_.restore_best_weights && best_weights_.empty()) remember(model, epoch);
  ++wait_;
  if (better(value, best_)) {
    best_ = value;
    remember(model, epoch);
    if (!options_.baseline || better(value, options_.baseline)) wait_ = 0;
    return;
  }
  if (wait_ >= options_.patience && epoch > 0) {
    stopped_epoch_ = epoch;
    model.stop_training();
  }
}

void EarlyStopping::on_train_end(Model& model) {
  if (stopped_epoch_ && options_.verbose > 0) {
    say(*stopped_epoch_) << "early stopping" << std::endl;
  }
  if (best_weights_.empty()) return;
  if (options_.verbose > 0) {
    std::cout << "Restoring model weights from the end of the best epoch: " << best_epoch_ + 1
              << "." << std::endl;
  }
  for (const auto& [path, values] : best_weights_) model.set_weight(path, values);
}

CallbackState EarlyStopping::state() const {
  CallbackState state = MonitorCallback::state();
  state.values.set("wait", wait_);
  state.values.set("best_epoch", best_epoch_);
  state.values.set("stopped_epoch", stopped_epoch_ ? Json(*stopped_epoch_) : Json());
  state.tensors = best_weights_;
  return state;
}

void EarlyStopping::restore(const CallbackState& state) {
  MonitorCallback::restore(state);
  wait_ = integer(state, "wait");
  best_epoch_ = integer(state, "best_epoch");
  stopped_epoch_.reset();
  if (!state.values.at("stopped_epoch").is_null()) stopped_epoch_ = integer(state, "stopped_epoch");
  best_weights_ = state.tensors;
}

// ---- ModelCheckpoint ----

ModelCheckpoint::ModelCheckpoint(std::string path, ModelCheckpointOptions options)
    : MonitorCallback(options.monitor, options.mode, 0),
      path_(std::move(path)),
      options_(std::move(options)) {
  FOVEA_REQUIRE(!path_.empty(), invalid_argument, "ModelCheckpoint needs the path of a file");
  best_ = options_.initial_value_threshold;
}

void ModelCheckpoint::on_train_begin(Model& model, const FitPlan& plan) {
  // Only the best epochs need a metric that is monitored.
  if (options_.save_best_only) MonitorCallback::on_train_begin(model, plan);
  Logs example;
  for (const EpochMetric& metric : plan.metrics) example.emplace_back(metric.name, 0);
  fill_path_fields(path_, 0, example);
}

bool ModelCheckpoint::wanted(int epoch, const Logs& logs, const std::string& path) {
  const bool verbose = options_.verbose > 0;
  if (!options_.save_best_only) {
    if (verbose) say(epoch) << "saving model to " << path << std::endl;
    return true;
  }
  const double value = monitored(logs);
  if (!better(value, best_)) {
    if (verbose) {
      say(epoch) << monitor() << " did not improve from " << five_digits(best_) << std::endl;
    }
    return false;
  }
  if (verbose) {
    say(epoch) << monitor() << " improved from " << five_digits(best_) << " to "
               << five_digits(value) << ", saving model to " << path << std::endl;
  }
  best_ = value;
  return true;
}

void ModelCheckpoint::on_epoch_end(Model& model, int epoch, const Logs& logs) {
  const std::string path = fill_path_fields(path_, epoch + 1, logs);
  if (!wanted(epoch, logs, path)) return;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code ignored;  // where a folder cannot be made, the file cannot be written, either
  if (!folder.empty()) std::filesystem::create_directories(folder, ignored);
  if (options_.save_weights_only) {
    model.save_weights(path);
  } else {
    model.save(path);
  }
}

// ---- LearningRateScheduler ----

LearningRateScheduler::LearningRateScheduler(Function schedule,
                                             LearningRateSchedulerOptions options)
    : schedule_(std::move(schedule)), options_(options) {
  FOVEA_REQUIRE(schedule_ != nullptr, invalid_argument,
                "LearningRateScheduler needs a function of the epoch and the rate");
}

void LearningRateScheduler::on_epoch_begin(Model& model, int epoch) {
  const double rate = schedule_(epoch, model.learning_rate());
  model.set_learning_rate(rate);
  if (options_.verbose > 0) {
    say(epoch) << "LearningRateScheduler setting learning rate to " << Json(rate).to_string() << "."
               << std::endl;
  }
}

// ---- ReduceLROnPlateau ----

ReduceLROnPlateau::ReduceLROnPlateau(ReduceLROnPlateauOptions options)
    : MonitorCallback(options.monitor, options.mode, options.min_delta),
      options_(std::move(options)) {
  FOVEA_REQUIRE(options_.factor >= 0 && options_.factor < 1, invalid_argument,
                "ReduceLROnPlateau: the factor is in [0, 1), not ", options_.factor);
  require_not_negative("ReduceLROnPlateau", "patience", options_.patience);
  require_not_negative("ReduceLROnPlateau", "cooldown", options_.cooldown);
  require_not_negative("ReduceLROnPlateau", "min_lr", options_.min_lr);
}

void ReduceLROnPlateau::on_train_begin(Model& model, const FitPlan& plan) {
  MonitorCallback::on_train_begin(model, plan);
  if (plan.restored) return;
  best_.reset();
  wait_ = 0;
  cooldown_left_ = 0;
}

void ReduceLROnPlateau::on_epoch_end(Model& model, int epoch, const Logs& logs) {
  const double value = monitored(logs);
  if (cooldown_left_ > 0) {
    --cooldown_left_;
    wait_ = 0;
  }
  if (better(value, best_)) {
    best_ = value;
    wait_ = 0;
  } else if (cooldown_left_ == 0) {
    ++wait_;
    if (wait_ >= options_.patience) reduce(model, epoch);
  }
}

void ReduceLROnPlateau::reduce(Model& model, int epoch) {
  if (model.learning_rate() <= options_.min_lr) return;
  const double rate = std::max(model.learning_rate() * options_.factor, options_.min_lr);
  model.set_learning_rate(rate);
  cooldown_left_ = options_.cooldown;
  wait_ = 0;
  if (options_.verbose > 0) {
    say(epoch) << "ReduceLROnPlateau reducing learning rate to " << Json(rate).to_string() << "."
               << std::endl;
  }
}

CallbackState ReduceLROnPlateau::state() const {
  CallbackState state = MonitorCallback::state();
  state.values.set("wait", wait_);
  state.values.set("cooldown_left", cooldown_left_);
  return state;
}

void ReduceLROnPlateau::restore(const CallbackState& state) {
  MonitorCallback::restore(state);
  wait_ = integer(state, "wait");
  cooldown_left_ = integer(state, "cooldown_left");
}

// ---- LambdaCallback ----

void LambdaCallback::on_train_begin(Model& model, const FitPlan& plan) {
  if (hooks_.on_train_begin) hooks_.on_train_begin(model, plan);
}
void LambdaCallback::on_epoch_begin(Model& model, int epoch) {
  if (hooks_.on_epoch_begin) hooks_.on_epoch_begin(model, epoch);
}
void LambdaCallback::on_step_end(Model& model, int epoch, std::int64_t step, const Logs& logs) {
  if (hooks_.on_step_end) hooks_.on_step_end(model, epoch, step, logs);
}
void LambdaCallback::on_epoch_end(Model& model, int epoch, const Logs& logs) {
  if (hooks_.on_epoch_end) hooks_.on_epoch_end(model, epoch, logs);
}
void LambdaCallback::on_train_end(Model& model) {
  if (hooks_.on_train_end) hooks_.on_train_end(model);
}

}  // namespace fovea
