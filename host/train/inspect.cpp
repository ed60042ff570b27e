// Looking into a model's training step: memory and time.
#include <cstdio>

#include "host/train/model_impl.h"

namespace fovea {

Execution& Model::Impl::example_training_step(std::int64_t batch_size) {
  FOVEA_REQUIRE(batch_size >= 1, invalid_argument, "the batch size is at least 1, not ",
                batch_size);
  inputs_.clear();
  targets_.clear();
  for (std::size_t i = 0; i < network.inputs().size(); ++i) {
    const InputSpec& input = network.inputs()[i];
    const DType type = takes_u8[i] ? DType::u8 : is_floating(input.dtype) ? dtype : input.dtype;
    inputs_.push_back(Tensor::zeros(input.shape.prepend(batch_size), type));
  }
  for (std::size_t o = 0; o < network.outputs().size(); ++o) {
    const Loss loss = output_loss(network, *compiled, o).loss;
    const ValueType type =
        target_type(loss, {network.outputs()[o].shape.prepend(batch_size), dtype});
    targets_.push_back(Tensor::zeros(type.shape, type.dtype));
  }
  Execution& step = training_execution(StepMode::train, 1);
  refresh_rates();
  bind(step, network, inputs_, targets_);
  return step;
}

Model::MemoryReport Model::training_memory(std::int64_t batch_size) {
  impl_->require_compiled("training_memory()");
  const Plan& plan = impl_->example_training_step(batch_size).plan();
  return {plan.arena_bytes(), plan.naive_bytes()};
}

std::string Model::profile_training_step(std::int64_t batch_size, int repeats) {
  impl_->require_compiled("profile_training_step()");
  FOVEA_REQUIRE(repeats >= 1, invalid_argument, "repeats are at least 1, not ", repeats);
  Execution& step = impl_->example_training_step(batch_size);
  std::vector<std::pair<std::string, Tensor>> saved;
  for (const Variables::Entry& entry : impl_->variables->entries()) {
    saved.emplace_back(entry.path, impl_->variables->read(entry.path));
  }
  const std::vector<double> times = step.profile(repeats);
  for (const auto& [path, values] : saved) impl_->variables->write(path, values);
  std::string text;
  double total = 0;
  for (std::size_t s = 0; s < times.size(); ++s) {
    const PlanStep& plan = step.plan().steps()[s];
    char line[64];
    std::snprintf(line, sizeof line, "%9.4f ms  ", times[s]);
    text +=
        line + plan.path + "  " + std::string(plan.op->name()) + "  [" + plan.kernel_name() + "]\n";
    total += times[s];
  }
  char line[64];
  std::snprintf(line, sizeof line, "%9.4f ms  in all\n", total);
  return text + line;
}

}  // namespace fovea
