// The plug-in for HDF5 files, on the library HDF5. Files are read from and written to memory by its
// "core" driver, so nothing here opens a file, not even one that a file refers to.
#include <hdf5.h>

#include <mutex>
#include <optional>
#include <set>

#include "fovea/error.h"
#include "host/io/hdf5.h"
#include "host/io/hdf5_plugin/vet.h"

namespace fovea {
namespace {

/// HDF5 is not safe to use from two threads at once, unless it was built so.
std::mutex& library_mutex() {
  static std::mutex mutex;
  return mutex;
}

/// One of HDF5's identifiers; negative ones are failures.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }  // NOLINT(google-explicit-constructor)
  bool valid() const { return id_ >= 0; }

 private:
  hid_t id_;
  Close close_;
};

/// Deeper and more than any model's file; HDF5's groups may contain each other.
constexpr int kMostLevels = 64;
constexpr std::size_t kMostObjects = 1'000'000;
/// The most that deflate makes of a byte.
constexpr std::uint64_t kMostExpansion = 1032;

class Reader {
 public:
  Reader(std::span<const std::uint8_t> bytes, const std::string& source)
      : bytes_(bytes), source_(source), vetting_(bytes, source) {}

  Hdf5Group read() {
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    check(access, "this file");
    check(H5Pset_fapl_core(access, 1 << 16, false), "this file");
    // HDF5 copies the image; it does not write to what it is given.
    check(H5Pset_file_image(access, const_cast<std::uint8_t*>(bytes_.data()), bytes_.size()),
          "this file");
    const Handle file(H5Fopen("image", H5F_ACC_RDONLY, access), H5Fclose);
    check(file, "this file");
    const Handle root(H5Gopen2(file, "/", H5P_DEFAULT), H5Gclose);
    check(root, "the first group");
    return read_group(root, require_new(root, "/"), "", 0);
  }

 private:
  void check(hid_t status, const std::string& what) const {
    FOVEA_REQUIRE(status >= 0, parse, source_, " is damaged or no HDF5 file: HDF5 cannot read ",
                  what);
  }

  using Names = std::optional<std::vector<std::string>>;

  Hdf5Group read_group(const Handle& group, const Names& attributes, const std::string& path,
                       int level) {
    FOVEA_REQUIRE(level < kMostLevels, parse, source_, ": groups in more than ", kMostLevels,
                  " levels at '", path, "'");
    Hdf5Group result;
    read_attributes(group, attributes, path, result);
    H5G_info_t info{};
    check(H5Gget_info(group, &info), "the group '" + path + "'");
    for (hsize_t i = 0; i < info.nlinks; ++i) read_link(group, i, path, level, result);
    return result;
  }

