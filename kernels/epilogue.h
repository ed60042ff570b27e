// What a matrix product or a convolution does to its sums before it stores them.
#pragma once

#include "kernels/activation.h"

namespace fovea::kernels {

/// y = f(sum + bias + residual). Null pointers leave their terms out. The bias has a value per
/// output column (a convolution's filter), the residual y's shape; both have y's type.
struct Epilogue {
  const void* bias = nullptr;
  const void* residual = nullptr;
  ActivationFunction function{};
};

}  // namespace fovea::kernels
