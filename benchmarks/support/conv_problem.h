// The convolutions that conv_bench measures, and one of them as an op: a pass, a type.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "fovea/ops/conv.h"
#include "host/ops/cost.h"

namespace fovea::bench {

/// x (n,h,w,c) and weights (k,r,s,c/groups); the same stride, padding and dilation along both axes.
struct ConvShape {
  std::string name;
  std::int64_t n, c, h, w, k, r, s, stride, pad;
  std::int64_t groups = 1;
  std::int64_t dilation = 1;
};

/// ResNet-50's, VGG16's, those of nets for CIFAR-10, and a few others.
const std::vector<ConvShape>& conv_shapes();

/// "N,C,H,W,K,R,S,stride,pad[,groups[,dilation]]"; the name is "custom". Throws invalid_argument.
ConvShape parse_conv_shape(const std::string& text);

enum class Pass { forward, backward_data, backward_filter };
inline constexpr std::array<const char*, 3> kPassNames = {"forward", "backward_data",
                                                          "backward_filter"};

/// How numbers are stored and multiplied: f32, tf32, f16 or bf16.
struct NumberFormat {
  const char* name;
  DType storage;
  bool allow_tf32;
  /// Of |d| / |ref|, the root of the sum of squares over the checked outputs.
  double tolerance;
};
inline constexpr std::array<NumberFormat, 4> kNumberFormats = {{
    {"f32", DType::f32, false, 1e-5},
    {"tf32", DType::f32, true, 1e-3},
    {"f16", DType::f16, false, 2e-3},
    {"bf16", DType::bf16, false, 1e-2},
}};

struct ConvProblem {
  ConvShape shape;
  Pass pass;
  NumberFormat format;
  Size2 output_size;              ///< of y: height and width
  OpPtr op;                       ///< conv2d, conv2d_backward_data or conv2d_backward_filter
  std::vector<ValueType> inputs;  ///< x and w, dy and w, or x and dy
  ValueType output;               ///< y, dx or dw
  Cost cost;
};

/// Throws shape_mismatch where the window does not fit the picture or the groups the channels.
ConvProblem make_conv_problem(const ConvShape& shape, Pass pass, const NumberFormat& format);

}  // namespace fovea::bench
