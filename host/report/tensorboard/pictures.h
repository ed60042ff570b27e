// Pictures for event files, all u8 (H, W, 1 or 3).
#pragma once

#include <optional>
#include <string>

#include "fovea/model.h"
#include "fovea/tensor.h"

namespace fovea::report {

/// A convolution's weights (filters, kh, kw, channels) side by side, middle grey where they are 0:
/// in colours where there are three channels, else the means over the channels.
FOVEA_INTERNAL Tensor filters_picture(const Tensor& weight);

/// The first 64 channels of a layer's output (1, H, W, C) side by side, each from black, its
/// smallest value, to white, its largest.
FOVEA_INTERNAL Tensor maps_picture(const Tensor& maps);

/// The pictures that a classifier gets wrong with the highest probability, at most 16 side by side,
/// and what they are, in the same order, as a table in Markdown.
struct Mistakes {
  Tensor picture;
  std::string text;
};
/// Nothing where there is none.
FOVEA_INTERNAL std::optional<Mistakes> worst_mistakes(Model& model, const Dataset& data);

}  // namespace fovea::report
