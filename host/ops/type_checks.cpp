// How type errors read that several families share.
#include "host/ops/type_checks.h"

namespace fovea::ops {

void require_equal_floating(std::span<const ValueType> inputs, std::size_t count) {
  require_inputs(inputs, count);
  require_floating(inputs[0], "the input");
  for (const ValueType& input : inputs) {
    FOVEA_REQUIRE(input == inputs[0], shape_mismatch, "all inputs must be of one type, not ",
                  to_string(inputs[0]), " and ", to_string(input));
  }
}

}  // namespace fovea::ops
