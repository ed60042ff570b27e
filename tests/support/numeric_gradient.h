// Compares differentiated graphs with central differences, in f64.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fovea/graph.h"
#include "fovea/tensor.h"

namespace fovea::test {

/// Builds outputs of any shapes from inputs; asked once per check.
using DifferentiableFunction =
    std::function<std::vector<Value>(Builder& builder, const std::vector<Value>& inputs)>;

struct GradientReport {
  /// The largest |analytic - numeric| over all checked elements, divided by the largest |numeric|
  /// of the same input.
  double worst_error = 0;
  std::string worst_place;  ///< "input 1, element 7: 0.25 instead of 0.75"
};

/// Checks the gradients of f = sum of all outputs times fixed random weights, with respect to
/// inputs[i] for every i of `targets` and to every parameter that `function` asks its builder for,
/// against central differences: element by element, or a sample of 100 elements of large tensors.
/// Graphs pass through the same passes as a model's; every memory cell that they write holds a NaN
/// before. Inputs are f64 or whole numbers.
GradientReport check_gradients(const DifferentiableFunction& function,
                               const std::vector<Tensor>& inputs, const std::vector<int>& targets);

}  // namespace fovea::test
