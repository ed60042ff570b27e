// Reverse-mode differentiation: appends the nodes that compute gradients.
#pragma once

#include <span>
#include <vector>

#include "fovea/graph.h"

namespace fovea {

/// Appends to the builder's graph the gradients of a scalar with respect to `targets`, and returns
/// them in the order of `targets`; undefined for a target that the scalar does not depend on.
/// Several uses of one value give explicit Add nodes. Only what leads to a target is
/// differentiated.
FOVEA_INTERNAL std::vector<Value> differentiate(Builder& builder, Value scalar,
                                                std::span<const Value> targets);

}  // namespace fovea
