#include "fovea/numeric.h"

namespace fovea {

Tensor numeric_gradient(const ScalarFunction& f, const Tensor& x, double h) {
  FOVEA_REQUIRE(h > 0, invalid_argument, "the step of a difference is above 0, not ", h);
  Tensor moved = x.to(DType::f64).clone();
  Tensor gradient(x.shape(), DType::f64);
  const std::span<double> values = moved.span<double>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    values[i] = value + h;
    const double above = f(moved);
    values[i] = value - h;
    const double below = f(moved);
    values[i] = value;
    gradient.data<double>()[i] = (above - below) / (2 * h);
  }
  return gradient;
}

Tensor gradient_descent(const ScalarFunction& f, const Tensor& start,
                        const DescentOptions& options) {
  FOVEA_REQUIRE(options.steps >= 0, invalid_argument, "the number of steps is at least 0, not ",
                options.steps);
  Tensor x = start.to(DType::f64).clone();
  for (int step = 0; step < options.steps; ++step) {
    const Tensor gradient = numeric_gradient(f, x, options.h);
    const std::span<double> values = x.span<double>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] -= options.learning_rate * gradient.span<double>()[i];
    }
  }
  return x;
}

}  // namespace fovea
