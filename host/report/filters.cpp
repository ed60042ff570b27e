// The kernels of a layer as small pictures.
#include <algorithm>
#include <cmath>

#include "fovea/error.h"
#include "fovea/names.h"
#include "host/report/kernels.h"
#include "host/report/tiles.h"

namespace fovea {
namespace report {
namespace {

constexpr double kMargin = 16;
constexpr double kPageWidth = 760;

/// The picture (H, W, C) whose pixels a dense layer weighs one by one; a scalar where there is
/// none.
Shape picture_before(const Network& network, const LayerRecord& dense) {
  if (dense.kind != "Dense" || dense.connected_to.size() != 1) return {};
  const LayerRecord& flatten = layer_of(network, dense.connected_to[0]);
  if (flatten.kind != "Flatten" || flatten.connected_to.size() != 1) return {};
  const Shape shape = layer_of(network, flatten.connected_to[0]).output;
  const bool picture =
      shape.rank() == 2 || (shape.rank() == 3 && (shape.c() == 1 || shape.c() == 3));
  return picture ? shape : Shape{};
}

const ParameterRecord* weight_of(const LayerRecord& layer) {
  for (const ParameterRecord& parameter : layer.parameters) {
    if (parameter.path == layer.name + ".weight") return &parameter;
  }
  return nullptr;
}

/// A layer's kernels, f32 (filters, height, width, channels).
Tensor kernels_of(const Model& model, const LayerRecord& layer) {
  const ParameterRecord& record = *weight_of(layer);
  if (record.shape.rank() == 4) return model.weight(record.path).to(DType::f32);
  const Tensor weight = model.weight(record.path).to(DType::f32);
  Shape shape = picture_before(model.network(), layer);
  if (shape.rank() == 2) shape = shape.append(1);
  const std::int64_t inputs = weight.shape()[0];
  const std::int64_t units = weight.shape()[1];
  Tensor kernels(shape.prepend(units), DType::f32);
  for (std::int64_t unit = 0; unit < units; ++unit) {
    for (std::int64_t i = 0; i < inputs; ++i) {
      kernels.data<float>()[unit * inputs + i] = weight.data<float>()[i * units + unit];
    }
  }
  return kernels;
}

struct FilterTiles {
  Tiles tiles;
  float least = INFINITY;  // of the filters' largest magnitudes
  float most = 0;
};

/// Each filter from -m to m, its largest magnitude: zero is in the middle of the scale. Three
/// channels are one tile in colours, others one tile each.
FilterTiles tiles_of(const Tensor& kernels, std::int64_t filters, std::int64_t channels) {
  const Shape& shape = kernels.shape();
  const bool colours = shape.c() == 3;
  FilterTiles result;
  result.tiles.height = shape.h();
  result.tiles.width = shape.w();
  result.tiles.channels = colours ? 3 : 1;
  const std::int64_t pixels = shape.h() * shape.w();
  for (std::int64_t f = 0; f < filters; ++f) {
    const float* kernel = kernels.data<float>() + f * pixels * shape.c();
    float m = 0;
    for (std::int64_t i = 0; i < pixels * shape.c(); ++i) m = std::max(m, std::fabs(kernel[i]));
    result.least = std::min(result.least, m);
    result.most = std::max(result.most, m);
    const auto byte = [&](std::int64_t i) {
      const float part = m > 0 && std::isfinite(m) ? kernel[i] / m : 0;
      return static_cast<std::uint8_t>(127.5F + 127.5F * std::clamp(part, -1.0F, 1.0F));
    };
    if (colours) {
      for (std::int64_t i = 0; i < 3 * pixels; ++i) result.tiles.pixels.push_back(byte(i));
      continue;
    }
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t i = 0; i < pixels; ++i) {
        result.tiles.pixels.push_back(byte(i * shape.c() + c));
      }
    }
  }
  return result;
}

std::string layers_with_kernels(const Network& network) {
  std::string names;
  for (const LayerRecord& layer : network.layers()) {
    if (has_kernels(network, layer)) names += (names.empty() ? "" : ", ") + layer.name;
  }
  return names.empty() ? "no layer of the network has them" : "these have them: " + names;
}

std::string shown_text(std::int64_t shown, std::int64_t all, const std::string& what) {
  return (shown < all ? "the first " + std::to_string(shown) + " of " : "all ") +
         std::to_string(all) + " " + what;
}

}  // namespace

