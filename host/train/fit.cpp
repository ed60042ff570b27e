// fit(): the loop around the steps.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>
#include <utility>

#include "host/graph/step_state.h"
#include "host/io/atomic_file.h"
#include "host/train/batch_source.h"
#include "host/train/model_impl.h"
#include "host/train/progress.h"
#include "host/train/sample_weights.h"

namespace fovea {
namespace {

using Clock = std::chrono::steady_clock;

/// Steps whose time is left out of samples_per_second, and how many rates after them it looks at.
constexpr std::int64_t kWarmUpSteps = 10;
constexpr std::size_t kRatesKept = 100'000;

/// Where steps are asynchronous, how long fit() lets them run before it looks whether they are
/// well.
constexpr std::int64_t kStepsUnchecked = 64;
constexpr double kSecondsUnchecked = 0.1;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// One call of fit().
class Fit {
 public:
  Fit(Model& model, Model::Impl& impl, const Arrays& data, const FitOptions& options)
      : model_(model),
        impl_(impl),
        options_(options),
        progress_(std::cout, ProgressOptions::for_stdout(options.verbose)) {
    split(data);
    BatchOptions batches;
    batches.batch_size = options.batch_size;
    batches.shuffle = options.shuffle;
    batches.seed = impl.options.seed;
    batches.augmentation = options.augmentation;
    samples_ = training_.inputs.front().shape()[0];
    source_ = make_batch_source(impl, training_, batches, options.data_on_device);
    steps_per_epoch_ = (samples_ - 1) / options.batch_size + 1;
    if (has_validation() && options.data_on_device) keep_validation_on_device();
  }

  ~Fit() { impl_.forget_resident_steps(); }
  Fit(const Fit&) = delete;
  Fit& operator=(const Fit&) = delete;

  History run() {
    begin();
    while (position().epoch < options_.epochs && !stopping()) {
      run_epoch();
    }
    impl_.take_weight_averages();
    history_.stopped_early = impl_.stop_requested;
    for (std::size_t e = 0; e < position().finished_epochs.size(); ++e) {
      history_.epochs.push_back(static_cast<int>(e));
      history_.logs.push_back(position().finished_epochs[e]);
    }
    history_.samples_per_second = median_rate();
    history_.streamed_because = source_->streamed_because();
    for (const auto& callback : options_.callbacks) callback->on_train_end(model_);
    return std::move(history_);
  }

 private:
  TrainingPosition& position() const { return impl_.position; }
  bool interrupted() const { return options_.interrupt != nullptr && options_.interrupt->load(); }
  bool stopping() const { return impl_.stop_requested; }
  bool has_validation() const { return !validation_.inputs.empty(); }

  void split(const Arrays& data) {
    training_ = data;
    add_sample_weights(training_, options_.sample_weight);
    if (options_.validation_data) {
      validation_ = arrays_of(*options_.validation_data);
      check_arrays(impl_.network, validation_, true);
      add_sample_weights(validation_, options_.validation_sample_weight);
    } else if (options_.validation_split != 0) {
      const Arrays all = training_;
      const std::int64_t rows = data.inputs.front().shape()[0];
      const std::int64_t at = validation_split_at(rows, options_.validation_split);
      training_ = slice(all, 0, at);
      validation_ = slice(all, at, rows);
    }
    if (!options_.class_weight.empty()) {
      add_sample_weights(training_, weights_of_classes(impl_.network, training_.targets.front(),
                                                       options_.class_weight));
    }
  }

  void keep_validation_on_device() {
    BatchOptions in_order;
    in_order.batch_size = options_.batch_size;
    in_order.shuffle = false;
    std::string reason;
    resident_validation_ = make_resident(impl_, validation_, in_order, reason);
  }

  /// What must be the same for a resumed run to compute the same numbers.
  Json fingerprint() const {
    Json json = Json::object();
    json.set("samples", samples_);
    json.set("batch_size", options_.batch_size);
    json.set("shuffle", options_.shuffle);
    json.set("augmentation", options_.augmentation.str());
    json.set("accumulate_steps", options_.accumulate_steps);
    if (options_.sample_weight.defined()) json.set("sample_weight", true);
    for (const auto& [label, weight] : options_.class_weight) {
      json.set("weight of class " + std::to_string(label), weight);
    }
    return json;
  }

