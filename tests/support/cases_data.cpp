// Batches out of a data set: order, augmentation and conversion, over whole and odd sizes.
#include "fovea/ops/data.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

using Kind = PictureStep::Kind;

CaseInput number(double value) { return {{}, constant(value), DType::i64}; }

std::vector<CaseInput> data_set(const Shape& shape, double batch) {
  return {{shape, integers(256), DType::u8},
          {{shape.n()}, integers(10), DType::i32},
          number(7),
          number(3),
          number(20 + batch),
          number(20)};
}

std::vector<PictureStep> all_steps() {
  return {{Kind::flip, 0.5},        {Kind::shift, 3, 1},       {Kind::cutout, 4, 9},
          {Kind::brightness, 0.25}, {Kind::contrast, 0.5},     {Kind::saturation, 0.75},
          {Kind::grayscale, 0.5},   {Kind::flip_vertical, 0.5}};
}

std::vector<PictureStep> moving_steps() {
  return {{Kind::rotation, 0.2, 1},
          {Kind::zoom, 0.3, 2},
          {Kind::translation, 0.2, 0, 0.4},
          {Kind::crop_and_resize, 0.3, 2, 1.5}};
}

ops::PictureBatch batch_of(std::int64_t count, std::vector<PictureStep> steps = {}) {
  ops::PictureBatch op;
  op.batch_size = 5;
  op.count = count;
  op.steps = std::move(steps);
  return op;
}

}  // namespace

std::vector<OpCase> data_cases() {
  std::vector<OpCase> cases;
  const auto add = [&](const std::string& label, const ops::PictureBatch& op, const Shape& shape,
                       double batch) {
    cases.push_back(OpCase(label, op, data_set(shape, batch)).must_accept({"reference"}));
  };
  ops::PictureBatch in_order = batch_of(5);
  in_order.shuffle = false;
  add("in_order", in_order, {13, 5, 7, 1}, 1);
  add("shuffled", batch_of(5), {13, 4, 4, 3}, 0);
  add("short_last", batch_of(3), {13, 4, 4, 3}, 2);
  add("empty", batch_of(0), {13, 4, 4, 3}, 0);
  add("augmented", batch_of(5, all_steps()), {13, 8, 8, 3}, 1);
  add("moved", batch_of(5, moving_steps()), {13, 8, 6, 3}, 1);
  add("augmented_odd", batch_of(5, all_steps()), {13, 7, 5, 3}, 1);
  add("many_channels", batch_of(5), {13, 3, 3, 6}, 1);
  for (const std::size_t factors : {std::size_t{1}, std::size_t{3}}) {
    const auto rescaled = [factors](DType dtype) -> OpPtr {
      auto op = std::make_shared<ops::PictureBatch>(batch_of(4, all_steps()));
      op->dtype = dtype;
      for (std::size_t c = 0; c < factors; ++c) {
        op->scale.push_back(1.0 / (58 + static_cast<double>(c)));
        op->offset.push_back(-2.0 + static_cast<double>(c));
      }
      return op;
    };
    cases.push_back(
        OpCase("rescaled_" + std::to_string(factors), rescaled, data_set({9, 8, 6, 3}, 0)));
  }
  return cases;
}

}  // namespace fovea::test
