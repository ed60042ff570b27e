// MNIST's idx files, plain and gz. The first byte says how the rest is read: bit 0 as labels
// instead of pictures, bit 1 decompressed.
#include "fovea/data.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace std::string_literals;

constexpr std::size_t kPictureBytes = 28 * 28;

/// A folder for one way of reading; what is not fuzzed is a file of one item.
struct Folder {
  explicit Folder(unsigned mode) {
    pictures.set("\0\0\x08\x03\0\0\0\x01\0\0\0\x1c\0\0\0\x1c"s +
                 std::string(kPictureBytes, '\x7f'));
    labels.set("\0\0\x08\x01\0\0\0\x01\x05"s);
    const bool as_labels = (mode & 1) != 0;
    const std::string ending = (mode & 2) != 0 ? ".gz" : "";
    for (const std::string part : {"train", "t10k"}) {
      folder.link(as_labels ? pictures : fuzzed,
                  part + "-images-idx3-ubyte" + (as_labels ? "" : ending));
      folder.link(as_labels ? fuzzed : labels,
                  part + "-labels-idx1-ubyte" + (as_labels ? ending : ""));
    }
  }
  fovea::fuzz::MemoryFile fuzzed, pictures, labels;
  fovea::fuzz::LinkFolder folder;
};

}  // namespace

FOVEA_FUZZ_TARGET {
  static const Folder folders[] = {Folder(0), Folder(1), Folder(2), Folder(3)};
  if (size == 0) return 0;
  const Folder& folder = folders[data[0] % 4];
  folder.fuzzed.set(fovea::fuzz::text_of(data + 1, size - 1));
  fovea::fuzz::expect_answer([&] { fovea::load_mnist(folder.folder.path()); });
  return 0;
}
