// Axes in another order.
#pragma once

#include <vector>

#include "fovea/op.h"

namespace fovea::ops {

/// Axis i of y is axis order[i] of x; the batch stays first: order[0] is 0. (x) -> (y), of any
/// type. {0, 2, 3, 1} makes (N, H, W, C) of (N, C, H, W), {0, 3, 1, 2} the other way round.
struct FOVEA_API Transpose : OpBase<Transpose> {
  static constexpr std::string_view kName = "transpose";
  std::vector<std::int64_t> order;
  Transpose() = default;
  explicit Transpose(std::vector<std::int64_t> axes) : order(std::move(axes)) {}
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("order", self.order);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// What x is read by, with as few axes as will do: neighbours that stay neighbours are one.
struct TransposedAxes {
  std::vector<std::int64_t> sizes;    ///< of y, outermost first
  std::vector<std::int64_t> strides;  ///< in x, in elements
};
FOVEA_API TransposedAxes transposed_axes(const Shape& x, const std::vector<std::int64_t>& order);

}  // namespace fovea::ops