  void begin() {
    impl_.stop_requested = false;
    if (position().resumed) {
      position().resumed = false;
      FOVEA_REQUIRE(position().fit == fingerprint(), invalid_argument,
                    "this run cannot go on where the checkpoint was written: it trained with ",
                    position().fit.to_string(), ", and this call of fit() says ",
                    fingerprint().to_string());
    } else {
      const std::int64_t data_epoch = position().data_epoch;
      position() = TrainingPosition{};
      position().data_epoch = data_epoch;
      position().fit = fingerprint();
    }
    if (!options_.checkpoint.path.empty()) {
      // Throws now, not after an epoch's work, where the file cannot be written.
      const AtomicFile attempt(options_.checkpoint.path);
    }
    FitPlan plan;
    plan.epochs = options_.epochs;
    plan.initial_epoch = position().epoch;
    plan.steps_per_epoch = steps_per_epoch_;
    plan.samples = samples_;
    plan.validation_samples = has_validation() ? validation_.inputs.front().shape()[0] : 0;
    begin_callbacks(plan);
    last_save_ = Clock::now();
    rates_.reserve(kRatesKept);
  }

  /// Those whose state a checkpoint held go on from it.
  void begin_callbacks(FitPlan& plan) {
    for (const MetricColumn& column : metric_columns(impl_.network, *impl_.compiled)) {
      plan.metrics.push_back({column.name, column.formula->higher_is_better});
    }
    if (has_validation()) {
      const std::size_t columns = plan.metrics.size();
      for (std::size_t m = 0; m < columns; ++m) {
        plan.metrics.push_back({"val_" + plan.metrics[m].name, plan.metrics[m].higher_is_better});
      }
    }
    if (sets_learning_rate()) plan.metrics.push_back({"learning_rate", false});
    const auto states = std::exchange(position().callbacks, {});
    const std::vector<std::string> keys = callback_keys();
    for (std::size_t c = 0; c < keys.size(); ++c) {
      const AnyCallback& callback = options_.callbacks[c];
      const auto state = states.find(keys[c]);
      plan.restored = state != states.end();
      if (plan.restored) callback->restore(state->second);
      callback->on_train_begin(model_, plan);
    }
  }

  /// What the states of the callbacks are saved under: their names, told apart by numbers; empty
  /// for those that have none.
  std::vector<std::string> callback_keys() const {
    std::vector<std::string> keys;
    std::map<std::string, int> uses;
    for (const AnyCallback& callback : options_.callbacks) {
      std::string key = callback->name();
      const int use = ++uses[key];
      if (!key.empty() && use > 1) key += "_" + std::to_string(use);
      keys.push_back(std::move(key));
    }
    return keys;
  }

  void run_epoch() {
    for (const auto& callback : options_.callbacks) {
      if (position().step == 0) callback->on_epoch_begin(model_, position().epoch);
    }
    progress_.begin_epoch(position().epoch, options_.epochs, steps_per_epoch_, position().step);
    if (position().step == 0) impl_.clear_metrics("train");
    source_->start_epoch(position().data_epoch, position().step);
    check_begin_ = Clock::now();
    while (const std::int64_t samples = source_->next()) {
      run_step(samples);
      if (stopping()) return;
    }
    finish_epoch();
  }

  void run_step(std::int64_t samples) {
    impl_.run_training_step(current_step(), current_mode());
    const std::int64_t step = position().step++;
    ++unchecked_steps_;
    unchecked_samples_ += samples;
    if (must_check(step + 1 == steps_per_epoch_)) check();
    progress_.step(step, [this] { return impl_.read_metrics("train"); });
    tell_observers(step);
    save_on_the_way();
  }

  /// Batches whose gradients the current step's update averages, had it an update.
  int in_group() const { return static_cast<int>(position().step % options_.accumulate_steps) + 1; }
  StepMode current_mode() const {
    const bool update =
        in_group() == options_.accumulate_steps || position().step + 1 == steps_per_epoch_;
    return update ? StepMode::train : StepMode::accumulate;
  }
  Execution& current_step() {
    return source_->step(current_mode(), current_mode() == StepMode::train ? in_group() : 1);
  }

  /// Before anybody is told of the steps, and every now and then.
  bool must_check(bool last) const {
    return last || impl_.device->is_host() || observed() || interrupted() || save_is_due() ||
           unchecked_steps_ >= kStepsUnchecked || seconds_since(check_begin_) >= kSecondsUnchecked;
  }

  /// Waits for the steps so far; throws for the first that was not finite.
  void check() {
    if (const std::int64_t held = impl_.held_attempt()) report(held);
    steps_run_ += unchecked_steps_;
    if (steps_run_ > kWarmUpSteps && rates_.size() < rates_.capacity()) {
      rates_.push_back(static_cast<double>(unchecked_samples_) / seconds_since(check_begin_));
    }
    unchecked_steps_ = 0;
    unchecked_samples_ = 0;
    check_begin_ = Clock::now();
  }

  [[noreturn]] void report(std::int64_t held) {
    const std::int64_t attempted = impl_.variables->read_integer(step_state::kAttempted);
    position().step -= 1 + attempted - held;
    impl_.set_back(held);
    source_->start_epoch(position().data_epoch, position().step);
    source_->next();
    impl_.report_nonfinite(current_step(), held);
  }

  bool observed() const {
    return std::any_of(options_.callbacks.begin(), options_.callbacks.end(),
                       [](const auto& callback) { return callback->observes_steps(); });
  }

