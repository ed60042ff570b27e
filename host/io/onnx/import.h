// An ONNX graph as a model of ours, whose weights can be trained further.
#pragma once

#include "host/io/model_formats.h"
#include "host/io/onnx/onnx_model.h"

namespace fovea::onnx {

/// Throws parse for a graph that makes no sense, unsupported for operators and attributes that have
/// no counterpart here; both name the file, the node and what is wrong.
StoredModel import_model(Model file, const std::string& path);

}  // namespace fovea::onnx
