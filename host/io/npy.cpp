// NumPy's format: 6 bytes that name it, 2 of a version, the length of a header, the header, which
// is a dictionary in Python's notation, and the numbers.
#include "fovea/npy.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#include "host/io/atomic_file.h"
#include "host/io/input_file.h"
#include "host/io/zip.h"

static_assert(std::endian::native == std::endian::little);

namespace fovea {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::size_t kPrefix = 10;  ///< of version 1: magic, version and 2 bytes of length

struct Type {
  std::string_view name;  ///< without the byte order
  DType dtype;
};
constexpr Type kTypes[] = {{"f4", DType::f32}, {"f8", DType::f64}, {"f2", DType::f16},
                           {"i4", DType::i32}, {"i8", DType::i64}, {"u1", DType::u8},
                           {"b1", DType::u8}};

/// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
struct Header {
  std::string descr;
  bool fortran_order = false;
  Shape shape;
};

/// Reads that dictionary, and nothing else of Python.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  Header parse() {
    Header header;
    std::set<std::string> seen;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr") {
        header.descr = string();
      } else if (key == "fortran_order") {
        header.fortran_order = boolean();
      } else if (key == "shape") {
        header.shape = shape();
      } else {
        fail_here("an unknown key '" + key + "'");
      }
      if (!seen.insert(key).second) fail_here("'" + key + "' twice");
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (seen.size() != 3) fail_here("a header without descr, fortran_order and shape");
    return header;
  }

 private:
  [[noreturn]] void fail_here(const std::string& what) const {
    fail(ErrorCode::parse, source_, " is damaged or no .npy file: its header has ", what,
         ", at character ", position_);
  }
  void skip_space() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n')) {
      ++position_;
    }
  }
  bool accept(char letter) {
    skip_space();
    if (position_ >= text_.size() || text_[position_] != letter) return false;
    ++position_;
    return true;
  }
  void expect(char letter) {
    if (!accept(letter)) fail_here(std::string("no '") + letter + "'");
  }
  std::string string() {
    skip_space();
    const char quote = position_ < text_.size() ? text_[position_] : '\0';
    if (quote != '\'' && quote != '"') fail_here("no string; arrays of records are not read");
    const std::size_t end = text_.find(quote, position_ + 1);
    if (end == std::string_view::npos) fail_here("a string without an end");
    std::string value(text_.substr(position_ + 1, end - position_ - 1));
    position_ = end + 1;
    return value;
  }
  bool boolean() {
    skip_space();
    for (const std::string_view word : {"False", "True"}) {
      if (!text_.substr(position_).starts_with(word)) continue;
      position_ += word.size();
      return word == "True";
    }
    fail_here("neither True nor False");
  }
  Shape shape() {
    Shape result;
    std::int64_t count = 1;
    expect('(');
    while (!accept(')')) {
      if (result.rank() == Shape::kMaxRank) fail_here("more than 8 axes");
      const std::int64_t size = number();
      if (size > kLargest / count) fail_here("a shape that is too large");
      count *= std::max<std::int64_t>(size, 1);
      result = result.append(size);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return result;
  }
  std::int64_t number() {
    skip_space();
    std::int64_t value = 0;
    const std::size_t first = position_;
    while (position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9') {
      value = 10 * value + (text_[position_++] - '0');
      if (value > kLargest) fail_here("a size that is too large");
    }
    if (position_ == first) fail_here("no number");
    return value;
  }

  static constexpr std::int64_t kLargest = std::int64_t{1} << 50;

  std::string_view text_;
  const std::string& source_;
  std::size_t position_ = 0;
};

/// The header's text and where the numbers begin.
std::pair<std::string_view, std::size_t> header_text(Bytes bytes, const std::string& source) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  FOVEA_REQUIRE(all.starts_with(kMagic) && all.size() >= kPrefix, parse, source,
                " is no .npy file: it does not begin as one");
  const std::uint8_t version = bytes[6];
  FOVEA_REQUIRE(version >= 1 && version <= 3, unsupported, source, " is a .npy file of version ",
                int{version}, "; 1 to 3 are read");
  const std::size_t prefix = version == 1 ? kPrefix : kPrefix + 2;
  std::size_t length = 0;
  for (std::size_t i = prefix; i-- > 8;) length = length << 8 | (i < bytes.size() ? bytes[i] : 0);
  FOVEA_REQUIRE(prefix <= all.size() && length <= all.size() - prefix, parse, source,
                " ends within its header, at offset ", all.size());
  return {all.substr(prefix, length), prefix + length};
}

/// Every element's bytes the other way round.
void swap_bytes(Tensor& tensor) {
  const std::size_t size = dtype_size(tensor.dtype());
  auto* bytes = static_cast<std::uint8_t*>(tensor.mutable_raw());
  for (std::int64_t i = 0; i < tensor.numel(); ++i, bytes += size)
    std::reverse(bytes, bytes + size);
}

