// JPEG and PNG files: which plug-in reads and writes them, and folders of them as data sets.
#include <algorithm>
#include <array>
#include <cctype>

#include "fovea/datasets.h"
#include "fovea/image.h"
#include "host/base/plugin.h"
#include "host/data/files.h"
#include "host/data/image_codec.h"
#include "host/io/atomic_file.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

/// A format of image files, its plug-in libfovea_<plugin>.so, and what that is made of.
struct Format {
  const char* name;
  const char* plugin;
  const char* entry;
  const char* package;
};

constexpr Format kPng = {"PNG", "png", "fovea_png_codec", "libpng-dev"};
constexpr Format kJpeg = {"JPEG", "jpeg", "fovea_jpeg_codec", "libjpeg-dev"};

/// The format that an ending such as ".png" stands for; null for others.
const Format* format_of_ending(std::string ending) {
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (ending == ".png") return &kPng;
  return ending == ".jpg" || ending == ".jpeg" ? &kJpeg : nullptr;
}

/// The format that a file's first bytes tell; null for others.
const Format* format_of_bytes(std::span<const std::uint8_t> bytes) {
  constexpr std::array<std::uint8_t, 8> kPngBegin = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  constexpr std::array<std::uint8_t, 3> kJpegBegin = {0xFF, 0xD8, 0xFF};
  const auto begins_with = [bytes](std::span<const std::uint8_t> begin) {
    return bytes.size() >= begin.size() && std::equal(begin.begin(), begin.end(), bytes.begin());
  };
  if (begins_with(kPngBegin)) return &kPng;
  return begins_with(kJpegBegin) ? &kJpeg : nullptr;
}

const data::ImageCodec& codec_of(const Format& format, const std::string& path) {
  const Plugin plugin = open_plugin(format.plugin, format.entry);
  FOVEA_REQUIRE(plugin.symbol != nullptr, unsupported, path, ": Fovea's plug-in for ", format.name,
                " files, libfovea_", format.plugin, ".so, cannot be used (", plugin.problem,
                "); install ", format.package, " and build and install Fovea again");
  return *reinterpret_cast<data::ImageCodecEntry>(plugin.symbol)();
}

Tensor in_color(const Tensor& image, ImageColor color) {
  if (color == ImageColor::grayscale) return to_grayscale(image);
  if (image.shape().c() == 3) return image;
  Tensor rgb({image.shape()[0], image.shape()[1], 3}, DType::u8);
  auto* target = rgb.data<std::uint8_t>();
  for (const std::uint8_t grey : image.span<std::uint8_t>()) target = std::fill_n(target, 3, grey);
  return rgb;
}

bool is_folder(const fs::directory_entry& entry) {
  std::error_code ignored;
  return entry.is_directory(ignored);
}

bool is_picture_file(const fs::directory_entry& entry) {
  std::error_code ignored;
  return entry.is_regular_file(ignored) &&
         format_of_ending(entry.path().extension().string()) != nullptr;
}

