// Batches out of a data set that lies in the device's memory.
#pragma once

#include <iterator>
#include <vector>

#include "fovea/detail/picture_steps.h"
#include "fovea/op.h"

namespace fovea {

template <>
struct EnumNames<PictureStep::Kind> {
  static constexpr const char* values[] = {
      "flip",       "flip_vertical", "shift",    "cutout", "brightness",  "contrast",
      "saturation", "grayscale",     "rotation", "zoom",   "translation", "crop_and_resize"};
};
static_assert(std::size(EnumNames<PictureStep::Kind>::values) ==
              static_cast<std::size_t>(PictureStep::Kind::crop_and_resize) + 1);
FOVEA_API Json to_json(const PictureStep& step);
FOVEA_API void from_json(const Json& json, PictureStep& step);

namespace ops {

/// Batch number counter - start of an epoch, as BatchLoader makes it with the same seed: the
/// samples at positions batch_size (counter - start) and on of the epoch's order, their pictures
/// augmented. With a floating `dtype`, x is rescaled, too: pixel scale[c] + offset[c]. (pictures u8
/// (N, H, W, C), labels i32 (N,), seed i64 (), epoch i64 (), counter i64 (), start i64 ()) -> (x
/// dtype (count, H, W, C), y i32 (count,)).
struct FOVEA_API PictureBatch : OpBase<PictureBatch> {
  static constexpr std::string_view kName = "picture_batch";
  std::int64_t batch_size = 1;
  std::int64_t count = 1;  ///< samples of this batch: fewer in the last one of some epochs
  bool shuffle = true;
  std::vector<PictureStep> steps{};  ///< of augmentation
  std::vector<double> scale{};       ///< one number, or one per channel; none for u8
  std::vector<double> offset{};      ///< as many as `scale`
  DType dtype = DType::u8;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("batch_size", self.batch_size);
    visit("count", self.count);
    visit("shuffle", self.shuffle);
    visit("steps", self.steps);
    visit("scale", self.scale);
    visit("offset", self.offset);
    visit("dtype", self.dtype);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  /// With a floating dtype: the batch as u8, then Rescale, then, for 16 bits, Cast.
  std::optional<std::vector<Value>> expand(Builder& builder,
                                           std::span<const Value> inputs) const override;
};

}  // namespace ops
}  // namespace fovea
