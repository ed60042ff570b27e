// Single pictures: JPEG and PNG files, sizes, grey. Pictures are (H, W, C), C is 1 or 3 (red,
// green, blue).
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "fovea/export.h"
#include "fovea/shape.h"
#include "fovea/tensor.h"

namespace fovea {

// ---- Files ----
//
// libpng and libjpeg are opened on first use, through Fovea's plug-ins. Without one of them its
// files are an `unsupported` error that says what to install.

/// What a file's pixels become: three channels, or one by to_grayscale.
enum class ImageColor { rgb, grayscale };

/// Reads a JPEG or PNG file, told apart by their contents, as u8 (H, W, 3 or 1). PNG of 1 to 16
/// bits, with a palette or interlaced become 8 bits per channel; transparency is dropped. A
/// camera's note (EXIF) that a picture is to be turned is not heeded. Throws io for what cannot be
/// read; parse, naming the file, for one that is neither, truncated or corrupt, or has more than
/// 2^27 pixels; unsupported for a JPEG of four channels (CMYK), and without the format's plug-in.
FOVEA_API Tensor read_image(const std::filesystem::path& path, ImageColor color = ImageColor::rgb);
/// The same of a file's bytes in memory; `source` stands for its name in messages.
FOVEA_API Tensor decode_image(std::span<const std::uint8_t> bytes,
                              ImageColor color = ImageColor::rgb,
                              const std::string& source = "picture");

/// Writes u8 (H, W), (H, W, 1) or (H, W, 3) to a file whose name ends in .png, .jpg or .jpeg,
/// atomically. `quality` is JPEG's, 1 to 100. Throws invalid_argument for another ending, type,
/// shape or quality, io where it cannot be written, unsupported without the format's plug-in.
FOVEA_API void write_image(const std::filesystem::path& path, const Tensor& image,
                           int quality = 75);
/// The bytes of such a file, whose name would end in `ending`: ".png", ".jpg" or ".jpeg". Throws as
/// write_image.
FOVEA_API std::vector<std::uint8_t> encode_image(const std::string& ending, const Tensor& image,
                                                 int quality = 75);

// ---- Pixels ----

enum class ResizeMethod { nearest, bilinear };

struct ResizeOptions {
  ResizeMethod method = ResizeMethod::bilinear;
  /// Averages over all pixels that a smaller picture's pixel covers, where bilinear looks at four.
  bool antialias = false;
};

/// Pictures (H, W, C) or (N, H, W, C) of u8 or f32 in another size, as tf.image.resize makes them:
/// pixel centres are at half-integers. With s = old size / new size, pixel i is, along each axis,
/// nearest: old pixel floor((i + 1/2) s); bilinear: the mean of the old pixels j with weights
/// max(0, 1 - |j + 1/2 - (i + 1/2) s| / r), where r = max(1, s) with antialias, else 1. u8 is
/// rounded. Throws invalid_argument for other types, ranks, and sizes below 1.
FOVEA_API Tensor resize_image(const Tensor& image, Size2 size, const ResizeOptions& options = {});

/// Pictures (..., 3) of u8 or f32 as (..., 1): .299 red + .587 green + .114 blue (ITU-R BT.601), u8
/// rounded; pictures (..., 1) as they are. Throws invalid_argument for other types and channels.
FOVEA_API Tensor to_grayscale(const Tensor& image);

/// A single sample, such as a picture (H, W, C), as a batch of one, (1, H, W, C), which is what a
/// model takes. Shares its memory.
FOVEA_API Tensor add_batch_axis(const Tensor& sample);

}  // namespace fovea
