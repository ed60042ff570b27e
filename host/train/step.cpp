// One training step at a time: its execution, its learning rate, its metrics, and what is done
// about one that is not finite.
#include <algorithm>
#include <cmath>

#include "host/graph/step_state.h"
#include "host/train/batch_source.h"
#include "host/train/model_impl.h"
#include "host/train/sample_weights.h"

namespace fovea {

void Model::Impl::refresh_rates() {
  if (rate_table_start >= 0 && applied >= rate_table_start &&
      applied < rate_table_start + kRateTableSize) {
    return;
  }
  applied = variables->read_integer(step_state::kApplied);
  // At a multiple of its size, so that a resumed run has the same table as one left alone.
  rate_table_start = applied - applied % kRateTableSize;
  const Schedule schedule =
      learning_rate ? *learning_rate : compiled->optimizer.pointer()->learning_rate();
  Tensor table({kRateTableSize}, DType::f32);
  for (std::int64_t i = 0; i < kRateTableSize; ++i) {
    table.data<float>()[i] = static_cast<float>(schedule.at(rate_table_start + i));
  }
  variables->write(step_state::kRateTable, table);
  variables->write_integer(step_state::kRateTableStart, rate_table_start);
}

double Model::learning_rate() const {
  const CompileOptions& compile = impl_->require_compiled("learning_rate()");
  if (impl_->learning_rate) return *impl_->learning_rate;
  const bool begun = impl_->variables->contains(step_state::kApplied);
  return compile.optimizer.pointer()->learning_rate().at(
      begun ? impl_->variables->read_integer(step_state::kApplied) : 0);
}

void Model::set_learning_rate(double rate) {
  const CompileOptions& compile = impl_->require_compiled("set_learning_rate()");
  FOVEA_REQUIRE(std::isfinite(rate) && rate >= 0, invalid_argument,
                "a learning rate is a finite number >= 0, not ", rate);
  FOVEA_REQUIRE(compile.optimizer.pointer()->learning_rate().is_constant(), invalid_argument,
                "the optimizer's learning rate follows a schedule, which a rate of its own would "
                "end; compile with one number to set it later");
  impl_->learning_rate = rate;
  impl_->rate_table_start = -1;
}

Execution& Model::Impl::training_execution(StepMode mode, int accumulated) {
  const auto matches = [&](const TrainingStep& step) {
    if (step.mode != mode || step.accumulated != accumulated) return false;
    // Targets of the same types may have sample weights behind them, or not.
    if (step.types.size() != inputs_.size() + targets_.size()) return false;
    std::size_t t = 0;
    for (const std::vector<Tensor>* tensors : {&inputs_, &targets_}) {
      for (const Tensor& tensor : *tensors) {
        const ValueType& type = step.types[t++];
        if (!(type.shape == tensor.shape()) || type.dtype != tensor.dtype()) return false;
      }
    }
    return true;
  };
  const auto found = std::find_if(training_steps_.begin(), training_steps_.end(), matches);
  if (found != training_steps_.end()) return *found->execution;
  StepSpec step = spec(mode, inputs_, targets_);
  step.accumulated = accumulated;
  std::vector<ValueType> types = step.inputs;
  types.insert(types.end(), step.targets.begin(), step.targets.end());
  training_steps_.push_back({mode, accumulated, std::move(types), &execution(step)});
  return *training_steps_.back().execution;
}

Execution& Model::Impl::training_step(const std::vector<Tensor>& inputs,
                                      const std::vector<Tensor>& targets, StepMode mode,
                                      int accumulated) {
  prepare(inputs, targets, inputs_, targets_);
  Execution& training = training_execution(mode, accumulated);
  bind(training, network, inputs_, targets_);
  return training;
}

Execution& Model::Impl::resident_step(const ResidentData& data, StepMode mode, std::int64_t count,
                                      int accumulated) {
  const auto matches = [&](const ResidentStep& step) {
    return step.data == &data && step.mode == mode && step.count == count &&
           step.accumulated == accumulated;
  };
  const auto found = std::find_if(resident_steps_.begin(), resident_steps_.end(), matches);
  if (found != resident_steps_.end()) return *found->execution;
  StepSpec step = spec(mode, {}, {});
  step.accumulated = accumulated;
  step.resident = data.batch();
  step.inputs = {{data.batch().pictures.shape.drop_front().prepend(count), DType::u8}};
  step.targets = {{{count}, DType::i32}};
  Execution& result = execution(step);
  const std::vector<Plan::Named>& inputs = result.plan().inputs();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    result.bind_device_input(i,
                             inputs[i].name == kResidentPictures ? data.pictures() : data.labels());
  }
  resident_steps_.push_back({&data, mode, count, accumulated, plan_key(step), &result});
  return result;
}

