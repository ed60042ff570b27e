// Message: writes protocol buffers' wire format, as far as event files need it.
//
// A message is a row of fields, each a key (number << 3 | type, as a varint) and a value: type 0 a
// varint, 1 eight bytes, 5 four bytes, little-endian; 2 a length and bytes: text, a message inside,
// or packed numbers. Source: https://protobuf.dev/programming-guides/encoding/.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace fovea::report {

class Message {
 public:
  Message& integer(int field, std::int64_t value) {
    key(field, 0);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& f64(int field, double value) {
    key(field, 1);
    raw(&value, sizeof value);
    return *this;
  }
  Message& f32(int field, float value) {
    key(field, 5);
    raw(&value, sizeof value);
    return *this;
  }
  Message& text(int field, std::string_view value) {
    key(field, 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return text(field, value.bytes_); }
  Message& packed(int field, const std::vector<double>& values) {
    std::string inside(values.size() * sizeof(double), '\0');
    if (!values.empty()) std::memcpy(inside.data(), values.data(), inside.size());
    return text(field, inside);
  }

  const std::string& bytes() const { return bytes_; }

 private:
  void key(int field, int type) { varint(static_cast<std::uint64_t>((field << 3) | type)); }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>((value & 0x7f) | 0x80);
    bytes_ += static_cast<char>(value);
  }
  void raw(const void* value, std::size_t size) {
    bytes_.append(static_cast<const char*>(value), size);
  }

  std::string bytes_;
};

}  // namespace fovea::report
