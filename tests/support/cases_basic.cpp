// Cases of arithmetic, shape changes, dropout and reductions.
#include "fovea/ops/basic.h"
#include "fovea/ops/transpose.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

/// From one element to enough for several threads.
std::vector<std::pair<std::string, Shape>> element_shapes() {
  return {{"scalar", {}},
          {"one", {1, 1}},
          {"odd", {7, 13}},
          {"picture", {3, 5, 7, 2}},
          {"many", {2, 70001}}};
}

/// Numeric gradients of many elements are slow and lose digits in the sum of all outputs; of none
/// there are none.
std::vector<int> if_small(const Shape& shape, std::vector<int> differentiable) {
  const bool small = shape.numel() > 0 && shape.numel() <= 1000;
  return small ? differentiable : std::vector<int>{};
}

void add_arithmetic(std::vector<OpCase>& cases) {
  ops::Scale scale;
  scale.factor = -2.75;
  for (const auto& [label, shape] : element_shapes()) {
    const std::vector<int> first = if_small(shape, {0}), both = if_small(shape, {0, 1});
    cases.push_back(OpCase(label, ops::Add{}, {{shape}, {shape}}).differentiate(both));
    cases.push_back(OpCase(label, ops::Multiply{}, {{shape}, {shape}}).differentiate(both));
    cases.push_back(OpCase(label, scale, {{shape}}).differentiate(first));
  }
}

OpCase rescale(const std::string& label, const std::vector<double>& scale,
               const std::vector<double>& offset, CaseInput input) {
  const auto make = [=](DType dtype) -> OpPtr {
    auto op = std::make_shared<ops::Rescale>();
    op->scale = scale;
    op->offset = offset;
    op->dtype = dtype;
    return op;
  };
  return OpCase(label, make, {std::move(input)});
}

void add_rescale(std::vector<OpCase>& cases) {
  const std::vector<double> scales = {1.0 / 58, 1.0 / 57, -1.0 / 59};
  const std::vector<double> offsets = {-2.1, -2.0, 1.8};
  const Fill bytes = integers(256);
  cases.push_back(rescale("u8", {1.0 / 255}, {0}, {{3, 5, 7, 1}, bytes, DType::u8}));
  cases.push_back(rescale("u8_channels", scales, offsets, {{5, 7, 11, 3}, bytes, DType::u8}));
  cases.push_back(rescale("cifar10_batch", scales, offsets, {{32, 32, 32, 3}, bytes, DType::u8}));
  cases.push_back(rescale("from_f64", {0.5}, {2}, {{3, 17}, uniform(), DType::f64}));
  cases.push_back(rescale("one", {3}, {-1}, {{1, 1}}).differentiate({0}));
  cases.push_back(rescale("channels", scales, offsets, {{4, 23, 3}}).differentiate({0}));
  const std::vector<double> wide_scale(101, 1.5), wide_offset(101, -0.5);
  cases.push_back(rescale("many_channels", wide_scale, wide_offset, {{5, 101}}).differentiate({0}));
  std::vector<double> widest_scale, widest_offset;  // more than one kernel's arguments can carry
  for (int channel = 0; channel < 1003; ++channel) {
    widest_scale.push_back(1 + 0.001 * channel);
    widest_offset.push_back(0.5 - 0.001 * channel);
  }
  cases.push_back(rescale("most_channels", widest_scale, widest_offset, {{3, 1003}}));
  cases.push_back(rescale("nothing", {0.5}, {2}, {{0, 5, 3}, bytes, DType::u8}));
}

/// From a type of its own, or from the case's, to the case's.
void add_cast(const std::string& label, CaseInput input, std::vector<int> differentiable,
              std::vector<OpCase>& cases) {
  const auto make = [](DType dtype) -> OpPtr { return std::make_shared<ops::Cast>(dtype); };
  cases.push_back(OpCase(label, make, {std::move(input)}).differentiate(differentiable));
}

void add_casts(std::vector<OpCase>& cases) {
  for (const auto& [label, shape] : element_shapes()) {
    add_cast("same_" + label, {shape}, if_small(shape, {0}), cases);
    for (const DType from : {DType::f32, DType::f16, DType::bf16}) {
      add_cast(std::string(dtype_name(from)) + "_" + label, {shape, uniform(), from}, {}, cases);
    }
  }
}

