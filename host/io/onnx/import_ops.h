// Each ONNX operator as ops of ours. All in all:
//
//   Conv Gemm MatMul BatchNormalization Dropout Identity
//   MaxPool AveragePool GlobalMaxPool GlobalAveragePool ReduceMean ReduceMax
//   Relu LeakyRelu PRelu Elu Selu Sigmoid Tanh Softplus HardSwish HardSigmoid Gelu (also spelt by
//   Erf) Clip Softmax Greater (than a constant, as a step)
//   Add Sub Mul Div Neg Sum, of equal shapes, or with constants: one number, or one per channel
//   Flatten Reshape Transpose Squeeze Unsqueeze Concat Pad Slice Split Cast
//   Constant ConstantOfShape Shape Gather and arithmetic, where the numbers are known
#pragma once

#include <string_view>

#include "host/io/onnx/import_graph.h"

namespace fovea::onnx {

using ImportRule = void (*)(const Call&);

struct NamedRule {
  std::string_view type;
  ImportRule rule;
};

std::span<const NamedRule> layer_rules();
std::span<const NamedRule> pool_rules();
std::span<const NamedRule> elementwise_rules();
std::span<const NamedRule> shape_rules();

/// What summaries call a node's layer.
std::string_view layer_kind(std::string_view type);

/// Throws unsupported for operators that are not listed above.
void import_node(const Call& call);

}  // namespace fovea::onnx
