// What layers ask of their inputs and hyper-parameters. Messages name the layer, what it takes,
// what it got, and what to do.
#pragma once

#include <string_view>

#include "fovea/layer.h"

namespace fovea::detail {

/// Throws shape_mismatch: "'conv2d' (Conv2D) takes <what>, not (None, 784): <remedy>".
[[noreturn]] void fail_shape(const Builder& b, const Layer& layer, Value x, std::string_view what,
                             std::string_view remedy);

/// A floating picture (N, H, W, C), else shape_mismatch or invalid_argument with a remedy.
void require_picture(const Builder& b, const Layer& layer, Value x);

/// u8 must become floating before a layer computes with it.
void require_floating(const Builder& b, const Layer& layer, Value x);

/// Two or more inputs of one type.
void require_equal_inputs(const Builder& b, const Layer& layer, std::span<const Value> inputs);

/// Throws invalid_argument: "Conv2D: filters must be >= 1, not 0".
void require_positive(std::string_view kind, std::string_view what, std::int64_t value);
void require_positive(std::string_view kind, std::string_view what, Size2 value);

}  // namespace fovea::detail
