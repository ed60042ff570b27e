// The order in which numbers are shown.
#pragma once

#include <cmath>

namespace fovea::report {

/// Whether a stands before b where the largest come first; NaN is behind all numbers.
inline bool larger_first(double a, double b) { return a > b || (std::isnan(b) && !std::isnan(a)); }

}  // namespace fovea::report
