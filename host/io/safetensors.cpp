// Reading and writing safetensors files.
#include "host/io/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string_view>

#include "fovea/error.h"
#include "fovea/json.h"
#include "host/base/json_reader.h"
#include "host/base/utf8.h"
#include "host/io/atomic_file.h"
#include "host/io/crc32.h"
#include "host/io/input_file.h"

namespace fovea {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

constexpr std::string_view kMetadataKey = "__metadata__";
constexpr std::string_view kChecksumKey = "fovea.crc32";
constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kLargestHeader = 100'000'000;  // the format's limit
constexpr std::uint64_t kDataAlignment = 64;

struct NamedType {
  std::string_view name;
  DType dtype;
};
constexpr std::array<NamedType, 7> kTypes = {{{"F32", DType::f32},
                                              {"F64", DType::f64},
                                              {"F16", DType::f16},
                                              {"BF16", DType::bf16},
                                              {"I32", DType::i32},
                                              {"I64", DType::i64},
                                              {"U8", DType::u8}}};

std::string_view type_name(DType dtype) {
  return std::find_if(kTypes.begin(), kTypes.end(),
                      [&](const NamedType& type) { return type.dtype == dtype; })
      ->name;
}

/// The first name that appears twice among pairs of a name and something.
template <class Named>
std::optional<std::string_view> find_twice(const std::vector<Named>& list) {
  std::vector<std::string_view> names;
  names.reserve(list.size());
  for (const Named& named : list) names.push_back(named.first);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  return twice == names.end() ? std::nullopt : std::optional(*twice);
}

/// Covers names, types, shapes, values and metadata, and not their order in the file: the exclusive
/// or of one CRC-32 per tensor and per metadata entry, as eight hexadecimal digits.
std::string checksum(const SafetensorsFile& file) {
  std::uint32_t sum = 0;
  for (const auto& [name, tensor] : file.tensors) {
    const std::string entry =
        detail::concat("tensor\n", name, '\n', dtype_name(tensor.dtype()), '\n', tensor.shape());
    sum ^= crc32(tensor.raw(), tensor.bytes(), crc32(entry.data(), entry.size()));
  }
  for (const auto& [key, value] : file.metadata) {
    const std::string entry = detail::concat("metadata\n", key, '\n', value);
    sum ^= crc32(entry.data(), entry.size());
  }
  std::string digits(8, '0');
  for (std::size_t i = 0; i < digits.size(); ++i) {
    digits[i] = "0123456789abcdef"[(sum >> (28 - 4 * i)) & 15];
  }
  return digits;
}

// ---- Writing ----

void check_utf8(std::string_view what, std::string_view text) {
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t length = utf8_sequence_length(rest);
    FOVEA_REQUIRE(length > 0, invalid_argument, what, ' ', quoted(text),
                  " of a safetensors file is not valid UTF-8");
    rest.remove_prefix(length);
  }
}

template <class Named>
void check_names(std::string_view what, const std::vector<Named>& list, std::string_view reserved) {
  for (const Named& named : list) {
    check_utf8(what, named.first);
    FOVEA_REQUIRE(named.first != reserved, invalid_argument, what, ' ', quoted(reserved),
                  " of a safetensors file is reserved; choose another name");
  }
  if (const auto twice = find_twice(list)) {
    fail(ErrorCode::invalid_argument, what, ' ', quoted(*twice),
         " is given twice for one safetensors file");
  }
}

void check_writable(const SafetensorsFile& file) {
  check_names("tensor", file.tensors, kMetadataKey);
  check_names("metadata key", file.metadata, kChecksumKey);
  for (const auto& [key, value] : file.metadata) check_utf8("metadata", value);
  for (const auto& [name, tensor] : file.tensors) {
    FOVEA_REQUIRE(tensor.defined(), invalid_argument, "tensor ", quoted(name),
                  " has no memory and cannot be saved");
  }
}

/// The order of the data: larger elements first, so that each tensor is aligned to its element.
std::vector<std::size_t> data_order(const SafetensorsFile& file) {
  std::vector<std::size_t> order(file.tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return dtype_size(file.tensors[a].second.dtype()) > dtype_size(file.tensors[b].second.dtype());
  });
  return order;
}

