// Penalties on what a layer gives.
#pragma once

#include "fovea/layers.h"

namespace fovea::detail {

/// Throws invalid_argument for negative factors.
void require_regularizer(std::string_view kind, const Regularizer& regularizer);

/// Appends l1 sum |x| + l2 sum x^2 below the builder's path, where steps that have a loss find it;
/// nothing where both factors are 0.
void append_activity_penalty(Builder& b, Value x, const Regularizer& regularizer);

}  // namespace fovea::detail