/// The numbers of a Fortran array, whose first axis runs fastest, in C order.
Tensor from_fortran(const Tensor& tensor, const Shape& shape) {
  Tensor result(shape, tensor.dtype());
  const std::size_t size = dtype_size(tensor.dtype());
  const auto* source = static_cast<const std::uint8_t*>(tensor.raw());
  auto* target = static_cast<std::uint8_t*>(result.mutable_raw());
  for (std::int64_t i = 0; i < result.numel(); ++i, target += size) {
    std::int64_t rest = i;
    std::int64_t place = 0;
    std::int64_t stride = result.numel();
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      stride /= shape[axis];
      place += rest % shape[axis] * stride;
      rest /= shape[axis];
    }
    std::memcpy(target, source + static_cast<std::size_t>(place) * size, size);
  }
  return result;
}

Tensor parse_npy(Bytes bytes, const std::string& source) {
  const auto [text, begin] = header_text(bytes, source);
  const Header header = HeaderParser(text, source).parse();
  const std::string_view name = std::string_view(header.descr).substr(header.descr.empty() ? 0 : 1);
  const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const Type& t) { return t.name == name; });
  FOVEA_REQUIRE(type != std::end(kTypes) &&
                    std::string_view("<>|=").find(header.descr[0]) != std::string_view::npos,
                unsupported, source, " holds numbers of type '", header.descr,
                "'; float16, float32, float64, int32, int64, uint8 and bool are read: convert the "
                "array by astype()");
  const std::size_t available = (bytes.size() - begin) / dtype_size(type->dtype);
  std::size_t count = 1;
  for (std::int64_t size : header.shape) {
    const auto factor = static_cast<std::size_t>(size);
    FOVEA_REQUIRE(factor == 0 || count <= available / factor || count == 0, parse, source,
                  " claims an array of shape ", header.shape, ", but has room for ", available,
                  " numbers");
    count *= factor;
  }
  FOVEA_REQUIRE(bytes.size() - begin == count * dtype_size(type->dtype), parse, source, " has ",
                bytes.size() - begin, " bytes of numbers, not ", count * dtype_size(type->dtype));
  Tensor tensor(header.shape, type->dtype);
  if (count == 0) return tensor;
  std::memcpy(tensor.mutable_raw(), bytes.data() + begin, tensor.bytes());
  if (header.descr[0] == '>') swap_bytes(tensor);
  return header.fortran_order && header.shape.rank() > 1 ? from_fortran(tensor, header.shape)
                                                         : tensor;
}

std::vector<std::uint8_t> format_npy(const Tensor& array, const std::string& name) {
  FOVEA_REQUIRE(array.defined(), invalid_argument, "the array '", name, "' is undefined");
  FOVEA_REQUIRE(array.dtype() != DType::bf16, unsupported, "NumPy has no bf16, as '", name,
                "' is; convert it by to(DType::f32)");
  const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const Type& t) { return t.dtype == array.dtype(); });
  std::string shape;
  for (std::int64_t size : array.shape()) shape += std::to_string(size) + ", ";
  if (array.shape().rank() > 1) shape.resize(shape.size() - 2);
  std::string header = std::string("{'descr': '") + (array.dtype() == DType::u8 ? "|" : "<") +
                       std::string(type->name) + "', 'fortran_order': False, 'shape': (" + shape +
                       "), }";
  // The numbers begin at a multiple of 64.
  header.append(63 - (kPrefix + header.size()) % 64, ' ');
  header += '\n';
  std::vector<std::uint8_t> bytes(kMagic.begin(), kMagic.end());
  const auto length = static_cast<std::uint16_t>(header.size());
  for (const int byte : {1, 0, length & 255, length >> 8}) {
    bytes.push_back(static_cast<std::uint8_t>(byte));
  }
  bytes.insert(bytes.end(), header.begin(), header.end());
  const auto* numbers = static_cast<const std::uint8_t*>(array.raw());
  bytes.insert(bytes.end(), numbers, numbers + array.bytes());
  return bytes;
}

void write_file(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  AtomicFile file(path);
  file.write(bytes.data(), bytes.size());
  file.commit();
}

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

Tensor load_npy(const std::string& path) {
  const std::string file = read_text_file(path);
  return parse_npy(bytes_of(file), path);
}

void save_npy(const std::string& path, const Tensor& array) {
  write_file(path, format_npy(array, path));
}

NamedArrays load_npz(const std::string& path) {
  const std::string file = read_text_file(path);
  NamedArrays arrays;
  for (const ZipEntry& entry : read_zip(bytes_of(file), path)) {
    std::string name = entry.name;
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    arrays.emplace_back(name, parse_npy(entry.bytes, path + ": '" + entry.name + "'"));
  }
  return arrays;
}

void save_npz(const std::string& path, const NamedArrays& arrays) {
  FOVEA_REQUIRE(!arrays.empty(), invalid_argument, path, ": there is no array to write");
  std::set<std::string> names;
  std::vector<ZipEntry> entries;
  for (const auto& [name, array] : arrays) {
    FOVEA_REQUIRE(!name.empty() && names.insert(name).second, invalid_argument, path,
                  ": every array needs a name of its own, not '", name, "' again");
    entries.push_back({name + ".npy", format_npy(array, name)});
  }
  write_file(path, write_zip(entries));
}

}  // namespace fovea
