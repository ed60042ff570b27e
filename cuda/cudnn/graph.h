// The convolutions that cuDNN is asked for, as operation graphs of its graph API.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cuda/cudnn/descriptor.h"
#include "cuda/cudnn/target.h"
#include "fovea/dtype.h"
#include "fovea/ops/conv.h"
#include "fovea/shape.h"

namespace fovea::cuda::cudnn {

/// Names of a graph's tensors in memory, by which the variant pack gives them their pointers.
enum TensorId : std::int64_t { kX = 1, kW, kY, kBias, kResidual, kSum, kSquares };

/// One pass of a convolution over dense NHWC pictures; groups follow from x's and w's channels.
/// forward: (x, w[, residual][, bias]) -> y = act(conv(x, w) [+ residual] [+ bias]);
/// backward_data: (y's gradient, w) -> x's; backward_filter: (x, y's gradient) -> w's. Everything
/// in memory has `dtype`; sums are in f32.
struct Convolution {
  enum class Pass { forward, backward_data, backward_filter };
  Pass pass = Pass::forward;
  DType dtype = DType::f32;
  Shape x;                ///< (N, H, W, C)
  Shape w;                ///< (K, R, S, C / groups)
  Shape y;                ///< (N, OH, OW, K)
  WindowGeometry window;  ///< stride, dilation, padding
  /// For the forward pass. This order, with the residual before the bias, is the one that cuDNN has
  /// precompiled engines for.
  bool residual = false;
  bool bias = false;
  bool relu = false;
  /// For the forward pass without any of these: also the sums of y's channels (K,) and of their
  /// squares, as f32.
  bool statistics = false;

  /// "forward+bias+relu f16 x(32,15,15,64) w(256,3,3,64) y(32,15,15,256) stride 1 1 ..."; equal for
  /// equal convolutions only.
  std::string to_string() const;
};

/// A finalized operation graph and what it refers to.
struct OperationGraph {
  std::vector<std::unique_ptr<Descriptor>> parts;
  std::vector<Descriptor> operations;
  Descriptor graph;
};

/// Throws cudnn, with its reason, where cuDNN refuses the graph.
OperationGraph build_graph(const Target& target, const Convolution& convolution);

}  // namespace fovea::cuda::cudnn
