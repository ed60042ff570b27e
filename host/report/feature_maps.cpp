// What a layer gives for one sample: maps, bars.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "fovea/error.h"
#include "fovea/image.h"
#include "host/report/axis.h"
#include "host/report/kernels.h"
#include "host/report/order.h"
#include "host/report/tiles.h"

namespace fovea {
namespace report {
namespace {

constexpr double kMargin = 16;
constexpr double kMapsWidth = 620;
constexpr std::int64_t kLargestMap = 64;  // pixels of a side; larger ones are made smaller
constexpr std::int64_t kMostBars = 10;
constexpr std::int64_t kMostColumns = 128;

/// The first maps of f32 (1, H, W, C), each from its least to its largest value.
Tiles maps_of(const Tensor& value, std::int64_t count) {
  Tensor maps = value;
  const std::int64_t side = std::max(maps.shape().h(), maps.shape().w());
  if (side > kLargestMap) {
    const auto smaller = [&](std::int64_t size) {
      return std::max<std::int64_t>(1, size * kLargestMap / side);
    };
    maps = resize_image(maps, {smaller(maps.shape().h()), smaller(maps.shape().w())},
                        {.antialias = true});
  }
  const Shape& shape = maps.shape();
  Tiles tiles{shape.h(), shape.w(), 1};
  const std::int64_t pixels = shape.h() * shape.w();
  const float* values = maps.data<float>();
  for (std::int64_t c = 0; c < count; ++c) {
    float low = INFINITY;
    float high = -INFINITY;
    for (std::int64_t i = 0; i < pixels; ++i) {
      const float v = values[i * shape.c() + c];
      if (!std::isfinite(v)) continue;
      low = std::min(low, v);
      high = std::max(high, v);
    }
    for (std::int64_t i = 0; i < pixels; ++i) {
      const float v = values[i * shape.c() + c];
      const float part = high > low && std::isfinite(v) ? (v - low) / (high - low) : 0;
      tiles.pixels.push_back(static_cast<std::uint8_t>(std::lround(255 * part)));
    }
  }
  return tiles;
}

/// The classes of the largest values, one below the other.
double draw_class_bars(Svg& svg, std::span<const float> values,
                       const std::vector<std::string>& names, double x, double y, double& width) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return larger_first(values[a], values[b]);
  });
  order.resize(std::min<std::size_t>(order.size(), kMostBars));
  double label = 0;
  for (const std::size_t c : order) {
    label = std::max(label, text_width(shorten(names[c], 24), 12));
  }
  const double left = x + label + 10;
  const double room = std::min(width - label - 80, 320.0);
  const double largest = std::max(double{values[order[0]]}, 1e-30);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const double top = y + 24 * static_cast<double>(i);
    const double value = double{values[order[i]]};
    const double bar = std::clamp(room * value / std::max(largest, 1.0), 1.0, room);
    svg.text(left - 8, top + 15, shorten(names[order[i]], 24), {.anchor = "end"});
    svg.rect(left, top + 4, std::isfinite(bar) ? bar : 1, 15, "rx=\"3\" class=\"fv-bar\"");
    svg.text(left + (std::isfinite(bar) ? bar : 1) + 7, top + 15, readable(value, 3));
  }
  width = label + 10 + room + 60;
  return 24 * static_cast<double>(order.size());
}

/// One column for each number, up or down from zero.
double draw_columns(Svg& svg, std::span<const float> values, double x, double y, double& width) {
  constexpr double kHeight = 170;
  const auto count = std::min<std::size_t>(values.size(), kMostColumns);
  std::vector<double> shown(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count));
  shown.push_back(0);
  const Axis axis = axis_of(shown);
  const double left = x + 52;
  const double step = std::clamp((width - 60) / static_cast<double>(count), 3.0, 22.0);
  const double right = left + step * static_cast<double>(count);
  const auto place = [&](double value) { return y + kHeight * (1 - axis.place(value)); };
  for (const Tick& tick : axis.ticks(4)) {
    svg.line(left, place(tick.value), right, place(tick.value), "class=\"fv-grid\"");
    svg.text(left - 6, place(tick.value) + 4, tick.label, {.anchor = "end", .size = 11});
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(shown[i])) continue;
    const double top = std::min(place(shown[i]), place(0));
    svg.rect(left + step * static_cast<double>(i) + 0.5, top, step - 1,
             std::max(std::fabs(place(shown[i]) - place(0)), 0.5), "class=\"fv-bar\"");
  }
  svg.line(left, place(0), right, place(0), "class=\"fv-axis\"");
  const std::string about =
      (count < values.size() ? "the first " + std::to_string(count) + " of " : std::string()) +
      std::to_string(values.size()) + " units";
  svg.text(left, y + kHeight + 18, about, {.size = 11});
  width = std::max(right - x, 60 + text_width(about, 11));
  return kHeight + 24;
}