void add_reshape(const std::string& label, const Shape& x, const Shape& tail,
                 std::vector<OpCase>& cases) {
  cases.push_back(OpCase(label, ops::Reshape(tail), {{x}}).differentiate({0}));
}

void add_concat(const std::string& label, int axis, const std::vector<Shape>& shapes,
                std::vector<OpCase>& cases) {
  ops::Concat op;
  op.axis = axis;
  std::vector<CaseInput> inputs;
  std::vector<int> all;
  for (const Shape& shape : shapes) {
    all.push_back(static_cast<int>(inputs.size()));
    inputs.push_back({shape});
  }
  cases.push_back(OpCase(label, op, std::move(inputs)).differentiate(if_small(shapes[0], all)));
}

void add_slice(const std::string& label, const CaseInput& x, int axis, std::int64_t begin,
               std::int64_t size, std::vector<OpCase>& cases) {
  ops::Slice op;
  op.axis = axis;
  op.begin = begin;
  op.size = size;
  const bool differentiable = !x.dtype && size > 0;
  const std::vector<int> first = differentiable ? if_small(x.shape, {0}) : std::vector<int>{};
  cases.push_back(OpCase(label, op, {x}).differentiate(first));
}

void add_pad(const std::string& label, const Shape& x, int axis, std::int64_t before,
             std::int64_t after, std::vector<OpCase>& cases) {
  ops::Pad op;
  op.axis = axis;
  op.before = before;
  op.after = after;
  cases.push_back(OpCase(label, op, {{x}}).differentiate(if_small(x, {0})));
}

void add_transpose(const std::string& label, const CaseInput& x, std::vector<std::int64_t> order,
                   std::vector<OpCase>& cases) {
  const std::vector<int> first = x.dtype ? std::vector<int>{} : if_small(x.shape, {0});
  cases.push_back(OpCase(label, ops::Transpose(std::move(order)), {x}).differentiate(first));
}

void add_transposes(std::vector<OpCase>& cases) {
  add_transpose("same", {{3, 5}}, {0, 1}, cases);
  add_transpose("batch", {{7}}, {0}, cases);
  add_transpose("channels_last", {{2, 3, 5, 7}}, {0, 2, 3, 1}, cases);
  add_transpose("channels_first", {{2, 5, 7, 3}}, {0, 3, 1, 2}, cases);
  add_transpose("reversed", {{2, 3, 1, 4, 5}}, {0, 4, 3, 2, 1}, cases);
  add_transpose("every_axis", {{2, 3, 2, 3, 2, 3, 2, 1}}, {0, 2, 1, 4, 3, 6, 5, 7}, cases);
  add_transpose("ones", {{1, 1, 1}}, {0, 2, 1}, cases);
  add_transpose("many", {{3, 301, 77}}, {0, 2, 1}, cases);
  add_transpose("tiles_of_inner_and_middle", {{2, 17, 3, 40}}, {0, 3, 2, 1}, cases);
  add_transpose("tiles_with_axes_between", {{2, 3, 16, 2, 33}}, {0, 4, 1, 3, 2}, cases);
  add_transpose("empty", {{3, 0, 4}}, {0, 2, 1}, cases);
  add_transpose("bytes", {{3, 7, 5, 3}, integers(256), DType::u8}, {0, 3, 1, 2}, cases);
  add_transpose("tiles_of_bytes", {{3, 35, 20}, integers(256), DType::u8}, {0, 2, 1}, cases);
  add_transpose("tiles_of_labels", {{1, 20, 35}, integers(256), DType::i64}, {0, 2, 1}, cases);
  add_transpose("labels", {{3, 8, 2}, integers(256), DType::i64}, {0, 2, 1}, cases);
}

