// What stands behind a Symbol: one call of a layer, or an input.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fovea/layer.h"

namespace fovea::detail {

struct SymbolNode {
  std::shared_ptr<const Layer> layer;  ///< null for an input
  std::vector<Symbol> arguments;
  std::string input_name;  ///< what the user called an input; may be empty
  ValueType sample;        ///< of one sample, without the batch axis
  std::uint64_t order;     ///< rises from call to call, so a network keeps the user's order
};

/// "BatchNormalization" -> "batch_normalization", "LeakyReLU" -> "leaky_re_lu", as Keras does.
std::string snake_case(std::string_view kind);

/// "(None, 28, 28, 1)" for one sample's shape.
std::string batch_shape_text(const Shape& sample);

}  // namespace fovea::detail