Tensor checked_sample(const Model& model, const Tensor& sample) {
  FOVEA_REQUIRE(model.network().inputs().size() == 1, unsupported,
                "feature maps of models with several inputs cannot be drawn");
  const Shape& wanted = model.network().inputs()[0].shape;
  FOVEA_REQUIRE(sample.defined() && sample.numel() > 0, invalid_argument,
                "there is no sample to show feature maps of");
  const Shape& given = sample.shape();
  const bool fits = given == wanted || given.append(1) == wanted || given == wanted.prepend(1);
  FOVEA_REQUIRE(fits, shape_mismatch, "one sample of '", model.network().name(), "' is ",
                wanted.str(), ", not ", given.str());
  return sample.reshape(wanted);
}

}  // namespace

double draw_output(Svg& svg, const Tensor& value, const std::vector<std::string>& names,
                   std::int64_t max_maps, double x, double y, double& width) {
  Tensor values = value.to(DType::f32);
  const std::int64_t numbers = values.numel();
  const int rank = values.shape().rank();
  if (rank == 3) values = values.reshape(values.shape().append(1));
  if (rank == 3 || rank == 4) {
    const std::int64_t count = std::min(max_maps, values.shape().c());
    const Tiles tiles = maps_of(values, count);
    const SheetLayout sheet = sheet_layout(tiles, width, 74);
    width = sheet.scale * static_cast<double>(sheet.columns * tiles.width);
    return draw_sheet(svg, tiles, sheet, x, y);
  }
  const auto flat = values.span<float>();
  if (std::ssize(names) == numbers && numbers > 1) {
    return draw_class_bars(svg, flat, names, x, y, width);
  }
  return draw_columns(svg, flat, x, y, width);
}

}  // namespace report

Picture draw_feature_maps(Model& model, const Tensor& sample, const std::string& layer_name,
                          const FeatureMapsOptions& options) {
  using namespace report;  // NOLINT(google-build-using-namespace)
  FOVEA_REQUIRE(options.max_maps >= 1, invalid_argument, "max_maps is at least 1, not ",
                options.max_maps);
  const LayerRecord& layer = layer_of(model.network(), layer_name);
  const Tensor input = checked_sample(model, sample);
  const Tensor batch = add_batch_axis(input);
  const Tensor value =
      layer.kind == "InputLayer" ? batch : model.probe({batch}, {layer_name}).at(layer_name);
  const bool is_output =
      model.network().outputs().size() == 1 && layer_name == model.network().layers().back().name;
  std::vector<std::string> names;
  if (is_output) {
    names = options.class_names.empty() ? model.options().class_names : options.class_names;
  }
  const std::string title = options.title.empty() ? "What " + layer.name + " gives" : options.title;
  std::string about = layer.kind + ", " + size_text(layer.output);
  if (layer.output.rank() >= 2) {
    const std::int64_t maps = layer.output.rank() == 2 ? 1 : layer.output.c();
    if (maps > options.max_maps)
      about += ", the first " + std::to_string(options.max_maps) + " maps";
    about += "; each map from its least, black, to its largest value, white";
  }
  Svg svg;
  svg.text(kMargin, 30, shorten(title, 60), {.look = "fv-ink", .size = 17, .bold = true});
  svg.text(kMargin, 50, about);
  double left = kMargin;
  double height = 0;
  if (const Tensor picture = showable(input); picture.defined()) {
    const Shape& shape = picture.shape();
    const double scale = 120.0 / static_cast<double>(std::max(shape[0], shape[1]));
    const double high = scale * static_cast<double>(shape[0]);
    svg.image(kMargin, 68, scale * static_cast<double>(shape[1]), high, picture);
    svg.text(kMargin, 68 + high + 17, "the sample", {.size = 11});
    left += 120 + 24;
    height = high + 22;
  }
  double width = kMapsWidth;
  height = std::max(height, draw_output(svg, value, names, options.max_maps, left, 68, width));
  const double text = kMargin + std::max(text_width(title, 18), text_width(about, 11.5));
  return svg.finish(std::max(left + width, text) + kMargin, 68 + height + kMargin,
                    title + ": " + about);
}

}  // namespace fovea
