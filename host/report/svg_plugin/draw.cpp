// The plug-in that makes PNG pictures of SVG documents, on librsvg and cairo.
#include <cairo.h>
#include <librsvg/rsvg.h>

#include <cmath>
#include <memory>
#include <new>
#include <string>

#include "fovea/error.h"
#include "host/report/rasterizer.h"

namespace fovea::report {
namespace {

constexpr int kMostPixels = 32767;  // of a side of cairo's surfaces

struct Deleter {
  void operator()(RsvgHandle* handle) const { g_object_unref(handle); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
  void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
};
template <class T>
using Owned = std::unique_ptr<T, Deleter>;

[[noreturn]] void fail(const char* what, GError* error) {
  const std::string reason = error != nullptr ? error->message : "for a reason it does not tell";
  g_clear_error(&error);
  throw Error(ErrorCode::invalid_argument, std::string("librsvg cannot ") + what + ": " + reason);
}

cairo_status_t append(void* target, const unsigned char* data, unsigned int bytes) {
  try {
    auto& file = *static_cast<std::vector<std::uint8_t>*>(target);
    file.insert(file.end(), data, data + bytes);
    return CAIRO_STATUS_SUCCESS;
  } catch (const std::bad_alloc&) {
    return CAIRO_STATUS_NO_MEMORY;
  }
}

std::vector<std::uint8_t> rasterize(std::string_view svg, double scale) {
  GError* error = nullptr;
  const Owned<RsvgHandle> handle(
      rsvg_handle_new_from_data(reinterpret_cast<const guint8*>(svg.data()), svg.size(), &error));
  if (handle == nullptr) fail("read the picture", error);
  double width = 0;
  double height = 0;
  FOVEA_REQUIRE(rsvg_handle_get_intrinsic_size_in_pixels(handle.get(), &width, &height) != 0,
                invalid_argument, "the picture has no width and height in pixels");
  width *= scale;
  height *= scale;
  FOVEA_REQUIRE(width <= kMostPixels && height <= kMostPixels, invalid_argument, "a picture of ",
                width, " x ", height, " pixels is too large for PNG; ", kMostPixels,
                " on a side are the most: take a smaller scale, or write an .svg");
  const Owned<cairo_surface_t> surface(
      cairo_image_surface_create(CAIRO_FORMAT_ARGB32, static_cast<int>(std::ceil(width)),
                                 static_cast<int>(std::ceil(height))));
  const Owned<cairo_t> cairo(cairo_create(surface.get()));
  const RsvgRectangle page = {0, 0, width, height};
  if (rsvg_handle_render_document(handle.get(), cairo.get(), &page, &error) == 0) {
    fail("draw the picture", error);
  }
  std::vector<std::uint8_t> file;
  const cairo_status_t status = cairo_surface_write_to_png_stream(surface.get(), append, &file);
  FOVEA_REQUIRE(status == CAIRO_STATUS_SUCCESS, invalid_argument,
                "cairo cannot write a picture of ", width, " x ", height,
                " pixels: ", cairo_status_to_string(status));
  return file;
}

}  // namespace
}  // namespace fovea::report

extern "C" FOVEA_API fovea::report::Rasterize* fovea_svg_rasterizer() {
  return fovea::report::rasterize;
}
