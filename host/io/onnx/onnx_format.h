// ONNX files as a model format: Model::save("m.onnx") and Model::load("m.onnx").
//
// Saved: the inference network (batch norm with its running statistics, no dropout), opset 13, any
// batch size, taking and giving the same (N, H, W, C) arrays as the model; class names as the
// metadata "class_names", a JSON list. What only training needs is left out.
//
// Loaded: models of opset 7 and later made of the operators of import_ops.h. An imported model
// takes and gives arrays in the file's own order of axes: (N, C, H, W) where the file says so.
#pragma once

#include <string>
#include <string_view>

#include "host/io/model_formats.h"

namespace fovea::onnx {

/// By the first fields of the container: ONNX has no magic number.
FOVEA_INTERNAL bool recognizes(std::string_view head);

FOVEA_INTERNAL StoredModel read(const std::string& path);

void write(const StoredModel& model, const std::string& path);

}  // namespace fovea::onnx
