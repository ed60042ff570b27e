// Pooling, and windows.
#include <algorithm>

#include "fovea/ops/basic.h"
#include "fovea/ops/pool.h"
#include "host/io/onnx/import_ops.h"
#include "host/io/onnx/import_windows.h"

namespace fovea::onnx {
namespace {

constexpr std::int64_t kMostCells = 1 << 16;  // of a window's sizes, steps and padding

/// An attribute of two numbers, of at least `least`.
Size2 pair_of(const Call& call, std::string_view name, std::int64_t least) {
  const auto values = call.integers(name);
  if (!values) return 1;
  const bool fits = values->size() == 2 && std::all_of(values->begin(), values->end(), [&](auto v) {
                      return v >= least && v <= kMostCells;
                    });
  if (!fits) call.refuse(name, " ", to_json(*values).to_string());
  return {(*values)[0], (*values)[1]};
}

/// Cells before and after along one axis, as auto_pad has them: out = ceil(in / stride).
std::pair<std::int64_t, std::int64_t> same_cells(std::int64_t in, std::int64_t kernel,
                                                 std::int64_t stride, std::int64_t dilation,
                                                 bool more_first) {
  const std::int64_t out = (in + stride - 1) / stride;
  const std::int64_t reach = dilation * (kernel - 1) + 1;
  const std::int64_t all = std::max<std::int64_t>(0, (out - 1) * stride + reach - in);
  const std::int64_t less = all / 2;
  return more_first ? std::pair(all - less, less) : std::pair(less, all - less);
}

/// With ceil_mode a last window may begin inside and end outside: the same as more cells there.
std::int64_t ceil_cells(std::int64_t in, std::int64_t kernel, std::int64_t stride,
                        std::int64_t dilation, std::int64_t before, std::int64_t after) {
  const std::int64_t free = in + before + after - (dilation * (kernel - 1) + 1);
  if (free < 0) return 0;
  std::int64_t steps = (free + stride - 1) / stride;
  if (steps * stride >= in + before) --steps;  // a window all outside is none
  return std::max<std::int64_t>(0, steps * stride - free);
}

Padding explicit_padding(const Call& call, Size2 picture, const Window& w) {
  const std::string automatic = call.text("auto_pad", "NOTSET");
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    const bool lower = automatic == "SAME_LOWER";
    const auto down = same_cells(picture.h, w.kernel.h, w.stride.h, w.dilation.h, lower);
    const auto across = same_cells(picture.w, w.kernel.w, w.stride.w, w.dilation.w, lower);
    return Padding::cells(down.first, down.second, across.first, across.second);
  }
  if (automatic == "VALID") return Padding::cells(0);
  if (automatic != "NOTSET") call.refuse("auto_pad ", automatic);
  const std::vector<std::int64_t> pads =
      call.integers("pads").value_or(std::vector<std::int64_t>(4, 0));
  const bool fits = pads.size() == 4 && std::all_of(pads.begin(), pads.end(), [](auto cells) {
                      return cells >= 0 && cells <= kMostCells;
                    });
  if (!fits) call.refuse("pads ", to_json(pads).to_string());
  return Padding::cells(pads[0], pads[2], pads[1], pads[3]);
}

/// The same under its own name, where it has one.
Padding named(const Padding& cells, Size2 picture, const Window& w) {
  if (cells == Padding::cells(0)) return Padding::valid();
  const WindowGeometry same =
      resolve_window(picture, w.kernel, w.stride, w.dilation, Padding::same());
  const Padding same_as_cells =
      Padding::cells(same.pad_top, same.pad_bottom, same.pad_left, same.pad_right);
  return cells == same_as_cells ? Padding::same() : cells;
}

/// A pool's window; padding must be less than the window, or some would be all padding.
Window pool_window(const Call& call, Value x) {
  const Size2 kernel = kernel_shape(call);
  Window w = window_of(call, x, kernel);
  if (w.dilation != Size2(1)) call.refuse("dilations");
  const Padding& p = w.padding;
  if (std::max(p.top, p.bottom) >= kernel.h || std::max(p.left, p.right) >= kernel.w) {
    call.refuse("padding as large as the window");
  }
  return w;
}

void max_pool(const Call& call) {
  if (call.node().outputs.size() > 1 && !call.node().outputs[1].empty()) {
    call.refuse("its second output, the indices");
  }
  const Value x = call.picture(call.view(0));
  const Window w = pool_window(call, x);
  const Value y = call.add(ops::MaxPool2d({w.kernel, w.stride, w.padding}), {x});
  call.give(picture_view(call.b(), y, call.layer()));
}

void average_pool(const Call& call) {
  Value x = call.picture(call.view(0));
  Window w = pool_window(call, x);
  if (call.integer("count_include_pad", 0) != 0 && w.padding.kind != Padding::Kind::valid) {
    if (call.integer("ceil_mode", 0) != 0) call.refuse("count_include_pad with ceil_mode");
    const WindowGeometry g = resolve_window({call.b().shape(x).h(), call.b().shape(x).w()},
                                            w.kernel, w.stride, w.dilation, w.padding);
    ops::Pad rows, columns;
    rows.axis = 1;
    rows.before = g.pad_top;
    rows.after = g.pad_bottom;
    columns.axis = 2;
    columns.before = g.pad_left;
    columns.after = g.pad_right;
    x = call.add(columns, {call.add(rows, {x})});
    w.padding = Padding::valid();
  }
  const Value y = call.add(ops::AvgPool2d({w.kernel, w.stride, w.padding}), {x});
  call.give(picture_view(call.b(), y, call.layer()));
}

/// (N, C) of (N, H, W, C), which is (N, C, 1, 1) in the file.
void give_global(const Call& call, Value x, bool largest, const Shape& shape) {
  const Shape picture = call.b().shape(x);
  Value y;
  if (largest) {
    const Size2 all(picture.h(), picture.w());
    y = call.add(ops::Reshape({picture.c()}),
                 {call.add(ops::MaxPool2d({all, all, Padding::valid()}), {x})});
  } else {
    y = call.add(ops::GlobalAvgPool{}, {x});
  }
  View view = plain_view(call.b(), y, call.layer());
  view.shape = shape;
  call.give(view);
}

void global_pool(const Call& call, bool largest) {
  const Shape& shape = call.view(0).shape;
  const Value x = call.picture(call.view(0));
  give_global(call, x, largest, Shape{shape[0], shape[1], 1, 1});
}

void global_average_pool(const Call& call) { global_pool(call, false); }

void global_max_pool(const Call& call) { global_pool(call, true); }

/// Over both axes of a picture, in either order of axes.
void reduce(const Call& call, bool largest) {
  const View& x = call.view(0);
  const auto listed =
      call.has(1) ? std::optional(call.integers_at(1, "its axes")) : call.integers("axes");
  if (!listed || x.shape.rank() != 4) call.refuse("only both axes of a picture can be reduced");
  std::set<int> axes;
  for (const std::int64_t axis : *listed) axes.insert(resolve_axis(call, axis, 4));
  const bool channels_last = axes == std::set<int>{1, 2};
  if (!channels_last && axes != std::set<int>{2, 3}) {
    call.refuse("only both axes of a picture can be reduced");
  }
  const bool keep = call.integer("keepdims", 1) != 0;
  std::vector<std::int64_t> sizes;
  for (int axis = 0; axis < 4; ++axis) {
    if (!axes.contains(axis)) {
      sizes.push_back(x.shape[axis]);
    } else if (keep) {
      sizes.push_back(1);
    }
  }
  give_global(call, channels_last ? call.plain(x) : call.picture(x), largest, Shape(sizes));
}

void reduce_mean(const Call& call) { reduce(call, false); }

void reduce_max(const Call& call) { reduce(call, true); }

constexpr NamedRule kRules[] = {
    {"MaxPool", max_pool},
    {"AveragePool", average_pool},
    {"GlobalAveragePool", global_average_pool},
    {"GlobalMaxPool", global_max_pool},
    {"ReduceMean", reduce_mean},
    {"ReduceMax", reduce_max},
};

}  // namespace

Size2 kernel_shape(const Call& call) {
  if (!call.integers("kernel_shape")) call.fail_parse("it has no kernel_shape");
  return pair_of(call, "kernel_shape", 1);
}

Window window_of(const Call& call, Value x, Size2 kernel) {
  if (call.integers("kernel_shape") && kernel_shape(call) != kernel) {
    call.fail_parse("its kernel_shape is not that of its weight");
  }
  const Size2 picture(call.b().shape(x).h(), call.b().shape(x).w());
  Window w{kernel, pair_of(call, "strides", 1), pair_of(call, "dilations", 1), {}};
  Padding cells = explicit_padding(call, picture, w);
  if (call.integer("ceil_mode", 0) != 0) {
    cells.bottom +=
        ceil_cells(picture.h, kernel.h, w.stride.h, w.dilation.h, cells.top, cells.bottom);
    cells.right +=
        ceil_cells(picture.w, kernel.w, w.stride.w, w.dilation.w, cells.left, cells.right);
  }
  w.padding = named(cells, picture, w);
  return w;
}

std::span<const NamedRule> pool_rules() { return kRules; }

}  // namespace fovea::onnx
