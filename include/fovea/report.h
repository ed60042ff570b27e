// Pictures of networks and of their training, and an HTML report: what people look at. Link with
// fovea::report (find_package) or fovea-report (pkg-config), a library beside libfovea.
//
//   write_picture("curves.png", draw_curves(history));
//   write_report("report.html", model, {.history = history, .test = test});
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "fovea/data.h"
#include "fovea/model.h"

namespace fovea {

// ---- Pictures ----

/// A drawing as an SVG document, of this size in pixels.
struct Picture {
  std::string svg;
  int width = 0;
  int height = 0;
};

/// Writes a file whose name ends in .svg or .png, atomically; PNG with `scale` times as many pixels
/// on each side. Throws invalid_argument for another ending or a scale outside 0.1 to 10, io where
/// it cannot be written, unsupported for PNG without the plug-in (librsvg).
FOVEA_API void write_picture(const std::filesystem::path& path, const Picture& picture,
                             double scale = 2);

}  // namespace fovea
