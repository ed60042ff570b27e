#include "host/io/onnx/permute.h"

#include <cstring>

namespace fovea::onnx {

Tensor permuted(const Tensor& tensor, const std::vector<int>& order) {
  const Shape& from = tensor.shape();
  std::vector<std::int64_t> strides(order.size(), 1);  // of the tensor, in elements
  for (int axis = from.rank() - 2; axis >= 0; --axis) {
    const auto i = static_cast<std::size_t>(axis);
    strides[i] = strides[i + 1] * from[axis + 1];
  }
  std::vector<std::int64_t> sizes, steps;
  for (const int axis : order) {
    sizes.push_back(from[axis]);
    steps.push_back(strides[static_cast<std::size_t>(axis)]);
  }
  Tensor to(Shape(sizes), tensor.dtype());
  const std::size_t element = dtype_size(tensor.dtype());
  const auto* source = static_cast<const char*>(tensor.raw());
  auto* target = static_cast<char*>(to.mutable_raw());
  std::vector<std::int64_t> position(order.size(), 0);
  std::int64_t offset = 0;
  for (std::int64_t i = 0; i < to.numel(); ++i) {
    std::memcpy(target + static_cast<std::size_t>(i) * element,
                source + static_cast<std::size_t>(offset) * element, element);
    // The next position, counted from the last axis on.
    for (std::size_t axis = order.size(); axis-- > 0;) {
      offset += steps[axis];
      if (++position[axis] < sizes[axis]) break;
      offset -= steps[axis] * sizes[axis];
      position[axis] = 0;
    }
  }
  return to;
}

}  // namespace fovea::onnx