  void read_link(const Handle& group, hsize_t index, const std::string& path, int level,
                 Hdf5Group& result) {
    const std::string where = "entry " + std::to_string(index) + " of the group '" + path + "'";
    H5L_info_t link{};
    check(H5Lget_info_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, index, &link, H5P_DEFAULT),
          where);
    const ssize_t length =
        H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, index, nullptr, 0, H5P_DEFAULT);
    check(length, where);
    std::string name(static_cast<std::size_t>(length) + 1, '\0');
    check(H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, index, name.data(),
                             name.size(), H5P_DEFAULT),
          where);
    name.pop_back();
    const std::string full = path.empty() ? name : path + "/" + name;
    FOVEA_REQUIRE(link.type == H5L_TYPE_HARD, unsupported, source_, ": '", full,
                  "' is a link, not an array or a group");
    vetting_.attributes(link.u.address);
    const Handle object(H5Oopen(group, name.c_str(), H5P_DEFAULT), H5Oclose);
    check(object, "'" + full + "'");
    const Names attributes = require_new(object, full);
    const H5I_type_t type = H5Iget_type(object);
    if (type == H5I_GROUP) {
      result.groups.push_back(read_group(object, attributes, full, level + 1));
      result.groups.back().name = name;
    } else if (type == H5I_DATASET) {
      result.arrays.emplace_back(name, read_array(object, full));
    }
  }

  /// Each object is read once, since two names for one could make a small file endless, and only
  /// after its attributes were vetted, whose names this returns.
  Names require_new(const Handle& object, const std::string& path) {
#if H5_VERSION_GE(1, 12, 0)
    H5O_info1_t info{};
#else
    H5O_info_t info{};
#endif
    check(H5Oget_info2(object, &info, H5O_INFO_BASIC), "'" + path + "'");
    FOVEA_REQUIRE(seen_.insert(info.addr).second, unsupported, source_, ": '", path,
                  "' has another name, too");
    FOVEA_REQUIRE(seen_.size() <= kMostObjects, parse, source_, " has more than ", kMostObjects,
                  " groups and arrays");
    return vetting_.attributes(info.addr);
  }

  // ---- Arrays ----

  Tensor read_array(const Handle& array, const std::string& path) {
    const std::string what = "the array '" + path + "'";
    const Handle type(H5Dget_type(array), H5Tclose);
    const Handle space(H5Dget_space(array), H5Sclose);
    const Handle properties(H5Dget_create_plist(array), H5Pclose);
    check(type, what);
    check(space, what);
    check(properties, what);
    const H5T_class_t kind = H5Tget_class(type);
    FOVEA_REQUIRE(kind == H5T_FLOAT || kind == H5T_INTEGER, unsupported, source_, ": ", what,
                  " holds neither floating-point nor whole numbers");
    const Shape shape = shape_of(space, what);
    require_in_file(array, properties, shape, H5Tget_size(type), what);
    const bool wide = H5Tget_size(type) > 4;
    const DType dtype = kind == H5T_INTEGER ? DType::i64 : wide ? DType::f64 : DType::f32;
    const hid_t memory = kind == H5T_INTEGER ? H5T_NATIVE_INT64
                         : wide              ? H5T_NATIVE_DOUBLE
                                             : H5T_NATIVE_FLOAT;
    Tensor tensor(shape, dtype);
    if (tensor.numel() == 0) return tensor;
    check(H5Dread(array, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor.mutable_raw()), what);
    return tensor;
  }

  Shape shape_of(const Handle& space, const std::string& what) const {
    const int rank = H5Sget_simple_extent_ndims(space);
    check(rank, what);
    FOVEA_REQUIRE(rank <= Shape::kMaxRank, unsupported, source_, ": ", what, " has ", rank,
                  " axes; at most ", Shape::kMaxRank, " can be read");
    FOVEA_REQUIRE(H5Sget_simple_extent_type(space) != H5S_NULL, unsupported, source_, ": ", what,
                  " is empty");
    hsize_t sizes[Shape::kMaxRank] = {};
    check(H5Sget_simple_extent_dims(space, sizes, nullptr), what);
    Shape shape;
    std::uint64_t count = 1;
    for (int axis = 0; axis < rank; ++axis) {
      const hsize_t size = sizes[axis];
      FOVEA_REQUIRE(size == 0 || count <= kMostExpansion * bytes_.size() / size, parse, source_,
                    ": ", what, " claims more numbers than the file can hold");
      count *= size;
      shape = shape.append(static_cast<std::int64_t>(size));
    }
    return shape;
  }

  /// The numbers must lie in this file, not in others, and be as many as it can hold.
  void require_in_file(const Handle& array, const Handle& properties, const Shape& shape,
                       std::size_t element_bytes, const std::string& what) const {
    const H5D_layout_t layout = H5Pget_layout(properties);
    FOVEA_REQUIRE(layout == H5D_COMPACT || layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED,
                  unsupported, source_, ": ", what, " is stored in a way that is not read");
    FOVEA_REQUIRE(H5Pget_external_count(properties) <= 0, unsupported, source_, ": ", what,
                  " lies in another file");
    const std::uint64_t stored = H5Dget_storage_size(array);
    const std::uint64_t claimed = static_cast<std::uint64_t>(shape.numel()) * element_bytes;
    const std::uint64_t most = layout == H5D_CHUNKED ? kMostExpansion * stored : stored;
    FOVEA_REQUIRE(stored <= bytes_.size() && claimed <= most, parse, source_, ": ", what,
                  " claims ", claimed, " bytes, but has ", stored);
  }

  // ---- Attributes ----

  /// By name where names are known: HDF5 lists attributes in a way that ends badly where one of
  /// them is damaged.
  void read_attributes(const Handle& group, const Names& names, const std::string& path,
                       Hdf5Group& result) {
    if (names) {
      for (const std::string& name : *names) {
        const Handle attribute(H5Aopen(group, name.c_str(), H5P_DEFAULT), H5Aclose);
        read_attribute(attribute, name, detail::concat("the attribute '", path, "/", name, "'"),
                       result);
      }
      return;
    }
    const int count = H5Aget_num_attrs(group);
    check(count, "the attributes of '" + path + "'");
    for (int i = 0; i < count; ++i) {
      const std::string what = "attribute " + std::to_string(i) + " of '" + path + "'";
      const Handle attribute(H5Aopen_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC,
                                            static_cast<hsize_t>(i), H5P_DEFAULT, H5P_DEFAULT),
                             H5Aclose);
      check(attribute, what);
      const ssize_t length = H5Aget_name(attribute, 0, nullptr);
      check(length, what);
      std::string name(static_cast<std::size_t>(length) + 1, '\0');
      check(H5Aget_name(attribute, name.size(), name.data()), what);
      name.pop_back();
      read_attribute(attribute, name, what, result);
    }
  }

  void read_attribute(const Handle& attribute, const std::string& name, const std::string& what,
                      Hdf5Group& result) {
    check(attribute, what);
    const Handle type(H5Aget_type(attribute), H5Tclose);
    const Handle space(H5Aget_space(attribute), H5Sclose);
    check(type, what);
    check(space, what);
    const int rank = H5Sget_simple_extent_ndims(space);
    const hssize_t points = H5Sget_simple_extent_npoints(space);
    check(rank, what);
    check(points < 0 ? -1 : 0, what);
    const auto count = static_cast<std::size_t>(points);
    Hdf5Attribute read{name, {}, rank > 0};
    if (count > 0) {
      if (H5Tget_class(type) != H5T_STRING) return;
      FOVEA_REQUIRE(count <= bytes_.size(), parse, source_, ": ", what, " claims ", count,
                    " strings");
      read.values = H5Tis_variable_str(type) > 0
                        ? variable_strings(attribute, type, space, count, what)
                        : fixed_strings(attribute, type, count, what);
    }
    result.attributes.push_back(std::move(read));
  }

  std::vector<std::string> variable_strings(const Handle& attribute, const Handle& type,
                                            const Handle& space, std::size_t count,
                                            const std::string& what) const {
    std::vector<char*> pointers(count, nullptr);
    check(H5Aread(attribute, type, pointers.data()), what);
    std::vector<std::string> strings;
    strings.reserve(count);
    for (const char* pointer : pointers) strings.emplace_back(pointer == nullptr ? "" : pointer);
    check(H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data()), what);
    return strings;
  }

  std::vector<std::string> fixed_strings(const Handle& attribute, const Handle& type,
                                         std::size_t count, const std::string& what) const {
    const std::size_t size = H5Tget_size(type);
    FOVEA_REQUIRE(size > 0 && count <= bytes_.size() / size, parse, source_, ": ", what, " claims ",
                  count, " strings of ", size, " bytes");
    std::string all(count * size, '\0');
    check(H5Aread(attribute, type, all.data()), what);
    std::vector<std::string> strings;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string padded = all.substr(i * size, size);
      strings.push_back(padded.substr(0, padded.find('\0')));
    }
    return strings;
  }

  std::span<const std::uint8_t> bytes_;
  const std::string& source_;
  Vetting vetting_;
  std::set<haddr_t> seen_;
};

