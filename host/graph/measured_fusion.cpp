#include "host/graph/measured_fusion.h"

#include "host/graph/autotune.h"

namespace fovea {

PlanStep step_of(const Graph& graph, OpPtr op, const std::vector<Value>& inputs) {
  std::vector<ValueType> types;
  types.reserve(inputs.size());
  for (Value input : inputs) types.push_back(graph.type(input));
  return lone_step(std::move(op), std::move(types));
}

bool accepted_and_pays(const PlanStep& fused, const std::vector<PlanStep>& parts, Device& device,
                       const PlanOptions& options) {
  if (!accepted(fused, device, options)) return false;
  if (options.autotuner == nullptr) return true;
  const auto time_of = [&](const PlanStep& step) {
    return options.autotuner->milliseconds(device, step, options);
  };
  double sum = 0;
  for (const PlanStep& part : parts) {
    const std::optional<double> time = time_of(part);
    if (!time) return true;
    sum += *time;
  }
  const std::optional<double> together = time_of(fused);
  return together.has_value() && *together < sum;
}

}  // namespace fovea
