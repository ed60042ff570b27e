#include "fovea/ops/loss_scale.h"

#include "host/ops/type_checks.h"

namespace fovea::ops {

std::vector<ValueType> Unscale::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 2);
  require_floating(inputs[0], "the input");
  require_scalar(inputs[1], DType::f32, "the loss scale");
  return {inputs[0]};
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
