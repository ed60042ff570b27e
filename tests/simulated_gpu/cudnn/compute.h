// What the operations of a graph mean, in f64.
#pragma once

#include "tests/simulated_gpu/cudnn/graph.h"

namespace simulated_gpu::cudnn {

/// A tensor's elements, pixel by pixel: the last index is the channel's, whatever its strides are.
struct Values {
  std::array<std::int64_t, 4> sizes{};  ///< (N, H, W, C), or (K, R, S, C)
  std::vector<double> elements;

  Values() = default;
  explicit Values(const Tensor& tensor, double value = 0)
      : sizes{tensor.sizes[0], tensor.sizes[2], tensor.sizes[3], tensor.sizes[1]},
        elements(static_cast<std::size_t>(tensor.numel()), value) {}
  std::size_t index(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) const {
    return static_cast<std::size_t>(((n * sizes[1] + h) * sizes[2] + w) * sizes[3] + c);
  }
};

/// The operation's outputs. `tf32`: a convolution's inputs are rounded to it.
std::vector<Values> compute(const Operation& operation, const std::vector<const Values*>& inputs,
                            bool tf32);

}  // namespace simulated_gpu::cudnn
