// Handwriting for where MNIST is not at hand: digits drawn with a round pen along bent lines, at
// random sizes, slants and widths, and normalized as MNIST's are.
#pragma once

#include <cstdint>

#include "fovea/data.h"

/// Pictures (N, 28, 28, 1) u8 with labels 0 to 9. The same seed gives the same pictures.
fovea::Dataset make_stroke_digits(std::int64_t count, std::uint32_t seed);
