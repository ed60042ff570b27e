// What is computed of whole data sets between epochs: counts of labels, moments of channels, ranks
// of scores. All results but those of floating data are whole numbers, the same on every device.
#pragma once

#include "fovea/op.h"

namespace fovea::ops {

/// How many samples have each label: (labels i32 (N,)) -> i64 (classes,); or each pair of labels,
/// the first chooses the row: (labels i32 (N,), labels i32 (N,)) -> i64 (classes, classes). Samples
/// with a label outside [0, classes) are not counted.
struct FOVEA_API CountLabels : OpBase<CountLabels> {
  static constexpr std::string_view kName = "count_labels";
  std::int64_t classes = 1;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("classes", self.classes);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

/// The sums of x and of x^2 over all axes but the last: (x (..., C)) -> (sum (C,), squares (C,)),
/// i64 of u8, f64 of f32 and f64.
struct FOVEA_API ChannelMoments : OpBase<ChannelMoments> {
  static constexpr std::string_view kName = "channel_moments";
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// Of every pair of a sample of label 1 with one of another label, how many have the larger score
/// at the 1, counting equal scores half: (labels i32 (N,), scores f32 or f64 (N,)) -> (twice that
/// number i64 (), samples of label 1 i64 ()). No score may be NaN. It is Mann and Whitney's U, and
/// U over the number of pairs is the area under the ROC curve.
struct FOVEA_API RankedPairs : OpBase<RankedPairs> {
  static constexpr std::string_view kName = "ranked_pairs";
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

}  // namespace fovea::ops