/// The JSON text, padded with spaces so that the data after it is aligned.
std::string make_header(const SafetensorsFile& file, const std::vector<std::size_t>& order) {
  std::vector<std::uint64_t> first(order.size());
  std::uint64_t offset = 0;
  for (const std::size_t i : order) {
    first[i] = offset;
    offset += file.tensors[i].second.bytes();
  }

  Json::Object metadata;
  for (const auto& [key, value] : file.metadata) metadata.emplace_back(key, value);
  metadata.emplace_back(kChecksumKey, checksum(file));
  Json::Object header;
  header.emplace_back(kMetadataKey, std::move(metadata));
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto& [name, tensor] = file.tensors[i];
    Json entry;
    entry.set("dtype", type_name(tensor.dtype()));
    entry.set("shape", Json::Array(tensor.shape().begin(), tensor.shape().end()));
    entry.set("data_offsets", Json::array().push(first[i]).push(first[i] + tensor.bytes()));
    header.emplace_back(name, std::move(entry));
  }
  std::string text = Json(std::move(header)).to_string();
  const std::uint64_t past_alignment = (kLengthBytes + text.size()) % kDataAlignment;
  text.append((kDataAlignment - past_alignment) % kDataAlignment, ' ');
  FOVEA_REQUIRE(text.size() <= kLargestHeader, invalid_argument, "a safetensors header of ",
                text.size(), " bytes is above the format's limit of ", kLargestHeader,
                "; use fewer tensors or less metadata");
  return text;
}

// ---- Reading ----

/// What the header says of one tensor. Offsets count from the start of the data.
struct Entry {
  DType dtype = DType::f32;
  Shape shape;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

struct Header {
  std::vector<std::pair<std::string, Entry>> entries;
  std::vector<std::pair<std::string, std::string>> metadata;
};

DType read_dtype(JsonReader& json) {
  const std::string name = json.read_string();
  for (const NamedType& type : kTypes) {
    if (type.name == name) return type.dtype;
  }
  json.fail_here("dtype ", quoted(name), " is not one of F32, F64, F16, BF16, I32, I64, U8");
}

std::uint64_t read_size(JsonReader& json) {
  const std::int64_t size = json.read_int();
  if (size < 0) json.fail_here("expected a size >= 0, found ", size);
  return static_cast<std::uint64_t>(size);
}

Shape read_shape(JsonReader& json) {
  Shape shape;
  json.read_array([&] {
    const auto size = static_cast<std::int64_t>(read_size(json));
    if (shape.rank() == Shape::kMaxRank) {
      json.fail_here("a shape of more than ", Shape::kMaxRank, " axes cannot be read");
    }
    shape = shape.append(size);
  });
  return shape;
}

/// Bytes of a tensor, none if they do not fit in 63 bits. A size of 0 counts as 1 for that, so that
/// no product of some of the sizes can overflow either.
std::optional<std::uint64_t> bytes_of(const Entry& entry) {
  auto bound = static_cast<std::int64_t>(dtype_size(entry.dtype));
  for (const std::int64_t size : entry.shape) {
    if (__builtin_mul_overflow(bound, std::max<std::int64_t>(size, 1), &bound)) return {};
  }
  return static_cast<std::uint64_t>(entry.shape.numel()) * dtype_size(entry.dtype);
}

Entry read_entry(JsonReader& json, const std::string& name) try {
  std::optional<DType> dtype;
  std::optional<Shape> shape;
  std::optional<std::vector<std::uint64_t>> offsets;
  json.read_object([&](const std::string& key) {
    if (key == "dtype" && !dtype) {
      dtype = read_dtype(json);
    } else if (key == "shape" && !shape) {
      shape = read_shape(json);
    } else if (key == "data_offsets" && !offsets) {
      offsets.emplace();
      json.read_array([&] {
        if (offsets->size() == 2) json.fail_here("data_offsets has more than two numbers");
        offsets->push_back(read_size(json));
      });
    } else {
      json.fail_here("unexpected key ", quoted(key), " in a tensor's description");
    }
  });
  if (!dtype) json.fail_here("it has no dtype");
  if (!shape) json.fail_here("it has no shape");
  if (!offsets || offsets->size() != 2) json.fail_here("it has no two data_offsets");
  return {*dtype, *shape, offsets->front(), offsets->back()};
} catch (const Error& error) {
  fail(error.code(), error.what(), " (tensor ", quoted(name), ")");
}

Header parse_header(std::string_view text, const std::string& path) {
  const std::string source = path + " (header)";
  JsonReader json(text, source);
  Header header;
  bool has_metadata = false;
  json.read_object([&](std::string name) {
    if (name != kMetadataKey) {
      const Entry entry = read_entry(json, name);
      header.entries.emplace_back(std::move(name), entry);
      return;
    }
    if (std::exchange(has_metadata, true)) json.fail_here(quoted(name), " appears twice");
    json.read_object(
        [&](std::string key) { header.metadata.emplace_back(std::move(key), json.read_string()); });
  });
  json.expect_end();
  if (const auto twice = find_twice(header.entries)) {
    fail(ErrorCode::parse, path, ": tensor ", quoted(*twice), " appears twice");
  }
  if (const auto twice = find_twice(header.metadata)) {
    fail(ErrorCode::parse, path, ": metadata key ", quoted(*twice), " appears twice");
  }
  return header;
}

Header read_header(InputFile& input) {
  const std::string& path = input.path();
  FOVEA_REQUIRE(input.size() >= kLengthBytes, parse, path, " is not a safetensors file: it has ",
                input.size(), " bytes, and the header's length alone takes ", kLengthBytes);
  std::uint64_t length = 0;
  input.read(&length, sizeof length);
  FOVEA_REQUIRE(length <= kLargestHeader, parse, path, " is not a safetensors file: its header of ",
                length, " bytes (offset 0) is above the limit of ", kLargestHeader);
  FOVEA_REQUIRE(length <= input.size() - kLengthBytes, parse, path,
                " is truncated or not a safetensors file: its header of ", length,
                " bytes (offset 0) does not fit in the file's ", input.size());
  std::string text(length, '\0');
  input.read(text.data(), text.size());
  return parse_header(text, path);
}

/// The tensors in the order of their data, after checking that they fill the data exactly.
std::vector<std::size_t> check_layout(const Header& header, std::uint64_t data_bytes,
                                      const std::string& path) {
  std::vector<std::size_t> order(header.entries.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const Entry& left = header.entries[a].second;
    const Entry& right = header.entries[b].second;
    return std::pair(left.first, left.last) < std::pair(right.first, right.last);
  });
  std::uint64_t end = 0;
  for (const std::size_t i : order) {
    const auto& [name, entry] = header.entries[i];
    const std::string where = detail::concat(path, ": tensor ", quoted(name), " at data offsets [",
                                             entry.first, ", ", entry.last, ")");
    const std::optional<std::uint64_t> bytes = bytes_of(entry);
    FOVEA_REQUIRE(bytes, parse, where, ": shape ", entry.shape, " is too large for any memory");
    FOVEA_REQUIRE(entry.first <= entry.last && entry.last - entry.first == *bytes, parse, where,
                  " should have ", *bytes, " bytes, by its dtype ", dtype_name(entry.dtype),
                  " and shape ", entry.shape);
    FOVEA_REQUIRE(entry.first == end, parse, where,
                  entry.first < end ? " overlaps" : " leaves a gap after",
                  " the data before it, which ends at ", end);
    FOVEA_REQUIRE(entry.last <= data_bytes, parse, where, " is out of range: the file has ",
                  data_bytes, " bytes of data; it may be truncated");
    end = entry.last;
  }
  FOVEA_REQUIRE(end == data_bytes, parse, path, ": its tensors end at data offset ", end,
                ", but the file has ", data_bytes, " bytes of data");
  return order;
}

