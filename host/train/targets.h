// Targets as losses and metrics want them.
#pragma once

#include <string_view>

#include "fovea/graph.h"

namespace fovea {

/// The target in the prediction's shape and floating type: converts between floating types and from
/// u8, and adds or drops a last axis of size 1. Throws shape_mismatch, naming `what`, where that is
/// not enough.
Value match_target(Builder& b, std::string_view what, Value prediction, Value target);

/// Whether the targets are one class index for each sample, i32 (N,).
bool is_sparse(const ValueType& target);

/// Labels 0 and 1, i32 (N,), as a column of numbers (N, 1).
Value answers_from_labels(Builder& b, DType dtype, Value labels);

/// Throws shape_mismatch unless there are as many targets as predictions, of one sample each.
void require_same_batch(std::string_view what, const ValueType& prediction,
                        const ValueType& target);

/// Throws shape_mismatch unless the predictions are (N, classes) with at least `classes`.
void require_class_scores(std::string_view what, const ValueType& prediction, int least_classes);

}  // namespace fovea
