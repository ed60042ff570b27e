// A model as an ONNX graph for inference.
#pragma once

#include "host/io/model_formats.h"
#include "host/io/onnx/onnx_model.h"

namespace fovea::onnx {

/// Throws unsupported, naming layer and op, for what ONNX's operators cannot express.
Model export_model(const StoredModel& model);

}  // namespace fovea::onnx
