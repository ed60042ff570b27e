// The windows of convolutions and pooling: strides, dilations and padding out of a node.
#pragma once

#include "fovea/ops/conv.h"
#include "host/io/onnx/import_graph.h"

namespace fovea::onnx {

struct Window {
  Size2 kernel, stride = 1, dilation = 1;
  Padding padding;
};

/// Of a node over pictures x (N, H, W, C). Padding that equals "same" or "valid" is called so.
/// Throws parse or unsupported for what makes no sense.
Window window_of(const Call& call, Value x, Size2 kernel);

/// The attribute kernel_shape, which must be there.
Size2 kernel_shape(const Call& call);

}  // namespace fovea::onnx
