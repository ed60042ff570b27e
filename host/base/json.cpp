// Json values: access and printing. The grammar is in json_reader.cpp.
#include "fovea/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

#include "fovea/error.h"
#include "host/base/json_reader.h"
#include "host/base/utf8.h"

namespace fovea {
namespace {

/// Up to this magnitude every integer is a double, so that a double can stand for an integer.
constexpr double kLargestExactInteger = 9007199254740992.0;  // 2^53

bool is_exact_integer(double value) {
  return std::trunc(value) == value && std::abs(value) <= kLargestExactInteger;
}

std::string describe(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_bool()) return value.as_bool() ? "true" : "false";
  if (value.is_number()) return "the number " + value.to_string();
  if (value.is_string()) return "the string " + quoted(value.as_string());
  return value.is_array() ? "an array" : "an object";
}

[[noreturn]] void fail_kind(std::string_view wanted, const Json& value) {
  fail(ErrorCode::parse, "expected ", wanted, " in JSON, found ", describe(value));
}

void write_double(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "Infinity" : "-Infinity";
  } else {
    std::array<char, 32> digits;  // the shortest form of a double needs 24 at most
    const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    const std::string_view text(digits.data(), static_cast<std::size_t>(end - digits.data()));
    out += text;
    // Without a point or an exponent it would be read back as an integer.
    if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
  }
}

void write_string(std::string& out, std::string_view text) {
  constexpr std::string_view kEscaped = "\"\\\b\f\n\r\t";
  constexpr std::string_view kLetters = "\"\\bfnrt";
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_length(text);
    const char c = text.front();
    if (length == 0) {
      append_utf8(out, 0xFFFD);  // the replacement character
    } else if (const std::size_t i = kEscaped.find(c); i != std::string_view::npos) {
      out += '\\';
      out += kLetters[i];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    } else {
      out.append(text, 0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

class Writer {
 public:
  explicit Writer(int indent) : indent_(indent) {}

  void write(const Json& value, int level) {
    if (value.is_null()) {
      out_ += "null";
    } else if (value.is_bool()) {
      out_ += value.as_bool() ? "true" : "false";
    } else if (value.is_integer()) {
      out_ += std::to_string(value.as_int());
    } else if (value.is_number()) {
      write_double(out_, value.as_double());
    } else if (value.is_string()) {
      write_string(out_, value.as_string());
    } else if (value.is_array()) {
      write_list('[', ']', value.as_array(), level,
                 [&](const Json& element) { write(element, level + 1); });
    } else {
      write_list('{', '}', value.as_object(), level, [&](const Json::Member& member) {
        write_string(out_, member.first);
        out_ += indent_ < 0 ? ":" : ": ";
        write(member.second, level + 1);
      });
    }
  }

  std::string take() { return std::move(out_); }

 private:
  template <class List, class WriteItem>
  void write_list(char open, char close, const List& items, int level, WriteItem write_item) {
    out_ += open;
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += ',';
      first = false;
      start_line(level + 1);
      write_item(item);
    }
    if (!items.empty()) start_line(level);
    out_ += close;
  }

  void start_line(int level) {
    if (indent_ < 0) return;
    out_ += '\n';
    out_.append(static_cast<std::size_t>(indent_) * static_cast<std::size_t>(level), ' ');
  }

  int indent_;
  std::string out_;
};

}  // namespace

Json::Json(std::uint64_t value) {
  if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    value_ = static_cast<std::int64_t>(value);
  } else {
    value_ = std::to_string(value);
  }
}

Json Json::parse(std::string_view text, std::string_view source) {
  JsonReader reader(text, source);
  Json value = reader.read_value();
  reader.expect_end();
  return value;
}

std::string Json::to_string(int indent) const {
  Writer writer(indent);
  writer.write(*this, 0);
  return writer.take();
}

bool Json::as_bool() const {
  if (const bool* value = std::get_if<bool>(&value_)) return *value;
  fail_kind("true or false", *this);
}

std::int64_t Json::as_int() const {
  if (const std::int64_t* value = std::get_if<std::int64_t>(&value_)) return *value;
  if (const double* value = std::get_if<double>(&value_); value && is_exact_integer(*value)) {
    return static_cast<std::int64_t>(*value);
  }
  fail_kind("an integer", *this);
}

std::uint64_t Json::as_uint() const {
  if (const std::string* digits = std::get_if<std::string>(&value_)) {
    std::uint64_t value = 0;
    const char* const last = digits->data() + digits->size();
    const auto [end, error] = std::from_chars(digits->data(), last, value);
    if (error == std::errc{} && end == last) return value;
  } else if (is_number()) {
    const std::int64_t value = as_int();
    if (value >= 0) return static_cast<std::uint64_t>(value);
  }
  fail_kind("an integer from 0 to 2^64-1", *this);
}

double Json::as_double() const {
  if (const double* value = std::get_if<double>(&value_)) return *value;
  if (const std::int64_t* value = std::get_if<std::int64_t>(&value_)) {
    return static_cast<double>(*value);
  }
  fail_kind("a number", *this);
}

const std::string& Json::as_string() const {
  if (const auto* value = std::get_if<std::string>(&value_)) return *value;
  fail_kind("a string", *this);
}

const Json::Array& Json::as_array() const {
  if (const auto* value = std::get_if<Array>(&value_)) return *value;
  fail_kind("an array", *this);
}

const Json::Object& Json::as_object() const {
  if (const auto* value = std::get_if<Object>(&value_)) return *value;
  fail_kind("an object", *this);
}

const Json* Json::find(std::string_view key) const {
  if (const auto* members = std::get_if<Object>(&value_)) {
    for (const Member& member : *members) {
      if (member.first == key) return &member.second;
    }
  }
  return nullptr;
}

const Json& Json::at(std::string_view key) const {
  if (const Json* value = find(key)) return *value;
  std::string keys;
  for (const Member& member : as_object()) {
    if (!keys.empty()) keys += ", ";
    keys += quoted(member.first);
    if (keys.size() > 200) {
      keys += ", ...";
      break;
    }
  }
  fail(ErrorCode::parse, "the key ", quoted(key), " is missing in a JSON object with ",
       keys.empty() ? "no keys" : "the keys " + keys);
}

Json& Json::set(std::string_view key, Json value) {
  if (is_null()) value_ = Object{};
  if (!is_object()) fail_kind("an object", *this);
  auto& members = std::get<Object>(value_);
  for (Member& member : members) {
    if (member.first == key) {
      member.second = std::move(value);
      return *this;
    }
  }
  members.emplace_back(std::string(key), std::move(value));
  return *this;
}

Json& Json::push(Json value) {
  if (is_null()) value_ = Array{};
  if (!is_array()) fail_kind("an array", *this);
  std::get<Array>(value_).push_back(std::move(value));
  return *this;
}

std::size_t Json::size() const {
  if (const auto* elements = std::get_if<Array>(&value_)) return elements->size();
  if (const auto* members = std::get_if<Object>(&value_)) return members->size();
  return 0;
}

const Json& Json::operator[](std::size_t index) const {
  const Array& elements = as_array();
  FOVEA_REQUIRE(index < elements.size(), parse, "element ", index,
                " is out of range for a JSON array of ", elements.size());
  return elements[index];
}

}  // namespace fovea
