#include "host/ops/cost.h"

namespace fovea {

Cost cost_of(const Op& op, std::span<const ValueType> inputs, std::span<const ValueType> outputs) {
  Cost cost{0, op.flops(inputs, outputs)};
  for (const ValueType& type : inputs) cost.bytes += type.bytes();
  for (const ValueType& type : outputs) cost.bytes += type.bytes();
  for (const int input : op.effects()) {
    cost.bytes += inputs[static_cast<std::size_t>(input)].bytes();
  }
  return cost;
}

}  // namespace fovea
