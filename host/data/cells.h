// Numbers in the cells of tables.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fovea/export.h"

namespace fovea::data {

/// The number that a cell holds, without regard to the locale; nothing where it is not one.
std::optional<double> number_of(std::string_view cell);

/// The shortest text that reads back as the same double; empty for NaN, a missing value.
std::string text_of(double value);

}  // namespace fovea::data
