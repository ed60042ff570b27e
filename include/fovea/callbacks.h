// The callbacks of fit(), with Keras's names and defaults.
//
//   model.fit(train, {.epochs = 30,
//                     .validation_split = 0.25,
//                     .callbacks = {EarlyStopping({.patience = 10}),
//                                   ModelCheckpoint("best.safetensors",
//                                                   {.verbose = 1, .save_best_only = true})}});
//
// Given by value, fit() works on a copy; to ask a callback afterwards, such as for its best epoch,
// keep a std::make_shared<EarlyStopping>(...) and give that. With verbose = 1 they say on standard
// output what they do. Each saves its state in the checkpoints of FitOptions::checkpoint, so that a
// resumed run goes on as if never interrupted.
//
// There is no TerminateOnNaN: fit() never applies a step that is not finite and throws `numeric`,
// naming the layer.
#pragma once

#include <cstdint>
#include <functional>
#include <ios>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "fovea/callback.h"
#include "fovea/tensor.h"

namespace fovea {

/// What callbacks share that watch a metric of the epochs' logs. on_train_begin throws
/// invalid_argument, listing the metrics, where it does not exist.
class FOVEA_API MonitorCallback : public Callback {
 public:
  void on_train_begin(Model& model, const FitPlan& plan) override;
  CallbackState state() const override;
  void restore(const CallbackState& state) override;

  /// The best value so far.
  std::optional<double> best() const { return best_; }

 protected:
  /// `mode` is "min" or "max", or "auto": what is better for this metric. A value is better than
  /// another by more than |min_delta|. Throws invalid_argument for another mode.
  MonitorCallback(std::string monitor, std::string mode, double min_delta);
  double monitored(const Logs& logs) const { return logs.at(monitor_); }
  bool better(double value, std::optional<double> reference) const;
  const std::string& monitor() const { return monitor_; }

  std::optional<double> best_;

 private:
  std::string monitor_;
  std::string mode_;
  double min_delta_;
  bool higher_is_better_ = false;
};

struct EarlyStoppingOptions {
  std::string monitor = "val_loss";
  double min_delta = 0;
  int patience = 0;  ///< epochs without improvement after which training stops
  int verbose = 0;
  std::string mode = "auto";
  std::optional<double> baseline = {};  ///< only what is better than this resets the patience
  bool restore_best_weights = false;    ///< when training ends, stopped early or not
  int start_from_epoch = 0;             ///< epochs before it are not looked at
};

/// Stops training when a metric no longer improves. As in Keras, never after the first epoch.
class FOVEA_API EarlyStopping final : public MonitorCallback {
 public:
  /// Throws invalid_argument for a negative patience or start_from_epoch, or an unknown mode.
  explicit EarlyStopping(EarlyStoppingOptions options = {});
  void on_train_begin(Model& model, const FitPlan& plan) override;
  void on_epoch_end(Model& model, int epoch, const Logs& logs) override;
  void on_train_end(Model& model) override;
  bool observes_steps() const override { return false; }
  std::string name() const override { return "early_stopping"; }
  CallbackState state() const override;
  void restore(const CallbackState& state) override;

  int best_epoch() const { return best_epoch_; }  ///< counts from 0
  /// The epoch, from 0, after which it stopped the training; nothing if it did not.
  std::optional<int> stopped_epoch() const { return stopped_epoch_; }

 private:
  void remember(const Model& model, int epoch);

  EarlyStoppingOptions options_;
  int wait_ = 0;
  int best_epoch_ = 0;
  std::optional<int> stopped_epoch_;
  std::map<std::string, Tensor> best_weights_;
};

struct ModelCheckpointOptions {
  std::string monitor = "val_loss";
  int verbose = 0;
  bool save_best_only = false;
  bool save_weights_only = false;  ///< Model::save_weights() instead of save()
  std::string mode = "auto";
  /// With save_best_only, a file is written only for what is better than this.
  std::optional<double> initial_value_threshold = {};
};

/// Saves the model after each epoch, or after each that was the best so far. The path may have
/// fields, filled in from the epoch (from 1) and the epoch's metrics, in the notation of Python:
/// "{epoch:02d}-{val_loss:.4f}.safetensors"; folders are made as needed. What was best stays
/// remembered from one fit() to the next. Files of whole models hold no state of other callbacks:
/// to take up an interrupted run use FitOptions::checkpoint.
class FOVEA_API ModelCheckpoint final : public MonitorCallback {
 public:
  /// Throws invalid_argument for an empty path or an unknown mode.
  explicit ModelCheckpoint(std::string path, ModelCheckpointOptions options = {});
  /// Throws invalid_argument, besides for an unknown metric to monitor, for one in the path,
  /// listing the metrics, or a field that does not end or has no such format.
  void on_train_begin(Model& model, const FitPlan& plan) override;
  void on_epoch_end(Model& model, int epoch, const Logs& logs) override;
  bool observes_steps() const override { return false; }
  std::string name() const override { return "model_checkpoint"; }