// ---- Writing ----

void check_written(hid_t status, const std::string& what) {
  FOVEA_REQUIRE(status >= 0, internal, "HDF5 cannot write ", what);
}

std::size_t bytes_of(const Hdf5Group& group) {
  std::size_t bytes = 4096;
  for (const auto& [name, array] : group.arrays) bytes += array.bytes() + 1024;
  for (const Hdf5Group& inner : group.groups) bytes += bytes_of(inner);
  return bytes;
}

void write_attribute(hid_t group, const Hdf5Attribute& attribute) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  check_written(H5Tset_size(type, H5T_VARIABLE), attribute.name);
  check_written(H5Tset_cset(type, H5T_CSET_UTF8), attribute.name);
  const hsize_t count = attribute.values.size();
  const Handle space(
      attribute.is_list ? H5Screate_simple(1, &count, nullptr) : H5Screate(H5S_SCALAR), H5Sclose);
  check_written(space, attribute.name);
  const Handle id(H5Acreate2(group, attribute.name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT),
                  H5Aclose);
  check_written(id, attribute.name);
  std::vector<const char*> pointers;
  for (const std::string& value : attribute.values) pointers.push_back(value.c_str());
  if (!pointers.empty()) check_written(H5Awrite(id, type, pointers.data()), attribute.name);
}

