// What one evaluation of an op costs at least: what profiles and benchmarks measure times against.
#pragma once

#include "fovea/op.h"

namespace fovea {

struct Cost {
  std::int64_t bytes = 0;  ///< read and written
  double flops = 0;        ///< see Op::flops
};

/// Every input is read once, every output written once, and what the op overwrites is written, too.
FOVEA_INTERNAL Cost cost_of(const Op& op, std::span<const ValueType> inputs,
                            std::span<const ValueType> outputs);

}  // namespace fovea
