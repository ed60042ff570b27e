// What a Model holds: shared by model.cpp, fit.cpp and checkpoint.cpp.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fovea/model.h"
#include "host/graph/execution.h"
#include "host/train/step_graph.h"

namespace fovea {

/// Where fit() stands, so that a checkpoint can be taken up. Epochs of earlier fit() calls count in
/// `data_epoch`, which keys shuffling and augmentation, but not in `epoch`.
struct TrainingPosition {
  int epoch = 0;
  std::int64_t step = 0;  ///< batches done in this epoch
  std::int64_t data_epoch = 0;
  std::vector<Logs> finished_epochs;
  std::map<std::string, CallbackState> callbacks;  ///< only while they are saved or restored
  Json fit;              ///< the options that decide what a resumed run computes
  bool resumed = false;  ///< the next fit() starts here
};

/// What ModelOptions::precision says.
struct Precision {
  DType dtype = DType::f32;  ///< of parameters, statistics and losses
  DType low = DType::f32;    ///< see StepSpec
  bool allow_tf32 = false;
};

class ProgressBar;
class ResidentData;

struct Model::Impl {
  Impl(Network net, ModelOptions opts);

  Network network;
  ModelOptions options;
  std::shared_ptr<Device> device;
  Precision precision;
  DType dtype;
  int threads;
  std::shared_ptr<Stream> stream;  ///< of everything but predict()
  std::optional<CompileOptions> compiled;
  std::set<std::string> frozen_layers;
  std::unique_ptr<Variables> variables;
  std::vector<bool> takes_u8;  ///< one per input
  TrainingPosition position;
  std::optional<double> learning_rate;  ///< instead of the optimizer's
  bool stop_requested = false;
  std::shared_ptr<Autotuner> autotuner;  ///< null: not wanted

  bool frozen(const std::string& path) const;
  const CompileOptions& require_compiled(const char* what) const;

  /// How this model's plans are made.
  PlanOptions plan_options() const;
  /// Plans are cached by everything they depend on. Makes missing variables, too.
  std::shared_ptr<const Plan> plan(const StepSpec& spec);
  /// The one execution of a plan that shares the main arena; not for predict().
  Execution& execution(const StepSpec& spec);
  std::string capture_problem() const;
  void forget_plans();

  /// Converted to what the network takes; shares memory where nothing changes. `prepared` is
  /// reused.
  void prepare(const std::vector<Tensor>& inputs, const std::vector<Tensor>& targets,
               std::vector<Tensor>& prepared_inputs, std::vector<Tensor>& prepared_targets) const;
  std::vector<Tensor> prepare_inputs(const std::vector<Tensor>& inputs) const;
  /// A spec for batches of these tensors.
  StepSpec spec(StepMode mode, const std::vector<Tensor>& inputs,
                const std::vector<Tensor>& targets) const;
  static void bind(Execution& execution, const Network& network, const std::vector<Tensor>& inputs,
                   const std::vector<Tensor>& targets);

  /// Writes upcoming learning rates where the device's table does not have them yet.
  void refresh_rates();
  /// The training step for a batch as the user gave it, bound to it. Allocates nothing once it has
  /// seen a batch of these shapes that needs no conversion.
  Execution& training_step(const std::vector<Tensor>& inputs, const std::vector<Tensor>& targets,
                           StepMode mode, int accumulated);
  /// A step that gathers its batch of `count` samples out of `data`.
  Execution& resident_step(const ResidentData& data, StepMode mode, std::int64_t count,
                           int accumulated);
  /// After a step over other data: theirs begins, as they count, a step later.
  void skip_in_resident_data();
  /// Lets go of the data that those steps are bound to.
  void forget_resident_steps();
  /// Enqueues a training step.
  void run_training_step(Execution& training, StepMode mode);
  /// Waits for the steps so far. Returns the attempt at which training is held, since its loss or
  /// gradients were not finite, or 0. Attempts after it changed nothing.
  std::int64_t held_attempt();
  /// Sets the counter of steps back to before that attempt.
  void set_back(std::int64_t attempt);
  /// After set_back(attempt): looks for the first value that is not finite in `training`, to which
  /// the attempt's batch is bound, and throws numeric, naming the layer.
  [[noreturn]] void report_nonfinite(Execution& training, std::int64_t attempt);
  /// How an input comes in examples: as bytes where the network takes them.
  ValueType example_input(std::size_t index, std::int64_t batch_size) const;
  /// The target that an output's loss wants. For a compiled model.
  ValueType example_target(std::size_t index, std::int64_t batch_size) const;
  /// The execution of a training step or a prediction for a batch of this size, with random
  /// pictures and zeros as targets bound.
  Execution& example_step(std::int64_t batch_size, ProfileMode mode);
  /// Other parameters are trained from now on: the next step is made anew.
  void forget_training_steps();
  /// Averages of the weights begin anew with the next update.
  void restart_weight_averages();
  /// Where the optimizer keeps averages of the weights, they become the weights.
  void take_weight_averages();
  void clear_metrics(const std::string& phase);
  Logs read_metrics(const std::string& phase) const;
  /// `resident`: the same data in device memory, or null. `progress`: shows the steps, or null.
  Logs evaluate(const Arrays& data, std::int64_t batch_size, const ResidentData* resident = nullptr,
                ProgressBar* progress = nullptr);

  /// Steps since the rate table was written, kept on the host so that steps need no read-back.
  std::int64_t applied = 0;
  std::int64_t rate_table_start = -1;

  /// What one thread of predict() uses: executions over an arena of its own.
  struct Lane {
    std::shared_ptr<Arena> arena;
    std::map<const Plan*, std::unique_ptr<Execution>> executions;
  };
  SelfCheckReport selfcheck(const Model& model, const std::string& wanted,
                            const SelfCheckOptions& settings) const;
  std::unique_ptr<Lane> take_lane();
  void give_back(std::unique_ptr<Lane> lane);

 private:
  /// A training execution found again by what fit() has at hand.
  struct TrainingStep {
    StepMode mode;
    int accumulated;
    std::vector<ValueType> types;  ///< inputs, then targets
    Execution* execution;
  };
  struct ResidentStep {
    const ResidentData* data;
    StepMode mode;
    std::int64_t count;
    int accumulated;
    std::string key;  ///< of executions_
    Execution* execution;
  };
  Execution& training_execution(StepMode mode, int accumulated);
  std::string plan_key(const StepSpec& spec) const;

  std::vector<Tensor> inputs_;   ///< the current training batch, converted
  std::vector<Tensor> targets_;  ///< likewise
  std::vector<TrainingStep> training_steps_;
  std::vector<ResidentStep> resident_steps_;
  std::shared_ptr<Arena> arena_;
  std::mutex plans_mutex_;
  std::map<std::string, std::shared_ptr<const Plan>> plans_;
  std::map<std::string, std::unique_ptr<Execution>> executions_;

  std::mutex lanes_mutex_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

/// Bytes in 0 .. 255 or floating numbers in [0, 1), at random; other types stay 0.
Tensor random_batch(const ValueType& type);

/// The data of a set as arrays; checks it.
Arrays arrays_of(const Dataset& data);

/// Samples [first, last), sharing memory.
Arrays slice(const Arrays& data, std::int64_t first, std::int64_t last);

/// Throws unless inputs and targets fit the network and each other.
void check_arrays(const Network& network, const Arrays& data, bool with_targets);

/// Writes model and training position; atomic, see Model::save.
void write_checkpoint(const Model::Impl& impl, const std::string& path);

}  // namespace fovea
