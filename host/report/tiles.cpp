#include "host/report/tiles.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace fovea::report {

std::int64_t Tiles::count() const {
  return static_cast<std::int64_t>(pixels.size()) / (height * width * channels);
}

SheetLayout sheet_layout(const Tiles& tiles, double page_width, double tile_size,
                         std::int64_t group) {
  SheetLayout layout;
  const auto side = static_cast<double>(std::max(tiles.height, tiles.width));
  layout.scale = side > tile_size ? tile_size / side : std::max(1.0, std::round(tile_size / side));
  layout.group = group;
  const double tile = layout.scale * static_cast<double>(tiles.width);
  layout.columns =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(page_width / tile), 1, tiles.count());
  const std::int64_t rows = (tiles.count() + layout.columns - 1) / layout.columns;
  if (group == 0) layout.columns = (tiles.count() + rows - 1) / rows;  // rows of equal length
  if (group > 1) layout.columns = std::max<std::int64_t>(1, layout.columns / group) * group;
  return layout;
}

/// Lines between tiles and around the sheet.
void draw_gaps(Svg& svg, const SheetLayout& layout, std::int64_t rows, double tile_width,
               double tile_height, double x, double y) {
  std::string thin;
  std::string wide;
  const std::string height = coordinate(tile_height * static_cast<double>(rows));
  for (std::int64_t i = 0; i <= layout.columns; ++i) {
    std::string& d = layout.group > 0 && i % layout.group == 0 ? wide : thin;
    d += "M" + coordinate(x + tile_width * static_cast<double>(i)) + " " + coordinate(y) + "v" +
         height;
  }
  const std::string width = coordinate(tile_width * static_cast<double>(layout.columns));
  for (std::int64_t i = 0; i <= rows; ++i) {
    std::string& d = layout.group > 0 ? wide : thin;
    d += "M" + coordinate(x) + " " + coordinate(y + tile_height * static_cast<double>(i)) + "h" +
         width;
  }
  if (!thin.empty()) {
    svg.path(thin, layout.group > 0 ? "class=\"fv-gap\" stroke-width=\"1\""
                                    : "class=\"fv-gap\" stroke-width=\"3\"");
  }
  if (!wide.empty()) svg.path(wide, "class=\"fv-gap\" stroke-width=\"7\"");
}

double draw_sheet(Svg& svg, const Tiles& tiles, const SheetLayout& layout, double x, double y) {
  const std::int64_t columns = layout.columns;
  const double scale = layout.scale;
  const std::int64_t count = tiles.count();
  const std::int64_t rows = (count + columns - 1) / columns;
  const std::int64_t row_bytes = tiles.width * tiles.channels;
  Tensor sheet =
      Tensor::zeros({rows * tiles.height, columns * tiles.width, tiles.channels}, DType::u8);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint8_t* tile = tiles.pixels.data() + i * tiles.height * row_bytes;
    for (std::int64_t line = 0; line < tiles.height; ++line) {
      const std::int64_t row = i / columns * tiles.height + line;
      std::memcpy(sheet.data<std::uint8_t>() + (row * columns + i % columns) * row_bytes,
                  tile + line * row_bytes, static_cast<std::size_t>(row_bytes));
    }
  }
  const double tile_width = scale * static_cast<double>(tiles.width);
  const double tile_height = scale * static_cast<double>(tiles.height);
  const double width = tile_width * static_cast<double>(columns);
  const double height = tile_height * static_cast<double>(rows);
  svg.image(x, y, width, height, sheet);
  if (const std::int64_t last = count % columns; last != 0) {
    svg.rect(x + tile_width * static_cast<double>(last), y + height - tile_height,
             width - tile_width * static_cast<double>(last), tile_height, "class=\"fv-blank\"");
  }
  draw_gaps(svg, layout, rows, tile_width, tile_height, x, y);
  return height;
}

Tensor showable(const Tensor& sample) {
  Shape shape = sample.shape();
  if (shape.rank() == 2) shape = shape.append(1);
  if (shape.rank() != 3 || (shape.c() != 1 && shape.c() != 3) || shape.numel() == 0) return {};
  Tensor picture = sample.reshape(shape);
  if (picture.dtype() == DType::u8) return picture;
  const Tensor values = picture.to(DType::f32);
  const auto numbers = values.span<float>();
  if (!std::all_of(numbers.begin(), numbers.end(), [](float v) { return std::isfinite(v); })) {
    return {};
  }
  float low = *std::min_element(numbers.begin(), numbers.end());
  float high = *std::max_element(numbers.begin(), numbers.end());
  if (low >= 0 && high <= 255) {
    low = 0;
    high = high <= 1 ? 1.0F : 255.0F;
  }
  Tensor result(shape, DType::u8);
  std::transform(numbers.begin(), numbers.end(), result.data<std::uint8_t>(), [&](float v) {
    return static_cast<std::uint8_t>(high > low ? 255 * (v - low) / (high - low) + 0.5F : 0);
  });
  return result;
}

}  // namespace fovea::report
