// Dynamic loss scaling, which keeps f16 gradients within f16's range: the loss is multiplied by a
// scale before differentiation, and the gradients are divided by it before they are used.
// Source: Micikevicius et al., "Mixed Precision Training" (2018).
#pragma once

#include "fovea/op.h"

namespace fovea::ops {

/// y = x / scale, for many at once. (scale f32 (), x0, x1, ...) -> (y0, y1, ...), the x and y
/// floating of one type. Exact, barring underflow, for a power of two.
struct FOVEA_API Unscale : OpBase<Unscale> {
  static constexpr std::string_view kName = "unscale";
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// After a step with a NaN or an infinity: scale /= 2 and good_steps = 0; else good_steps += 1 and,
/// when that makes `interval`, scale *= 2 (to at most `largest`) and good_steps = 0.
/// (scale f32 (), good_steps i64 (), finite i32 ()) -> (). Overwrites scale and good_steps.
struct FOVEA_API AdjustLossScale : OpBase<AdjustLossScale> {
  static constexpr std::string_view kName = "adjust_loss_scale";
  std::int64_t interval = 2000;
  double largest = 16777216;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("interval", self.interval);
    visit("largest", self.largest);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<int> effects() const override { return {0, 1}; }
};

}  // namespace fovea::ops
