// Derivatives by differences, and descent along them: slow, and right for any function.
#pragma once

#include <functional>

#include "fovea/tensor.h"

namespace fovea {

/// A number for a tensor of f64.
using ScalarFunction = std::function<double(const Tensor& x)>;

/// Central differences, (f(x + h) - f(x - h)) / 2h for one element of x after another: the gradient
/// of f, f64, in x's shape, whatever that is. x may be of any type; f is given f64. Throws
/// invalid_argument unless h > 0.
FOVEA_API Tensor numeric_gradient(const ScalarFunction& f, const Tensor& x, double h = 1e-4);

struct DescentOptions {
  double learning_rate = 0.01;
  int steps = 100;
  double h = 1e-4;  ///< of numeric_gradient
};

/// x - learning_rate numeric_gradient(f, x), so many times over, starting at `start`. Returns the
/// last x, f64. Throws invalid_argument for steps < 0.
FOVEA_API Tensor gradient_descent(const ScalarFunction& f, const Tensor& start,
                                  const DescentOptions& options = {});

}  // namespace fovea
