// Callbacks: what happens between the steps of fit().
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "fovea/export.h"
#include "fovea/json.h"

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

/// What fit() is about to do, for callbacks.
struct FitPlan {
  int epochs = 0;
  int initial_epoch = 0;
  std::int64_t steps_per_epoch = 0;
  std::int64_t samples = 0;
  std::int64_t validation_samples = 0;
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
  /// Whether on_step_end wants to be called: its metrics are read from the device in every step.
  virtual bool observes_steps() const { return true; }
  virtual void on_train_end(Model& model);
  /// Saved in checkpoints under `name`, so that a resumed run goes on as if never interrupted.
  virtual std::string name() const { return {}; }
  virtual Json state() const { return {}; }
  virtual void restore(const Json& state);
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