/// Verifies the checksum, if the metadata has one, and takes it out.
void verify_checksum(SafetensorsFile& file, const std::string& path) {
  const auto entry = std::find_if(file.metadata.begin(), file.metadata.end(),
                                  [](const auto& item) { return item.first == kChecksumKey; });
  if (entry == file.metadata.end()) return;
  const std::string expected = std::move(entry->second);
  file.metadata.erase(entry);
  const std::string actual = checksum(file);
  FOVEA_REQUIRE(actual == expected, parse, path, " is damaged: the checksum of its contents is ",
                actual, ", not ", quoted(expected),
                " as its metadata says. Use another copy (or, if "
                "another program changed the file on purpose, remove the metadata key \"",
                kChecksumKey, "\")");
}

}  // namespace

void write_safetensors(const std::string& path, const SafetensorsFile& file) {
  check_writable(file);
  const std::vector<std::size_t> order = data_order(file);
  const std::string header = make_header(file, order);
  const std::uint64_t length = header.size();
  AtomicFile output(path);
  output.write(&length, sizeof length);
  output.write(header);
  for (const std::size_t i : order) {
    const Tensor& tensor = file.tensors[i].second;
    output.write(tensor.raw(), tensor.bytes());
  }
  output.commit();
}

SafetensorsFile read_safetensors(const std::string& path) {
  InputFile input(path);
  Header header = read_header(input);
  const auto order = check_layout(header, input.size() - input.offset(), path);
  SafetensorsFile file;
  file.metadata = std::move(header.metadata);
  for (auto& [name, entry] : header.entries) {
    file.tensors.emplace_back(std::move(name), Tensor(entry.shape, entry.dtype));
  }
  for (const std::size_t i : order) {
    Tensor& tensor = file.tensors[i].second;
    input.read(tensor.mutable_raw(), tensor.bytes());
  }
  verify_checksum(file, path);
  return file;
}

}  // namespace fovea