 private:
  /// Whether this epoch is saved; says so.
  bool wanted(int epoch, const Logs& logs, const std::string& path);

  std::string path_;
  ModelCheckpointOptions options_;
};

struct LearningRateSchedulerOptions {
  int verbose = 0;
};

/// Sets the rate of each epoch, counted from 0, from a function of the epoch and the rate so far.
class FOVEA_API LearningRateScheduler final : public Callback {
 public:
  using Function = std::function<double(int epoch, double rate)>;
  /// Throws invalid_argument for no function.
  explicit LearningRateScheduler(Function schedule, LearningRateSchedulerOptions options = {});
  void on_epoch_begin(Model& model, int epoch) override;
  bool observes_steps() const override { return false; }
  bool sets_learning_rate() const override { return true; }

 private:
  Function schedule_;
  LearningRateSchedulerOptions options_;
};

struct ReduceLROnPlateauOptions {
  std::string monitor = "val_loss";
  double factor = 0.1;
  int patience = 10;  ///< epochs without improvement after which the rate is reduced
  int verbose = 0;
  std::string mode = "auto";
  double min_delta = 1e-4;
  int cooldown = 0;   ///< epochs after a reduction that do not count
  double min_lr = 0;  ///< no rate below it
};

/// Multiplies the rate by a factor when a metric no longer improves.
class FOVEA_API ReduceLROnPlateau final : public MonitorCallback {
 public:
  /// Throws invalid_argument unless 0 <= factor < 1, patience, cooldown and min_lr are >= 0, and
  /// the mode is known.
  explicit ReduceLROnPlateau(ReduceLROnPlateauOptions options = {});
  void on_train_begin(Model& model, const FitPlan& plan) override;
  void on_epoch_end(Model& model, int epoch, const Logs& logs) override;
  bool observes_steps() const override { return false; }
  bool sets_learning_rate() const override { return true; }
  std::string name() const override { return "reduce_lr_on_plateau"; }
  CallbackState state() const override;
  void restore(const CallbackState& state) override;

 private:
  void reduce(Model& model, int epoch);

  ReduceLROnPlateauOptions options_;
  int wait_ = 0;
  int cooldown_left_ = 0;
};

struct CSVLoggerOptions {
  std::string separator = ",";
  bool append = false;  ///< to a file that exists, without a second header
};

/// Writes a line per epoch: its number from 0, and its metrics, sorted by name. Without validation
/// there are no columns val_... (Keras writes some with "NA"). A resumed run leaves out what was
/// written after the checkpoint that it goes on from.
class FOVEA_API CSVLogger final : public Callback {
 public:
  /// Throws invalid_argument for an empty separator.
  explicit CSVLogger(std::string path, CSVLoggerOptions options = {});
  /// Throws io, as on_epoch_end, where the file cannot be written.
  void on_train_begin(Model& model, const FitPlan& plan) override;
  void on_epoch_end(Model& model, int epoch, const Logs& logs) override;
  bool observes_steps() const override { return false; }
  std::string name() const override { return "csv_logger"; }
  CallbackState state() const override;
  void restore(const CallbackState& state) override;

 private:
  std::int64_t size() const;  // of the file; 0 where there is none
  void write(const std::string& text, std::ios::openmode mode) const;

  std::string path_;
  CSVLoggerOptions options_;
};

/// Functions for any of a callback's hooks:
///   LambdaCallback({.on_epoch_end = [](Model&, int epoch, const Logs& logs) { ... }})
struct LambdaHooks {
  std::function<void(Model&, const FitPlan&)> on_train_begin = {};
  std::function<void(Model&, int epoch)> on_epoch_begin = {};
  std::function<void(Model&, int epoch, std::int64_t step, const Logs&)> on_step_end = {};
  std::function<void(Model&, int epoch, const Logs&)> on_epoch_end = {};
  std::function<void(Model&)> on_train_end = {};
};

class FOVEA_API LambdaCallback final : public Callback {
 public:
  explicit LambdaCallback(LambdaHooks hooks) : hooks_(std::move(hooks)) {}
  void on_train_begin(Model& model, const FitPlan& plan) override;
  void on_epoch_begin(Model& model, int epoch) override;
  void on_step_end(Model& model, int epoch, std::int64_t step, const Logs& logs) override;
  void on_epoch_end(Model& model, int epoch, const Logs& logs) override;
  void on_train_end(Model& model) override;
  bool observes_steps() const override { return hooks_.on_step_end != nullptr; }

 private:
  LambdaHooks hooks_;
};

}  // namespace fovea
