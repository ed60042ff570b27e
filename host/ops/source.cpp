// Checks of what values come from: inputs, parameters, state, constants.
#include "fovea/ops/source.h"

namespace fovea::ops {

std::vector<ValueType> Input::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 0);
  FOVEA_REQUIRE(!key.empty(), invalid_argument, "an input needs a name to be bound by");
  return {{shape, dtype}};
}

std::vector<ValueType> Parameter::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 0);
  require_floating({shape, dtype}, "a parameter");
  FOVEA_REQUIRE(l1 >= 0 && l2 >= 0, invalid_argument, "the penalties l1 and l2 are >= 0, not ", l1,
                " and ", l2);
  return {{shape, dtype}};
}

std::vector<ValueType> State::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 0);
  return {{shape, dtype}};
}

std::vector<ValueType> Constant::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 0);
  return {{shape, dtype}};
}

}  // namespace fovea::ops
