// What a plug-in for one format of image files offers: libfovea_png.so and libfovea_jpeg.so, made
// of host/data/png/ and host/data/jpeg/, one entry each.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fovea/tensor.h"

namespace fovea::data {

/// More than any camera takes; fewer than fill a machine's memory.
inline constexpr std::int64_t kMaxPixels = std::int64_t{1} << 27;

struct ImageCodec {
  /// The picture of a whole file as u8 (H, W, 1 or 3). Throws parse for corrupt data, unsupported
  /// for kinds that cannot be read; messages begin with `source`.
  Tensor (*decode)(std::span<const std::uint8_t> bytes, const std::string& source);
  /// A file of u8 (H, W, 1 or 3). `quality`, 1 to 100, is for formats that lose something.
  std::vector<std::uint8_t> (*encode)(const Tensor& image, int quality);
};

/// The type of the entries fovea_png_codec and fovea_jpeg_codec.
using ImageCodecEntry = const ImageCodec* (*)();

}  // namespace fovea::data
