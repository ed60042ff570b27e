// Looking into a model's steps: memory and time.
#include "fovea/detail/philox.h"
#include "host/ops/cost.h"
#include "host/train/model_impl.h"

namespace fovea {
namespace {

ProfileStep profile_of(const PlanStep& step, double milliseconds) {
  const Cost cost = cost_of(*step.op, step.input_types, step.output_types);
  return {step.path,          std::string(step.op->name()),
          step.kernel_name(), step.input_types,
          step.output_types,  {1, milliseconds, cost.bytes, cost.flops}};
}

}  // namespace

Tensor random_batch(const ValueType& type) {
  Tensor batch = Tensor::zeros(type.shape, type.dtype);
  for (std::int64_t i = 0; i < batch.numel(); ++i) {
    const std::uint32_t word = detail::philox4x32(0, 0, static_cast<std::uint64_t>(i)).word[0];
    const double value = detail::uniform01(word);
    if (type.dtype == DType::u8) {
      batch.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(word >> 24);
    }
    if (type.dtype == DType::f32) batch.data<float>()[i] = static_cast<float>(value);
    if (type.dtype == DType::f64) batch.data<double>()[i] = value;
  }
  return batch;
}

ValueType Model::Impl::example_input(std::size_t index, std::int64_t batch_size) const {
  const InputSpec& input = network.inputs()[index];
  const DType type = takes_u8[index] ? DType::u8 : is_floating(input.dtype) ? dtype : input.dtype;
  return {input.shape.prepend(batch_size), type};
}

ValueType Model::Impl::example_target(std::size_t index, std::int64_t batch_size) const {
  const Loss loss = output_loss(network, *compiled, index).loss;
  return target_type(loss, {network.outputs()[index].shape.prepend(batch_size), dtype});
}

Execution& Model::Impl::example_step(std::int64_t batch_size, ProfileMode mode) {
  FOVEA_REQUIRE(batch_size >= 1, invalid_argument, "the batch size is at least 1, not ",
                batch_size);
  inputs_.clear();
  targets_.clear();
  for (std::size_t i = 0; i < network.inputs().size(); ++i) {
    inputs_.push_back(random_batch(example_input(i, batch_size)));
  }
  if (mode == ProfileMode::infer) {
    Execution& prediction = execution(spec(StepMode::predict, inputs_, {}));
    bind(prediction, network, inputs_, {});
    return prediction;
  }
  for (std::size_t o = 0; o < network.outputs().size(); ++o) {
    const ValueType type = example_target(o, batch_size);
    targets_.push_back(Tensor::zeros(type.shape, type.dtype));
  }
  Execution& step = training_execution(StepMode::train, 1);
  refresh_rates();
  bind(step, network, inputs_, targets_);
  return step;
}

Model::MemoryReport Model::training_memory(std::int64_t batch_size) {
  impl_->require_compiled("training_memory()");
  const Plan& plan = impl_->example_step(batch_size, ProfileMode::train).plan();
  return {plan.arena_bytes(), plan.naive_bytes()};
}

Profile Model::profile(std::int64_t batch_size, ProfileMode mode, int repeats) {
  if (mode == ProfileMode::train) impl_->require_compiled("a profile of training");
  FOVEA_REQUIRE(repeats >= 1, invalid_argument, "repeats are at least 1, not ", repeats);
  Execution& step = impl_->example_step(batch_size, mode);
  // What is timed has its effects: the updates, the running statistics, the counters.
  std::vector<std::pair<std::string, Tensor>> saved;
  for (const Variables::Entry& entry : impl_->variables->entries()) {
    saved.emplace_back(entry.path, impl_->variables->read(entry.path));
  }
  const auto restore = [&] {
    for (const auto& [path, values] : saved) impl_->variables->write(path, values);
  };
  std::vector<double> times;
  try {
    times = step.profile(repeats);
  } catch (...) {
    restore();
    throw;
  }
  restore();
  Profile profile{device_name(), impl_->options.precision, mode, batch_size, repeats, {}, {}};
  for (std::size_t s = 0; s < times.size(); ++s) {
    profile.steps.push_back(profile_of(step.plan().steps()[s], times[s]));
  }
  return profile;
}

}  // namespace fovea