void write_array(hid_t group, const std::string& name, const Tensor& array) {
  hid_t stored = H5T_IEEE_F32LE;
  hid_t memory = H5T_NATIVE_FLOAT;
  if (array.dtype() == DType::f64) {
    stored = H5T_IEEE_F64LE;
    memory = H5T_NATIVE_DOUBLE;
  } else if (array.dtype() == DType::i64) {
    stored = H5T_STD_I64LE;
    memory = H5T_NATIVE_INT64;
  } else {
    FOVEA_REQUIRE(array.dtype() == DType::f32, internal, "'", name, "' is ",
                  dtype_name(array.dtype()));
  }
  std::vector<hsize_t> sizes;
  for (std::int64_t size : array.shape()) sizes.push_back(static_cast<hsize_t>(size));
  const Handle space(sizes.empty() ? H5Screate(H5S_SCALAR)
                                   : H5Screate_simple(array.shape().rank(), sizes.data(), nullptr),
                     H5Sclose);
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  check_written(H5Pset_obj_track_times(properties, false), name);
  const Handle id(
      H5Dcreate2(group, name.c_str(), stored, space, H5P_DEFAULT, properties, H5P_DEFAULT),
      H5Dclose);
  check_written(id, name);
  if (array.numel() == 0) return;
  check_written(H5Dwrite(id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.raw()), name);
}

void write_contents(hid_t id, const Hdf5Group& group) {
  for (const Hdf5Attribute& attribute : group.attributes) write_attribute(id, attribute);
  for (const auto& [name, array] : group.arrays) write_array(id, name, array);
  for (const Hdf5Group& inner : group.groups) {
    const Handle properties(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
    check_written(H5Pset_obj_track_times(properties, false), inner.name);
    const Handle inner_id(H5Gcreate2(id, inner.name.c_str(), H5P_DEFAULT, properties, H5P_DEFAULT),
                          H5Gclose);
    check_written(inner_id, inner.name);
    write_contents(inner_id, inner);
  }
}

Hdf5Group read(std::span<const std::uint8_t> bytes, const std::string& source) {
  const std::lock_guard lock(library_mutex());
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // HDF5 would print what we throw
  return Reader(bytes, source).read();
}

std::vector<std::uint8_t> write(const Hdf5Group& root) {
  const std::lock_guard lock(library_mutex());
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  check_written(H5Pset_fapl_core(access, bytes_of(root), false), "a file");
  const Handle file(H5Fcreate("image", H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose);
  check_written(file, "a file");
  write_contents(file, root);
  check_written(H5Fflush(file, H5F_SCOPE_GLOBAL), "a file");
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  check_written(size, "a file");
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  check_written(H5Fget_file_image(file, bytes.data(), bytes.size()), "a file");
  return bytes;
}

}  // namespace
}  // namespace fovea

extern "C" FOVEA_API const fovea::Hdf5Codec* fovea_hdf5_codec();

const fovea::Hdf5Codec* fovea_hdf5_codec() {
  static constexpr fovea::Hdf5Codec kCodec = {fovea::read, fovea::write};
  return &kCodec;
}
