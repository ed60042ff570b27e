// The checks that many ops' infer() share.
#include <algorithm>

#include "fovea/op.h"
#include "fovea/ops/conv.h"

namespace fovea {
namespace {

std::string describe(Size2 size) { return std::to_string(size.h) + "x" + std::to_string(size.w); }

/// Cells before and after along one axis, and how many windows fit.
struct Axis {
  std::int64_t before = 0, after = 0, output = 0;
};

Axis resolve_axis(std::int64_t input, std::int64_t span, std::int64_t stride, Padding::Kind kind,
                  std::int64_t before, std::int64_t after) {
  if (kind == Padding::Kind::same) {
    const std::int64_t output = (input + stride - 1) / stride;
    const std::int64_t total = std::max<std::int64_t>((output - 1) * stride + span - input, 0);
    return {total / 2, total - total / 2, output};
  }
  if (kind == Padding::Kind::valid) before = after = 0;
  const std::int64_t room = input + before + after - span;
  return {before, after, room < 0 ? 0 : room / stride + 1};
}

}  // namespace

WindowGeometry resolve_window(Size2 input, Size2 kernel, Size2 stride, Size2 dilation,
                              const Padding& padding) {
  FOVEA_REQUIRE(kernel.h >= 1 && kernel.w >= 1, invalid_argument, "a window of ", describe(kernel),
                " cells: its sides must be >= 1");
  FOVEA_REQUIRE(stride.h >= 1 && stride.w >= 1, invalid_argument, "strides ", describe(stride),
                " must be >= 1");
  FOVEA_REQUIRE(dilation.h >= 1 && dilation.w >= 1, invalid_argument, "dilations ",
                describe(dilation), " must be >= 1");
  FOVEA_REQUIRE(padding.top >= 0 && padding.bottom >= 0 && padding.left >= 0 && padding.right >= 0,
                invalid_argument, "padding must be >= 0, not top ", padding.top, ", bottom ",
                padding.bottom, ", left ", padding.left, ", right ", padding.right);
  FOVEA_REQUIRE(input.h >= 1 && input.w >= 1, shape_mismatch, "a picture of ", describe(input),
                " has no cells");
  const Size2 span(dilation.h * (kernel.h - 1) + 1, dilation.w * (kernel.w - 1) + 1);
  const Axis h = resolve_axis(input.h, span.h, stride.h, padding.kind, padding.top, padding.bottom);
  const Axis w = resolve_axis(input.w, span.w, stride.w, padding.kind, padding.left, padding.right);
  FOVEA_REQUIRE(h.output >= 1 && w.output >= 1, shape_mismatch, "a window that spans ",
                describe(span), " cells does not fit a picture of ", describe(input),
                " with padding top ", h.before, ", bottom ", h.after, ", left ", w.before,
                ", right ", w.after, "; use 'same' padding, a smaller window or a larger picture");
  WindowGeometry geometry;
  geometry.input = input;
  geometry.kernel = kernel;
  geometry.stride = stride;
  geometry.dilation = dilation;
  geometry.output = Size2(h.output, w.output);
  geometry.pad_top = h.before;
  geometry.pad_bottom = h.after;
  geometry.pad_left = w.before;
  geometry.pad_right = w.after;
  return geometry;
}

namespace ops {

void require_inputs(std::span<const ValueType> inputs, std::size_t count) {
  FOVEA_REQUIRE(inputs.size() == count, invalid_argument, "takes ", count,
                count == 1 ? " input" : " inputs", ", not ", inputs.size());
}

void require_rank(const ValueType& type, int rank, std::string_view what) {
  FOVEA_REQUIRE(type.shape.rank() == rank, shape_mismatch, what, " must have ", rank, " axes",
                rank == 4 ? " such as (N, H, W, C)" : "", ", not ", type.shape.rank(),
                ": its shape is ", type.shape);
}

void require_shape(const ValueType& type, const Shape& shape, std::string_view what) {
  FOVEA_REQUIRE(type.shape == shape, shape_mismatch, what, " must have shape ", shape, ", not ",
                type.shape);
}

void require_floating(const ValueType& type, std::string_view what) {
  FOVEA_REQUIRE(is_floating(type.dtype), invalid_argument, what,
                " must be of a floating type, not ", dtype_name(type.dtype),
                "; convert it with Rescale");
}

void require_type(const ValueType& type, const ValueType& expected, std::string_view what) {
  require_shape(type, expected.shape, what);
  FOVEA_REQUIRE(type.dtype == expected.dtype, invalid_argument, what, " must be of type ",
                dtype_name(expected.dtype), ", not ", dtype_name(type.dtype));
}

}  // namespace ops
}  // namespace fovea