const LayerRecord& layer_of(const Network& network, const std::string& name) {
  std::vector<std::string> names;
  for (const LayerRecord& layer : network.layers()) {
    if (layer.name == name) return layer;
    names.push_back(layer.name);
  }
  fail_unknown("layer", name, names);
}

bool has_kernels(const Network& network, const LayerRecord& layer) {
  const ParameterRecord* weight = weight_of(layer);
  if (weight == nullptr) return false;
  return weight->shape.rank() == 4 ||
         (weight->shape.rank() == 2 && picture_before(network, layer).rank() > 0);
}

Picture filters_picture(const Model& model, const std::string& layer_name,
                        const FiltersOptions& options, bool for_page) {
  FOVEA_REQUIRE(options.max_filters >= 1 && options.max_channels >= 1, invalid_argument,
                "max_filters and max_channels are at least 1");
  const LayerRecord& layer = layer_of(model.network(), layer_name);
  FOVEA_REQUIRE(has_kernels(model.network(), layer), invalid_argument, "the layer '", layer_name,
                "' (", layer.kind, ") has no kernels to draw; ",
                layers_with_kernels(model.network()));
  const Tensor kernels = kernels_of(model, layer);
  const Shape& shape = kernels.shape();
  const std::int64_t filters = std::min(shape.n(), options.max_filters);
  const bool colours = shape.c() == 3;
  const std::int64_t channels = colours ? 1 : std::min(shape.c(), options.max_channels);
  const FilterTiles drawn = tiles_of(kernels, filters, channels);
  const bool single = channels == 1;
  const double tile_size =
      single ? std::clamp(10.0 * static_cast<double>(shape.w()), 44.0, 84.0) : 22;
  const SheetLayout sheet = sheet_layout(drawn.tiles, kPageWidth, tile_size, single ? 0 : channels);

  const std::string title = options.title.empty() ? "Filters of " + layer.name : options.title;
  std::string about = shown_text(filters, shape.n(), "filters") + " of " +
                      std::to_string(shape.h()) + " × " + std::to_string(shape.w());
  if (colours) about += ", their 3 input channels as red, green and blue";
  if (!colours && shape.c() > 1) {
    about += ", " + shown_text(channels, shape.c(), "input channels") + " of each side by side";
  }
  const std::string scale = "each filter from −m, black, over 0, grey, to m, white" +
                            std::string(colours ? " (in each colour)" : "") + "; m from " +
                            readable(double{drawn.least}, 3) + " to " +
                            readable(double{drawn.most}, 3);
  Svg svg(for_page);
  svg.text(kMargin, 30, shorten(title, 60), {.look = "fv-ink", .size = 17, .bold = true});
  svg.text(kMargin, 50, about);
  svg.text(kMargin, 67, scale);
  const double height = draw_sheet(svg, drawn.tiles, sheet, kMargin, 82);
  const double width = sheet.scale * static_cast<double>(sheet.columns * shape.w());
  const double text = std::max(
      {text_width(shorten(title, 60), 18), text_width(about, 11.5), text_width(scale, 11.5)});
  return svg.finish(2 * kMargin + std::max(width, text), 82 + height + kMargin,
                    title + ": " + about);
}

}  // namespace report

Picture draw_filters(const Model& model, const std::string& layer, const FiltersOptions& options) {
  return report::filters_picture(model, layer, options, false);
}

}  // namespace fovea
