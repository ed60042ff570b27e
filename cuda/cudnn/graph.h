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
enum TensorId : std::int64_t {
  kX = 1,
  kW,
  kY,
  kBias,
  kResidual,
  kSum,
  kSquares,
  // Of a batch norm: its input, then one f32 per channel each.
  kNormX,
  kMean,
  kInverse,  ///< 1 / sqrt(var + epsilon)
  kGamma,
  kBeta,
  kGammaGradient,
  kBetaGradient,
  kGradientFactor,  ///< the batch norm's dx is these three: factor d + x_factor x + offset
  kXFactor,
  kOffset,
};

// Fusions with batch norm that cuDNN 9.19 has precompiled engines for, all in f16 alone:
// - conv + sums (statistics below): sm_80 to 90.
// - gradient of the input + relu's backward + batch norm's sums (norm_gradients): from sm_80, for
//   convolutions without groups; on sm_90 not for 3 channels. There, the sums are taken on the way
//   and the workspace is 2 % of x. On the others it is two to four times x and more, so that the
//   gradient seems to take a round through memory after all; measuring tells. With a residual
//   between batch norm and relu there are engines, too, on sm_90 for three shapes in five; with a
//   stored mask instead of the batch norm computed anew there are none.
// - scale + shift + relu + gradient of the weights: from sm_80, for convolutions without groups and
//   of more than 3 channels. Not used: it computes relu's output out of the batch norm's input
//   where the gradient of the weights would read that output, which is of the same size. So no less
//   is read, more is computed, and the factors are rounded to f16.

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
  /// For backward_data, where the convolution's input is relu(batch_norm(kNormX)): its gradient is
  /// stored as 0 where relu was, and out of what is stored come the gradients of the batch norm's
  /// gamma and beta and the three numbers per channel that give its dx.
  bool norm_gradients = false;

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
