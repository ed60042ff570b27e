#include "fovea/ops/data.h"

#include <algorithm>

#include "fovea/graph.h"
#include "fovea/ops/basic.h"
#include "host/ops/type_checks.h"

namespace fovea {

Json to_json(const PictureStep& step) {
  Json json = Json::object();
  PictureStep::fields(step,
                      [&](std::string_view key, const auto& v) { json.set(key, to_json(v)); });
  return json;
}

void from_json(const Json& json, PictureStep& step) {
  PictureStep::fields(step, [&](std::string_view key, auto& v) { from_json(json.at(key), v); });
}

namespace ops {

std::vector<ValueType> PictureBatch::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 6);
  require_rank(inputs[0], 4, "the data set's pictures");
  const Shape& set = inputs[0].shape;
  require_type(inputs[0], {set, DType::u8}, "the data set's pictures");
  require_type(inputs[1], {{set.n()}, DType::i32}, "the data set's labels");
  require_scalar(inputs[2], DType::i64, "the seed");
  require_scalar(inputs[3], DType::i64, "the epoch");
  require_scalar(inputs[4], DType::i64, "the counter of batches");
  require_scalar(inputs[5], DType::i64, "the counter at the epoch's start");
  FOVEA_REQUIRE(set.numel() > 0, invalid_argument, "a data set of shape ", set, " has no pictures");
  FOVEA_REQUIRE(batch_size >= 1 && count >= 0 && count <= batch_size, invalid_argument,
                "a batch of ", count, " pictures where batches have ", batch_size);
  const auto factors = static_cast<std::int64_t>(scale.size());
  FOVEA_REQUIRE(
      scale.size() == offset.size() && (is_floating(dtype) ? factors == 1 || factors == set.c()
                                                           : dtype == DType::u8 && factors == 0),
      invalid_argument, "pictures of ", set.c(), " channels become ", dtype_name(dtype),
      " with a scale and an offset for all or for each channel, u8 with none; there are ",
      scale.size(), " and ", offset.size());
  return {{set.drop_front().prepend(count), dtype}, {{count}, DType::i32}};
}

std::optional<std::vector<Value>> PictureBatch::expand(Builder& builder,
                                                       std::span<const Value> inputs) const {
  if (dtype == DType::u8) return std::nullopt;
  PictureBatch bytes = *this;
  bytes.scale.clear();
  bytes.offset.clear();
  bytes.dtype = DType::u8;
  const Outputs batch = builder.add(std::make_shared<const PictureBatch>(bytes),
                                    std::vector<Value>(inputs.begin(), inputs.end()));
  Rescale rescale;
  rescale.scale = scale;
  rescale.offset = offset;
  rescale.dtype = dtype_size(dtype) == 2 ? DType::f32 : dtype;
  Value x = builder.add(rescale, {batch[0]});
  if (rescale.dtype != dtype) x = builder.add(Cast(dtype), {x});
  return std::vector<Value>{x, batch[1]};
}

}  // namespace ops
}  // namespace fovea