/// What an iterator over a folder finds that pleases `filter` and is not hidden, sorted by path.
template <class Iterator>
std::vector<fs::path> sorted_entries(const fs::path& folder,
                                     bool (*filter)(const fs::directory_entry&)) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (Iterator entry(folder, error); !error && entry != Iterator(); entry.increment(error)) {
    const bool hidden = entry->path().filename().string().starts_with('.');
    if constexpr (std::is_same_v<Iterator, fs::recursive_directory_iterator>) {
      if (hidden) entry.disable_recursion_pending();
    }
    if (!hidden && filter(*entry)) paths.push_back(entry->path());
  }
  FOVEA_REQUIRE(!error, io, "cannot read the folder ", folder, ": ", error.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// The bytes of a file that messages call `name`.
std::vector<std::uint8_t> encode(const std::string& ending, const std::string& name,
                                 const Tensor& image, int quality) {
  const Format* format = format_of_ending(ending);
  FOVEA_REQUIRE(format != nullptr, invalid_argument, name,
                " cannot be written: its name must end in .png, .jpg or .jpeg");
  FOVEA_REQUIRE(quality >= 1 && quality <= 100, invalid_argument, name, ": a quality of ", quality,
                " is not 1 to 100");
  const Shape& shape = image.shape();
  const bool is_picture =
      image.defined() && image.numel() > 0 &&
      (shape.rank() == 2 || (shape.rank() == 3 && (shape[2] == 1 || shape[2] == 3)));
  FOVEA_REQUIRE(is_picture, invalid_argument, name,
                " takes a picture of shape (H, W), (H, W, 1) or (H, W, 3), not ", shape,
                "; take one out of a batch by slice and reshape");
  FOVEA_REQUIRE(image.dtype() == DType::u8, invalid_argument, name, " takes bytes, 0 to 255, not ",
                dtype_name(image.dtype()),
                "; multiply what was scaled to 0 to 1 by 255 and convert it to u8");
  const Tensor picture = shape.rank() == 2 ? image.reshape(shape.append(1)) : image;
  return codec_of(*format, name).encode(picture, quality);
}

}  // namespace

Tensor decode_image(std::span<const std::uint8_t> bytes, ImageColor color,
                    const std::string& source) {
  const Format* format = format_of_bytes(bytes);
  FOVEA_REQUIRE(format != nullptr, parse, source,
                bytes.empty() ? " is empty" : " is neither a JPEG nor a PNG file",
                "; convert the picture to one of these");
  return in_color(codec_of(*format, source).decode(bytes, source), color);
}

Tensor read_image(const fs::path& path, ImageColor color) {
  const std::string text = data::read_text(path);
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  return decode_image(bytes, color, path.string());
}

std::vector<std::uint8_t> encode_image(const std::string& ending, const Tensor& image,
                                       int quality) {
  return encode(ending, "picture" + ending, image, quality);
}

void write_image(const fs::path& path, const Tensor& image, int quality) {
  const std::vector<std::uint8_t> bytes =
      encode(path.extension().string(), path.string(), image, quality);
  AtomicFile file(path.string());
  file.write(bytes.data(), bytes.size());
  file.commit();
}

Dataset load_image_folder(const fs::path& folder, const ImageFolderOptions& options) {
  FOVEA_REQUIRE(data::path_exists(folder), io, "there is no folder ", folder,
                "; give the one that holds a folder of pictures for each class");
  const auto classes = sorted_entries<fs::directory_iterator>(folder, is_folder);
  FOVEA_REQUIRE(!classes.empty(), io, "the folder ", folder,
                " has no folders; the pictures of each class must lie in one of its own");
  Dataset data;
  data.name = folder.filename().string();
  std::vector<fs::path> files;
  std::vector<std::int32_t> labels;
  for (const fs::path& path : classes) {
    const auto found = sorted_entries<fs::recursive_directory_iterator>(path, is_picture_file);
    FOVEA_REQUIRE(!found.empty(), io, "the folder ", path,
                  ", a class, has no .jpg, .jpeg or .png files; add some, or remove it");
    labels.resize(labels.size() + found.size(), static_cast<std::int32_t>(data.class_names.size()));
    files.insert(files.end(), found.begin(), found.end());
    data.class_names.push_back(path.filename().string());
  }
  const std::int64_t count = std::ssize(files);
  data.y = Tensor::from<std::int32_t>({count}, labels);
  const std::int64_t channels = options.color == ImageColor::rgb ? 3 : 1;
  data.x = Tensor({count, options.size.h, options.size.w, channels}, DType::u8);
  auto* target = data.x.data<std::uint8_t>();
  for (const fs::path& file : files) {
    const Tensor image =
        resize_image(read_image(file, options.color), options.size, options.resize);
    target = std::copy_n(image.data<std::uint8_t>(), image.numel(), target);
  }
  return data;
}

}  // namespace fovea
