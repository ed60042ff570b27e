// An operation graph, as what is to be computed.
#pragma once

#include <array>

#include "tests/simulated_gpu/cudnn/descriptor.h"
#include "tests/simulated_gpu/numbers.h"

namespace simulated_gpu::cudnn {

/// Sizes and strides are ordered (N, C, H, W), or (K, C, R, S) for filters.
struct Tensor {
  std::int64_t id = 0;
  Type type = Type::f32;
  std::array<std::int64_t, 4> sizes{};
  std::array<std::int64_t, 4> strides{};  ///< in elements
  std::int64_t alignment = 1;             ///< in bytes
  bool is_virtual = false;

  std::int64_t numel() const { return sizes[0] * sizes[1] * sizes[2] * sizes[3]; }
  /// From the first to behind the last element.
  std::size_t extent_bytes() const;
  friend bool operator==(const Tensor&, const Tensor&) = default;
};

struct Window {
  std::array<std::int64_t, 2> stride{}, dilation{}, before{}, after{};
};

struct Pointwise {
  cudnnPointwiseMode_t mode = CUDNN_POINTWISE_ADD;
  bool nan_passes = false;
  double lower = 0, upper = 0, slope = 0;  ///< of relu
};

/// Its inputs and outputs, by kind: forward (x, w) -> y; backward_data (dy, w) -> dx;
/// backward_filter (x, dy) -> dw; pointwise (x[, b]) -> y or, backward, (x or y, dy) -> dx;
/// statistics x -> (sum, sum of squares); batch_norm_weights (x, dy, mean, 1 / deviation, scale) ->
/// (scale's gradient, bias's gradient, a, b, c), so that a dy + b x + c is x's gradient.
struct Operation {
  enum class Kind {
    forward,
    backward_data,
    backward_filter,
    pointwise,
    statistics,
    batch_norm_weights
  };
  Kind kind = Kind::forward;
  Window window;
  Pointwise pointwise;
  double alpha = 1, beta = 0;  ///< of a convolution; of a pointwise function, both inputs' factors
  std::vector<Tensor> inputs, outputs;

  bool is_convolution() const {
    return kind == Kind::forward || kind == Kind::backward_data || kind == Kind::backward_filter;
  }
};

struct Graph {
  std::vector<Operation> operations;  ///< each behind those whose outputs it reads
  std::map<std::int64_t, Tensor> tensors;
  cudnnHandle_t handle = nullptr;  ///< null: for a device that is described
};

Tensor tensor_of(const Content& content);
Window window_of(const Content& content);

/// Fails with NOT_SUPPORTED for an operation that is not simulated, with BAD_PARAM where sizes do
/// not fit together.
Operation operation_of(const Content& content);

/// Fails where the operations are no graph: a tensor that means two things, has two writers, or is
/// virtual and not written or not read.
Graph graph_of(const Content& content);

}  // namespace simulated_gpu::cudnn
