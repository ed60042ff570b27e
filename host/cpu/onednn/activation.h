// Which of oneDNN's elementwise functions an activation is.
#pragma once

#include <optional>

#include "fovea/ops/activation.h"
#include "host/cpu/onednn/compat.h"

namespace fovea::onednn {

struct Eltwise {
  dnnl::algorithm forward;
  /// The same function as its backward pass wants it named: from y, or from x where
  /// ActivateBackward::saves_input.
  dnnl::algorithm backward;
  float alpha = 0;
};

/// Nothing for the identity, and for what oneDNN does not have.
std::optional<Eltwise> eltwise_of(const Activation& activation);

/// Whether a product or a convolution of oneDNN's can have it behind it.
inline bool has_activation(const Activation& activation) {
  return activation.kind == Activation::Kind::identity || eltwise_of(activation).has_value();
}

}  // namespace fovea::onednn
