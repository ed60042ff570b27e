// Each op of an inference graph as ONNX operators.
#pragma once

#include "host/io/onnx/export_writer.h"

namespace fovea::onnx {

/// Throws unsupported, naming layer and op, for ops that are not in the table of export_ops.cpp.
void export_op(Writer& writer, const fovea::Node& node);

}  // namespace fovea::onnx
