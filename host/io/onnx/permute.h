// Weights in another order of axes.
#pragma once

#include <vector>

#include "fovea/tensor.h"

namespace fovea::onnx {

/// A copy whose axis i is the tensor's axis order[i].
Tensor permuted(const Tensor& tensor, const std::vector<int>& order);

}  // namespace fovea::onnx
