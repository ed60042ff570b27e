// Files of pictures.
#include <algorithm>
#include <cctype>

#include "fovea/error.h"
#include "fovea/report.h"
#include "host/base/plugin.h"
#include "host/io/atomic_file.h"
#include "host/report/rasterizer.h"

namespace fovea {
namespace {

report::Rasterize& rasterizer(const std::filesystem::path& path) {
  const Plugin plugin = open_plugin("svg", "fovea_svg_rasterizer");
  FOVEA_REQUIRE(plugin.symbol != nullptr, unsupported, path,
                ": Fovea's plug-in for PNG pictures, libfovea_svg.so, cannot be used (",
                plugin.problem, "); install librsvg2-dev and build Fovea again, or write an .svg");
  return *reinterpret_cast<report::RasterizerEntry>(plugin.symbol)();
}

}  // namespace

void write_picture(const std::filesystem::path& path, const Picture& picture, double scale) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  FOVEA_REQUIRE(ending == ".svg" || ending == ".png", invalid_argument, path,
                " cannot be written: its name must end in .svg or .png");
  FOVEA_REQUIRE(scale >= 0.1 && scale <= 10, invalid_argument, path, ": a scale of ", scale,
                " is not 0.1 to 10");
  if (ending == ".svg") {
    write_text_file(path.string(), picture.svg);
    return;
  }
  const std::vector<std::uint8_t> bytes = rasterizer(path)(picture.svg, scale);
  AtomicFile file(path.string());
  file.write(bytes.data(), bytes.size());
  file.commit();
}

}  // namespace fovea
