// Checks of what is computed of whole data sets.
#include "fovea/ops/statistics.h"

#include "host/ops/type_checks.h"

namespace fovea::ops {
namespace {

void require_labels(const ValueType& type) {
  require_rank(type, 1, "the labels");
  require_type(type, {type.shape, DType::i32}, "the labels");
}

}  // namespace

std::vector<ValueType> CountLabels::infer(std::span<const ValueType> inputs) const {
  FOVEA_REQUIRE(inputs.size() == 1 || inputs.size() == 2, invalid_argument,
                "labels are counted of one or two arrays, not of ", inputs.size());
  FOVEA_REQUIRE(classes >= 1, invalid_argument, "there is at least one class, not ", classes);
  for (const ValueType& input : inputs) {
    require_labels(input);
    require_type(input, inputs[0], "the second labels");
  }
  if (inputs.size() == 1) return {{{classes}, DType::i64}};
  return {{{classes, classes}, DType::i64}};
}

std::vector<ValueType> ChannelMoments::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 1);
  const auto& [shape, dtype] = inputs[0];
  FOVEA_REQUIRE(shape.rank() >= 1 && shape.c() >= 1, shape_mismatch,
                "moments are of data (..., channels), not ", shape);
  FOVEA_REQUIRE(dtype == DType::u8 || dtype == DType::f32 || dtype == DType::f64, invalid_argument,
                "moments are of u8, f32 or f64, not of ", dtype_name(dtype));
  const ValueType sums = {{shape.c()}, dtype == DType::u8 ? DType::i64 : DType::f64};
  return {sums, sums};
}

double ChannelMoments::flops(std::span<const ValueType> inputs, std::span<const ValueType>) const {
  return 3 * static_cast<double>(inputs[0].shape.numel());
}

std::vector<ValueType> RankedPairs::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 2);
  require_labels(inputs[0]);
  const DType dtype = inputs[1].dtype;
  FOVEA_REQUIRE(dtype == DType::f32 || dtype == DType::f64, invalid_argument,
                "scores are f32 or f64, not ", dtype_name(dtype));
  require_type(inputs[1], {inputs[0].shape, inputs[1].dtype}, "the scores");
  return {{{}, DType::i64}, {{}, DType::i64}};
}

}  // namespace fovea::ops
