// Kinds of layers: the colours that pictures of networks give them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fovea::report {

/// A family of layers that look alike in pictures.
struct KindLook {
  const char* look;  ///< a class of the style sheet, "fv-conv"
  const char* name;  ///< "convolution"
};

/// By LayerRecord::kind, "Conv2D".
const KindLook& look_of(std::string_view kind);

/// Whether a layer only changes values, or the order in which they lie: normalization, activation,
/// dropout, Flatten. Overviews draw it as a part of the layer before it.
bool is_elementwise(std::string_view kind);

}  // namespace fovea::report
