// MNIST: reads idx files, plain or gz. An idx file is a big-endian magic number (type and rank),
// one 32-bit size per axis, then the bytes.
#include <array>

#include "fovea/data.h"
#include "host/data/files.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kImagesMagic = 0x00000803;  // unsigned bytes, three axes
constexpr std::uint32_t kLabelsMagic = 0x00000801;  // unsigned bytes, one axis
constexpr std::int64_t kSide = 28;
constexpr int kClasses = 10;

/// The plain file of this name, else the .gz one, else an empty path.
fs::path find_file(const fs::path& folder, const std::string& name) {
  for (const char* ending : {"", ".gz"}) {
    if (data::path_exists(folder / (name + ending))) return folder / (name + ending);
  }
  return {};
}

void check_folder(const fs::path& folder) {
  FOVEA_REQUIRE(data::path_exists(folder), io, "MNIST: there is no folder ", folder,
                "; give the one that holds train-images-idx3-ubyte or its .gz file");
  std::vector<std::string> missing;
  for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                           "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    if (find_file(folder, name).empty()) missing.emplace_back(name);
  }
  FOVEA_REQUIRE(missing.empty(), io, "MNIST: the folder ", folder, " lacks ", data::join(missing),
                " (plain or with .gz)");
}

/// The next header word of a file.
std::uint32_t read_word(data::InputFile& input, const fs::path& file) {
  std::array<std::uint8_t, 4> bytes{};
  FOVEA_REQUIRE(input.read(bytes.data(), 4) == 4, parse, "MNIST: ", file,
                " is truncated: it ends within its header");
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | std::uint32_t{bytes[3]};
}

/// Checks the magic number and returns the number of items that the header announces.
std::int64_t read_header(data::InputFile& input, const fs::path& file, std::uint32_t magic) {
  const std::uint32_t found = read_word(input, file);
  FOVEA_REQUIRE(found == magic, parse, "MNIST: ", file, " begins with the magic number ", found,
                " where ", magic, " is expected; it is not an idx file of ",
                magic == kImagesMagic ? "pictures" : "labels");
  return read_word(input, file);
}

/// Items of u8, shape[0] of them, which must be all that is left in the file.
Tensor read_items(data::InputFile& input, const fs::path& file, Shape shape,
                  std::int64_t header_bytes) {
  const std::int64_t wanted = shape.numel();
  FOVEA_REQUIRE(wanted > 0, parse, "MNIST: ", file, " has no items");
  FOVEA_REQUIRE(header_bytes + wanted <= input.max_bytes(), parse, "MNIST: ", file,
                " is truncated: its header announces ", shape[0], " items, ", header_bytes + wanted,
                " bytes in all, but the file cannot hold more than ", input.max_bytes());
  Tensor items(shape, DType::u8);
  const std::int64_t got = input.read(items.data<std::uint8_t>(), wanted);
  FOVEA_REQUIRE(got == wanted, parse, "MNIST: ", file, " is truncated: its header announces ",
                shape[0], " items, ", header_bytes + wanted, " bytes in all, but ",
                header_bytes + got, " are there; item ", got / (wanted / shape[0]),
                " is incomplete");
  std::uint8_t extra = 0;
  FOVEA_REQUIRE(input.read(&extra, 1) == 0, parse, "MNIST: ", file,
                " is too long: there are more bytes than the ", header_bytes + wanted, " of the ",
                shape[0], " items its header announces");
  return items;
}

Tensor read_pictures(const fs::path& file) {
  const auto input = data::open_input(file);
  const std::int64_t count = read_header(*input, file, kImagesMagic);
  const std::int64_t height = read_word(*input, file);
  const std::int64_t width = read_word(*input, file);
  FOVEA_REQUIRE(height == kSide && width == kSide, parse, "MNIST: ", file, " has pictures of ",
                height, "x", width, " pixels, not ", kSide, "x", kSide);
  return read_items(*input, file, {count, kSide, kSide, 1}, 16);
}

Tensor read_labels(const fs::path& file) {
  const auto input = data::open_input(file);
  const std::int64_t count = read_header(*input, file, kLabelsMagic);
  const Tensor bytes = read_items(*input, file, {count}, 8);
  const auto labels = bytes.span<std::uint8_t>();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    FOVEA_REQUIRE(labels[i] < kClasses, parse, "MNIST: ", file, ": item ", i,
                  " (counted from 0) has the label ", int{labels[i]}, ", but labels are 0 to 9");
  }
  return bytes.to(DType::i32);
}

Dataset read_part(const fs::path& folder, const std::string& prefix, const char* part_name) {
  const fs::path pictures = find_file(folder, prefix + "-images-idx3-ubyte");
  const fs::path labels = find_file(folder, prefix + "-labels-idx1-ubyte");
  Dataset part;
  part.name = part_name;
  for (int digit = 0; digit < kClasses; ++digit) {
    part.class_names.push_back(std::to_string(digit));
  }
  part.x = read_pictures(pictures);
  part.y = read_labels(labels);
  FOVEA_REQUIRE(part.x.shape()[0] == part.y.shape()[0], parse, "MNIST: ", pictures, " has ",
                part.x.shape()[0], " pictures, but ", labels, " has ", part.y.shape()[0],
                " labels; they are not of the same set");
  return part;
}

}  // namespace

TrainTest load_mnist(const fs::path& folder) {
  check_folder(folder);
  return {read_part(folder, "train", "mnist train"), read_part(folder, "t10k", "mnist test")};
}

}  // namespace fovea
