// Names that a user wrote: what was probably meant by one that does not exist.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "fovea/export.h"

namespace fovea {

/// The candidate that `name` resembles most: the one it begins, or differs from in at most a
/// quarter of its letters (inserted, deleted, replaced, or swapped with a neighbour). Empty where
/// there is none.
FOVEA_API std::string closest_name(std::string_view name, std::span<const std::string> candidates);

/// Throws invalid_argument: "unknown loss 'mea'; did you mean 'mae'? Known: huber, mae, mse".
[[noreturn]] FOVEA_API void fail_unknown(std::string_view what, std::string_view name,
                                         std::span<const std::string> known);

}  // namespace fovea
