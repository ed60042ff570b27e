// For passes that fuse only where a device takes the fused op, and is not measured slower with it.
#pragma once

#include <vector>

#include "host/graph/passes.h"

namespace fovea {

/// `op` standing alone, on values of the graph.
PlanStep step_of(const Graph& graph, OpPtr op, const std::vector<Value>& inputs);

/// Whether a candidate of the device accepts the fused op and measurements, where they are wanted
/// and possible, speak for it.
bool accepted_and_pays(const PlanStep& fused, const std::vector<PlanStep>& parts, Device& device,
                       const PlanOptions& options);

}  // namespace fovea
