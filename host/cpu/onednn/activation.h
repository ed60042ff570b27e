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

/// Nothing for the identity.
std::optional<Eltwise> eltwise_of(const Activation& activation);

}  // namespace fovea::onednn
