// HDF5 files in memory, as far as Keras uses them: groups of groups, of arrays and of attributes
// that are strings or lists of strings. The library HDF5 lies in the plug-in libfovea_hdf5.so.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fovea/export.h"
#include "fovea/tensor.h"

namespace fovea {

struct Hdf5Attribute {
  std::string name;
  std::vector<std::string> values;
  bool is_list = true;  ///< or one string
};

struct FOVEA_INTERNAL Hdf5Group {
  std::string name{};  ///< within its group; the first has none
  std::vector<Hdf5Attribute> attributes;
  std::vector<std::pair<std::string, Tensor>> arrays;
  std::vector<Hdf5Group> groups;

  /// What lies at a path like "layers/conv2d/vars"; null: nothing.
  const Hdf5Group* find_group(std::string_view path) const;
  const Tensor* find_array(std::string_view path) const;
  const Hdf5Attribute* find_attribute(std::string_view wanted) const;

  /// The group at a path, made where it is missing.
  Hdf5Group& make_group(std::string_view path);
  /// Puts an array at a path.
  void add_array(std::string_view path, Tensor array);
};

/// The contents of a file. Floating arrays are f32, or f64 where they have 64 bits, and whole
/// numbers i64; attributes of other types are left out. `source` begins messages. Throws
/// unsupported without the plug-in, and for links into other files and types other than these;
/// parse for what is damaged. What the file claims to hold is checked against its size before
/// anything of that size is allocated.
FOVEA_INTERNAL Hdf5Group read_hdf5(std::span<const std::uint8_t> bytes, const std::string& source);

/// A file of f32, f64 and i64 arrays, the same bytes for the same contents. Throws unsupported
/// without the plug-in.
FOVEA_INTERNAL std::vector<std::uint8_t> write_hdf5(const Hdf5Group& root);

/// Whether a file that begins so is an HDF5 file.
bool is_hdf5(std::string_view head);

/// What the plug-in offers, by its entry fovea_hdf5_codec.
struct Hdf5Codec {
  Hdf5Group (*read)(std::span<const std::uint8_t> bytes, const std::string& source);
  std::vector<std::uint8_t> (*write)(const Hdf5Group& root);
};
using Hdf5CodecEntry = const Hdf5Codec* (*)();

}  // namespace fovea