void Model::Impl::skip_in_resident_data() {
  if (resident_steps_.empty()) return;
  variables->write_integer(step_state::kDataStart,
                           variables->read_integer(step_state::kDataStart) + 1);
}

void Model::Impl::forget_resident_steps() {
  for (const ResidentStep& step : resident_steps_) executions_.erase(step.key);
  resident_steps_.clear();
}

void Model::Impl::run_training_step(Execution& training, StepMode mode) {
  refresh_rates();
  training.run();
  if (mode == StepMode::train) ++applied;  // unless it is held, which held_attempt() finds
}

std::int64_t Model::Impl::held_attempt() {
  if (precision.low != DType::f16) return variables->read_integer(step_state::kHeldAt);
  // Steps that are not finite are how f16 finds its loss scale, until nothing is left of it.
  constexpr double kSmallestLossScale = 1;
  if (!variables->contains(step_state::kLossScale) ||
      variables->read(step_state::kLossScale).item() >= kSmallestLossScale) {
    return 0;
  }
  return variables->read_integer(step_state::kAttempted);
}

void Model::Impl::set_back(std::int64_t attempt) {
  variables->write_integer(step_state::kAttempted, attempt - 1);
  if (variables->contains(step_state::kHeldAt)) variables->write_integer(step_state::kHeldAt, 0);
}

void Model::Impl::report_nonfinite(Execution& training, std::int64_t attempt) {
  const std::string culprit = training.find_nonfinite();
  set_back(attempt);
  rate_table_start = -1;  // `applied` has run ahead
  fail(ErrorCode::numeric, "step ", attempt,
       " gave a loss or gradient that is not finite and was not applied; the first NaN or infinity "
       "comes from ",
       culprit.empty() ? "the sum of the squared gradients" : culprit,
       "; look for NaN in the data, lower the learning rate or clip gradients");
}

void Model::Impl::clear_metrics(const std::string& phase) {
  for (const MetricColumn& column : metric_columns(network, *compiled)) {
    for (std::size_t t = 0; t < column.terms().size(); ++t) {
      for (const std::string& path :
           {metric_sum_path(phase, column, t), metric_count_path(phase, column, t)}) {
        if (!variables->contains(path)) continue;
        const ValueType& type = variables->at(path).type;
        variables->write(path, Tensor::zeros(type.shape, type.dtype));
      }
    }
  }
}

Logs Model::Impl::read_metrics(const std::string& phase) const {
  Logs logs;
  for (const MetricColumn& column : metric_columns(network, *compiled)) {
    std::vector<Tensor> totals;
    for (std::size_t t = 0; t < column.terms().size(); ++t) {
      totals.push_back(variables->read(metric_sum_path(phase, column, t)));
    }
    if (totals.size() == 1) totals.push_back(variables->read(metric_count_path(phase, column, 0)));
    logs.emplace_back(column.name, column.formula->finish(totals));
  }
  return logs;
}

Logs Model::train_on_batch(const std::vector<Tensor>& inputs, const std::vector<Tensor>& targets,
                           const Tensor& sample_weight) {
  impl_->require_compiled("train_on_batch()");
  Arrays batch{inputs, targets};
  check_arrays(impl_->network, batch, true);
  add_sample_weights(batch, sample_weight);
  Execution& step = impl_->training_step(batch.inputs, batch.targets, StepMode::train, 1);
  impl_->run_training_step(step, StepMode::train);
  if (const std::int64_t held = impl_->held_attempt()) {
    impl_->set_back(held);
    impl_->report_nonfinite(step, held);
  }
  Logs logs;
  std::size_t output = 0;
  for (const MetricColumn& column : metric_columns(impl_->network, *impl_->compiled)) {
    std::vector<Tensor> totals;
    for (std::size_t t = 0; t < column.terms().size(); ++t) {
      totals.push_back(step.output(output++));
    }
    if (totals.size() == 1) totals.push_back(Tensor::full({}, 1));  // the output is a mean
    logs.emplace_back(column.name, column.formula->finish(totals));
  }
  impl_->skip_in_resident_data();
  return logs;
}

}  // namespace fovea