void add_shapes(std::vector<OpCase>& cases) {
  add_reshape("flatten", {4, 3, 5, 2}, {30}, cases);
  add_reshape("fold", {2, 6}, {1, 3, 2}, cases);
  add_reshape("drop_axis", {3, 1}, {}, cases);
  add_concat("alone", 1, {{3, 5}}, cases);
  add_concat("channels", 3, {{2, 3, 5, 7}, {2, 3, 5, 1}, {2, 3, 5, 16}}, cases);
  add_concat("rows", 1, {{2, 3, 4}, {2, 1, 4}}, cases);
  add_concat("aligned", 3, {{2, 3, 1, 16}, {2, 3, 1, 8}}, cases);
  add_concat("nothing", 1, {{3, 0}, {3, 5}, {3, 0}}, cases);
  add_concat("many", 2, {{301, 3, 77}, {301, 3, 80}}, cases);
  add_slice("whole", {{3, 5}}, 1, 0, 5, cases);
  add_slice("channels", {{2, 3, 5, 7}}, 3, 2, 3, cases);
  add_slice("rows", {{2, 5, 3}}, 1, 4, 1, cases);
  add_slice("many", {{301, 3, 177}}, 2, 33, 101, cases);
  add_slice("aligned", {{3, 2, 24}}, 2, 8, 8, cases);
  add_slice("empty", {{3, 7}}, 1, 2, 0, cases);
  add_slice("bytes", {{3, 7, 5}, integers(256), DType::u8}, 2, 1, 3, cases);
  add_slice("labels", {{3, 8}, integers(256), DType::i64}, 1, 1, 5, cases);
  add_pad("nothing", {3, 5}, 1, 0, 0, cases);
  add_pad("channels", {2, 3, 5, 7}, 3, 1, 8, cases);
  add_pad("rows", {2, 5, 3}, 1, 0, 2, cases);
  add_pad("aligned", {3, 2, 24}, 2, 8, 16, cases);
  add_pad("empty", {3, 0}, 1, 2, 3, cases);
  add_pad("many", {301, 3, 77}, 2, 30, 3, cases);
}

void add_dropout(const std::string& label, double rate, const Shape& x,
                 std::vector<OpCase>& cases) {
  ops::Dropout op;
  op.rate = rate;
  op.stream = 0xFEDCBA9876543210;
  const CaseInput seed{{}, integers(1000), DType::i64};
  const CaseInput step{{}, integers(1000), DType::i64};
  cases.push_back(OpCase(label, op, {{x}, seed, step}).differentiate(if_small(x, {0})));
}

void add_reductions(std::vector<OpCase>& cases) {
  for (const auto& [label, shape] : element_shapes()) {
    const std::vector<int> first = if_small(shape, {0});
    cases.push_back(OpCase(label, ops::Mean{}, {{shape}}).differentiate(first));
    ops::Broadcast broadcast;
    broadcast.shape = shape;
    broadcast.factor = 0.7;
    cases.push_back(OpCase(label, broadcast, {{{}}}));
    for (const auto& [l1, l2] : {std::pair(0.5, 0.0), std::pair(0.0, 0.3), std::pair(0.2, 0.1)}) {
      const std::string name = label + (l1 > 0 ? "_l1" : "") + (l2 > 0 ? "_l2" : "");
      ops::WeightPenalty penalty;
      penalty.l1 = l1;
      penalty.l2 = l2;
      cases.push_back(OpCase(name, penalty, {{shape, away_from_zero()}}).differentiate(first));
      ops::WeightPenaltyBackward backward;
      backward.l1 = l1;
      backward.l2 = l2;
      cases.push_back(OpCase(name, backward, {{{}}, {shape, away_from_zero()}}));
    }
  }
}

}  // namespace

std::vector<OpCase> basic_cases() {
  std::vector<OpCase> cases;
  add_arithmetic(cases);
  add_rescale(cases);
  add_casts(cases);
  add_shapes(cases);
  add_transposes(cases);
  add_dropout("keeps_all", 0, {3, 7}, cases);
  add_dropout("half", 0.5, {5, 7, 11}, cases);
  add_dropout("nothing", 0.5, {0, 7}, cases);
  add_dropout("most", 0.9, {1, 101}, cases);
  add_dropout("many", 0.25, {32, 5003}, cases);
  add_reductions(cases);
  return cases;
}

}  // namespace fovea::test
