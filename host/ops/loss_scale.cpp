#include "fovea/ops/loss_scale.h"

#include "host/ops/type_checks.h"

namespace fovea::ops {

std::vector<ValueType> Unscale::infer(std::span<const ValueType> inputs) const {
  FOVEA_REQUIRE(inputs.size() >= 2, invalid_argument,
                "the loss scale and at least one value are wanted, not ", inputs.size(), " inputs");
  require_scalar(inputs[0], DType::f32, "the loss scale");
  require_floating(inputs[1], "each value");
  for (const ValueType& type : inputs.subspan(2)) {
    require_type(type, {type.shape, inputs[1].dtype}, "each value");
  }
  return {inputs.begin() + 1, inputs.end()};
}

double Unscale::flops(std::span<const ValueType>, std::span<const ValueType> outputs) const {
  double elements = 0;
  for (const ValueType& type : outputs) elements += static_cast<double>(type.shape.numel());
  return elements;
}

std::vector<ValueType> AdjustLossScale::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 3);
  require_scalar(inputs[0], DType::f32, "the loss scale");
  require_scalar(inputs[1], DType::i64, "the number of good steps");
  require_scalar(inputs[2], DType::i32, "the finite flag");
  FOVEA_REQUIRE(interval >= 1, invalid_argument, "the interval is at least 1, not ", interval);
  return {};
}

}  // namespace fovea::ops
