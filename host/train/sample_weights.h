// Weights of samples, given or by class. They travel as one more target behind the real ones.
#pragma once

#include <map>

#include "host/train/model_impl.h"

namespace fovea {

/// Appends the weights (N,) to the targets; nothing where they are undefined. Throws shape_mismatch
/// unless there is one for each sample, invalid_argument for one that is negative or not finite.
void add_sample_weights(Arrays& data, const Tensor& weights);

/// The weight of each sample's class, f32 (N,): that of its label, of the first largest of a
/// one-hot target, or of a single target rounded; 1 for classes without one. Throws
/// invalid_argument for a network with several outputs, or a class that it does not have.
Tensor weights_of_classes(const Network& network, const Tensor& targets,
                          const std::map<int, double>& class_weight);

}  // namespace fovea
