// Callbacks: what happens between the steps of fit().
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fovea/export.h"
#include "fovea/json.h"
#include "fovea/tensor.h"

namespace fovea {

class Model;

/// Metrics by name, in the order in which they are shown: loss, accuracy, val_loss, val_accuracy.
struct FOVEA_API Logs : std::vector<std::pair<std::string, double>> {
  using vector::vector;
  /// Throws invalid_argument, listing the metrics, for an unknown name.
  double at(const std::string& name) const;
};

/// Null when there is none of that name.
FOVEA_API const double* find_log(const Logs& logs, const std::string& name);

/// A metric that the logs of each epoch will have.
struct EpochMetric {
  std::string name;  ///< "accuracy", "val_loss"
  bool higher_is_better = false;
};

/// What fit() is about to do, for callbacks.
struct FitPlan {
  int epochs = 0;
  int initial_epoch = 0;
  std::int64_t steps_per_epoch = 0;
  std::int64_t samples = 0;
  std::int64_t validation_samples = 0;
  std::vector<EpochMetric> metrics{};
  /// Whether the callback was just given its state of an interrupted run, which it continues.
  bool restored = false;
};

/// What a callback remembers from epoch to epoch.
struct CallbackState {
  Json values;
  std::map<std::string, Tensor> tensors{};  ///< what is too large for text, by names of its own
};

/// All of them are optional. A callback may call model.stop_training().
class FOVEA_API Callback {
 public:
  virtual ~Callback();
  virtual void on_train_begin(Model& model, const FitPlan& plan);
  virtual void on_epoch_begin(Model& model, int epoch);
  /// `logs` are the running averages of the epoch; `step` counts from 0 within it.
  virtual void on_step_end(Model& model, int epoch, std::int64_t step, const Logs& logs);
  virtual void on_epoch_end(Model& model, int epoch, const Logs& logs);
  virtual void on_train_end(Model& model);
  /// Whether on_step_end wants to be called: its metrics are read from the device in every step.
  virtual bool observes_steps() const { return true; }
  /// Whether it calls model.set_learning_rate(): then the rate joins each epoch's logs.
  virtual bool sets_learning_rate() const { return false; }
  /// With a name, its state is saved in the checkpoints of FitOptions::checkpoint, and restored
  /// before on_train_begin, so that a resumed run goes on as if never interrupted.
  virtual std::string name() const { return {}; }
  virtual CallbackState state() const { return {}; }
  virtual void restore(const CallbackState& state);
};

/// Any callback, by value or by pointer: {EarlyStopping({.patience = 3}),
/// std::make_shared<Mine>()}.
class AnyCallback {
 public:
  template <std::derived_from<Callback> T>
  AnyCallback(T callback) : pointer_(std::make_shared<T>(std::move(callback))) {}  // NOLINT
  template <std::derived_from<Callback> T>
  AnyCallback(std::shared_ptr<T> pointer) : pointer_(std::move(pointer)) {}  // NOLINT
  Callback* operator->() const { return pointer_.get(); }
  const std::shared_ptr<Callback>& pointer() const { return pointer_; }

 private:
  std::shared_ptr<Callback> pointer_;
};

/// One row per epoch: what fit() returns.
struct FOVEA_API History {
  std::vector<int> epochs;
  std::vector<Logs> logs;  ///< one per epoch
  /// Median of images per second over the steps of this call, the first ten steps left out; 0 if
  /// there were fewer.
  double samples_per_second = 0;
  bool stopped_early = false;
  /// Why batches were prepared on the host and uploaded; empty where the data set lay in the
  /// device's memory (see FitOptions::data_on_device).
  std::string streamed_because;
  /// A metric's value in every epoch; throws invalid_argument, listing the metrics, for an unknown
  /// name.
  std::vector<double> metric(const std::string& name) const;
};

}  // namespace fovea
