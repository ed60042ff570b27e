// Tiles: many small pictures of one size as one sheet.
#pragma once

#include <cstdint>
#include <vector>

#include "fovea/tensor.h"
#include "host/report/svg.h"

namespace fovea::report {

/// Small pictures (count, height, width, channels), channels 1 or 3, of u8.
struct Tiles {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 1;
  std::vector<std::uint8_t> pixels{};

  std::int64_t count() const;
};

/// How a sheet is laid out.
struct SheetLayout {
  std::int64_t columns = 1;
  std::int64_t group = 0;  ///< columns between wider gaps; 0: none
  double scale = 1;        ///< of a tile's pixels
};
/// For a page of this width, tiles of about `tile_size` pixels, groups kept together.
SheetLayout sheet_layout(const Tiles& tiles, double page_width, double tile_size,
                         std::int64_t group = 0);

/// Draws a sheet with its corner at (x, y), row by row, lines of the page's colour between the
/// tiles. Returns the height that it takes.
double draw_sheet(Svg& svg, const Tiles& tiles, const SheetLayout& layout, double x, double y);

/// A picture (H, W, C) as the data sets have it, u8 or floating, as u8 with 1 or 3 channels: as it
/// is where it is u8 or from 0 to 255, else from its least to its largest value. Undefined for what
/// cannot be shown as a picture.
Tensor showable(const Tensor& sample);

}  // namespace fovea::report
