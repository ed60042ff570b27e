// Checks of whole types, shape and element type together, that several families' infer() share.
#pragma once

#include <span>
#include <string_view>

#include "fovea/op.h"

namespace fovea::ops {

/// Exactly `count` inputs, all of one floating type.
void require_equal_floating(std::span<const ValueType> inputs, std::size_t count);

/// A scalar of this element type.
inline void require_scalar(const ValueType& type, DType dtype, std::string_view what) {
  require_type(type, {{}, dtype}, what);
}

}  // namespace fovea::ops