  bool sets_learning_rate() const {
    return std::any_of(options_.callbacks.begin(), options_.callbacks.end(),
                       [](const auto& callback) { return callback->sets_learning_rate(); });
  }

  void tell_observers(std::int64_t step) {
    std::optional<Logs> logs;
    for (const auto& callback : options_.callbacks) {
      if (!callback->observes_steps()) continue;
      if (!logs) logs = impl_.read_metrics("train");
      callback->on_step_end(model_, position().epoch, step, *logs);
    }
  }

  void finish_epoch() {
    Logs logs = impl_.read_metrics("train");
    if (has_validation()) {
      for (const auto& [name, value] :
           impl_.evaluate(validation_, options_.batch_size, resident_validation_.get())) {
        logs.emplace_back("val_" + name, value);
      }
    }
    if (sets_learning_rate()) logs.emplace_back("learning_rate", model_.learning_rate());
    position().finished_epochs.push_back(logs);
    const int epoch = position().epoch++;
    position().step = 0;
    ++position().data_epoch;
    progress_.end_epoch(logs);
    if (const std::string problem = impl_.capture_problem(); !problem.empty()) {
      progress_.remark(
          "Steps run kernel by kernel: they could not be captured as one graph, since " + problem);
    }
    for (const auto& callback : options_.callbacks) callback->on_epoch_end(model_, epoch, logs);
    if (!options_.checkpoint.path.empty()) save();
  }

  void save_on_the_way() {
    const CheckpointOptions& checkpoint = options_.checkpoint;
    if (interrupted()) {
      if (!checkpoint.path.empty()) save();
      fail(ErrorCode::interrupted, "training was interrupted after step ", position().step,
           " of epoch ", position().epoch + 1,
           checkpoint.path.empty() ? "" : "; resume it from " + checkpoint.path);
    }
    if (save_is_due()) save();
  }

  bool save_is_due() const {
    const CheckpointOptions& checkpoint = options_.checkpoint;
    if (checkpoint.path.empty()) return false;
    const bool steps_over =
        checkpoint.every_steps > 0 && position().step % checkpoint.every_steps == 0;
    return steps_over || (checkpoint.every_minutes > 0 &&
                          seconds_since(last_save_) >= 60 * checkpoint.every_minutes);
  }

  void save() {
    const std::vector<std::string> keys = callback_keys();
    for (std::size_t c = 0; c < keys.size(); ++c) {
      if (!keys[c].empty()) position().callbacks[keys[c]] = options_.callbacks[c]->state();
    }
    write_checkpoint(impl_, options_.checkpoint.path);
    position().callbacks.clear();
    last_save_ = Clock::now();
  }

  double median_rate() {
    if (rates_.empty()) return 0;
    const auto middle = rates_.begin() + static_cast<std::ptrdiff_t>(rates_.size() / 2);
    std::nth_element(rates_.begin(), middle, rates_.end());
    return *middle;
  }

  Model& model_;
  Model::Impl& impl_;
  const FitOptions& options_;
  Arrays training_;
  Arrays validation_;
  std::unique_ptr<ResidentData> resident_validation_;
  std::unique_ptr<BatchSource> source_;
  std::int64_t samples_ = 0;
  std::int64_t steps_per_epoch_ = 0;
  ProgressBar progress_;
  History history_;
  std::vector<double> rates_;
  std::int64_t steps_run_ = 0;
  std::int64_t unchecked_steps_ = 0;
  std::int64_t unchecked_samples_ = 0;
  Clock::time_point check_begin_;
  Clock::time_point last_save_;
};

}  // namespace

History Model::fit(const Arrays& data, const FitOptions& options) {
  impl_->require_compiled("fit()");
  check_arrays(impl_->network, data, true);
  FOVEA_REQUIRE(options.epochs >= 0, invalid_argument, "epochs are >= 0, not ", options.epochs);
  FOVEA_REQUIRE(options.accumulate_steps >= 1, invalid_argument,
                "accumulate_steps is at least 1, not ", options.accumulate_steps);
  FOVEA_REQUIRE(options.verbose >= 0 && options.verbose <= 2, invalid_argument,
                "verbose is 0 (silent), 1 (progress bar) or 2 (a line per epoch), not ",
                options.verbose);
  FOVEA_REQUIRE(!options.sample_weight.defined() || options.class_weight.empty(), invalid_argument,
                "give fit() either sample_weight or class_weight, not both");
  FOVEA_REQUIRE(!options.validation_sample_weight.defined() || options.validation_data,
                invalid_argument,
                "validation_sample_weight needs validation_data; a validation_split takes its part "
                "of sample_weight");
  return Fit(*this, *impl_, data, options).run();
}

History Model::fit(const Dataset& data, const FitOptions& options) {
  return fit(arrays_of(data), options);
}

}  // namespace fovea
