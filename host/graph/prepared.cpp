#include "host/graph/prepared.h"

#include <algorithm>

namespace fovea {
namespace {

std::shared_ptr<void> allocate(const std::shared_ptr<Device>& device, std::int64_t bytes) {
  return {device->allocate(static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1))),
          [device](void* memory) { device->release(memory); }};
}

std::string text_of(const Layout& layout) {
  return layout.library + ":" + std::to_string(layout.id);
}

/// For each planned value that a prologue reads or gives, a text that says what it is.
std::vector<std::string> keys_of(const Plan& plan) {
  std::vector<std::string> keys(plan.values().size());
  const auto key = [&](int value) -> std::string& { return keys[static_cast<std::size_t>(value)]; };
  for (std::size_t v = 0; v < keys.size(); ++v) {
    const PlannedValue& value = plan.values()[v];
    if (value.storage == Storage::variable) {
      keys[v] = plan.variables()[static_cast<std::size_t>(value.slot)].name;
    } else if (value.storage == Storage::constant) {  // which belongs to its plan
      keys[v] = "constant at " +
                std::to_string(reinterpret_cast<std::uintptr_t>(plan.constant(value.slot)));
    }
  }
  for (const PlanStep& step : plan.prologue()) {
    std::string text = std::string(step.op->name()) + step.op->attributes().to_string() + " by " +
                       step.kernel_name() + " of";
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      // A view of a prepared value has its root's key.
      const PlannedValue& input = plan.values()[static_cast<std::size_t>(step.inputs[i])];
      const int root = input.storage == Storage::prepared ? input.slot : step.inputs[i];
      text += " " + to_string(step.input_types[i]) + "(" + key(root) + ")";
    }
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      const PlannedValue& output = plan.values()[static_cast<std::size_t>(step.outputs[o])];
      key(step.outputs[o]) =
          text + " output " + std::to_string(o) + " in " + text_of(output.layout);
    }
  }
  return keys;
}

}  // namespace

Prepared::Prepared(const Plan& plan, const Variables& variables, Stream& stream,
                   PreparedStore& store)
    : variables_(plan.variables().size()), values_(plan.values().size()) {
  const std::shared_ptr<Device>& device = plan.device();
  const std::vector<std::string> keys = keys_of(plan);
  const auto planned = [&](int value) -> const PlannedValue& {
    return plan.values()[static_cast<std::size_t>(value)];
  };

  // What the steps read, and which steps of the prologue must run for it.
  std::vector<bool> wanted(plan.values().size());
  const auto want = [&](int value) {
    const PlannedValue& read = planned(value);
    if (read.storage == Storage::prepared) wanted[static_cast<std::size_t>(read.slot)] = true;
    if (read.storage != Storage::variable) return;
    auto& [memory, bytes] = store[keys[static_cast<std::size_t>(value)]];
    if (memory == nullptr) {
      memory = allocate(device, bytes = read.bytes());
      const std::string& path = plan.variables()[static_cast<std::size_t>(read.slot)].name;
      stream.copy(memory.get(), variables.at(path).data, static_cast<std::size_t>(read.bytes()));
    }
    variables_[static_cast<std::size_t>(read.slot)] = memory;
  };
  for (const PlanStep& step : plan.steps()) {
    for (int input : step.inputs) want(input);
  }
  for (const Plan::Named& output : plan.outputs()) want(output.value);

  std::vector<bool> missing(plan.values().size());  // what the prologue must give
  for (std::size_t v = 0; v < wanted.size(); ++v)
    missing[v] = wanted[v] && store.count(keys[v]) == 0;
  std::vector<const PlanStep*> steps;
  for (auto step = plan.prologue().rbegin(); step != plan.prologue().rend(); ++step) {
    const bool needed = std::any_of(step->outputs.begin(), step->outputs.end(), [&](int output) {
      return missing[static_cast<std::size_t>(output)];
    });
    if (!needed) continue;
    steps.insert(steps.begin(), &*step);
    for (int input : step->inputs) {
      if (planned(input).storage != Storage::prepared) continue;
      missing[static_cast<std::size_t>(planned(input).slot)] = true;
    }
  }

  std::vector<std::shared_ptr<void>> computed(plan.values().size());
  const auto address = [&](int value) -> void* {
    const PlannedValue& input = planned(value);
    const auto slot = static_cast<std::size_t>(input.slot);
    if (input.storage == Storage::variable) return variables.at(plan.variables()[slot].name).data;
    if (input.storage == Storage::constant) return plan.constant(input.slot);
    return computed[slot].get();
  };
  const KernelScope scope(*device, plan.options().threads);
  for (const PlanStep* step : steps) {
    LowerResult result = (*step->factory)(*step->op, step->request(plan.options()));
    auto* lowering = std::get_if<Lowering>(&result);
    FOVEA_REQUIRE(lowering != nullptr, internal, "candidate '", step->kernel_name(), "' of '",
                  step->path, "' accepted when planned and declines now");
    std::vector<void*> inputs, outputs;
    for (int input : step->inputs) inputs.push_back(address(input));
    for (int output : step->outputs) {
      auto& memory = computed[static_cast<std::size_t>(output)];
      memory = allocate(device, planned(output).bytes());
      outputs.push_back(memory.get());
    }
    const std::shared_ptr<void> workspace = allocate(device, step->workspace_bytes);
    lowering->kernel->run(KernelContext(inputs, outputs, step->input_types, step->output_types,
                                        workspace.get(), plan.options().threads, stream.handle(),
                                        plan.options().allow_tf32));
    stream.synchronize();  // before the workspace and the kernel go
  }
  stream.synchronize();
  for (std::size_t v = 0; v < wanted.size(); ++v) {
    if (!wanted[v]) continue;
    PreparedMemory& entry = store[keys[v]];
    if (entry.memory == nullptr) entry = {computed[v], plan.values()[v].bytes()};
    values_[v] = entry.memory;
  }
}

}  // namespace fovea
