// What the plug-in libfovea_svg.so offers, made of host/report/svg_plugin/.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace fovea::report {

/// The bytes of a PNG file of an SVG document, `scale` times as large. Throws invalid_argument for
/// what is no SVG.
using Rasterize = std::vector<std::uint8_t>(std::string_view svg, double scale);

/// The type of the entry fovea_svg_rasterizer.
using RasterizerEntry = Rasterize* (*)();

}  // namespace fovea::report
