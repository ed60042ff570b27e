// The JSON grammar, as a recursive descent over the text.
#include "host/base/json_reader.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>
#include <vector>

#include "host/base/utf8.h"

namespace fovea {

Json JsonReader::read_value() {
  start_token();
  switch (peek()) {
    case '{':
      return read_object_tree();
    case '[': {
      Json::Array elements;
      read_array([&] { elements.push_back(read_value()); });
      return elements;
    }
    case '"':
      return read_string();
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
      return read_number();
    default:
      return read_literal();
  }
}

Json JsonReader::read_object_tree() {
  const std::size_t start = cursor_;
  Json::Object members;
  read_object([&](std::string key) { members.emplace_back(std::move(key), read_value()); });

  std::vector<std::string_view> keys(members.size());
  std::transform(members.begin(), members.end(), keys.begin(),
                 [](const Json::Member& member) -> std::string_view { return member.first; });
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice != keys.end()) {
    token_ = start;
    fail_here("the key ", quoted(*twice), " appears twice in this object");
  }
  return members;
}

void JsonReader::expect_end() {
  start_token();
  if (!at_end()) fail_here("expected the end of the text, found ", found());
}

void JsonReader::skip_space() {
  while (!at_end() && (peek() == ' ' || peek() == '\n' || peek() == '\t' || peek() == '\r')) {
    ++cursor_;
  }
}

void JsonReader::start_token() {
  skip_space();
  token_ = cursor_;
}

void JsonReader::enter(char bracket, std::string_view wanted) {
  start_token();
  if (peek() != bracket) fail_here("expected ", wanted, ", found ", found());
  if (depth_ == kMaxDepth) fail_here("nested deeper than ", kMaxDepth, " levels");
  ++depth_;
  ++cursor_;
}

bool JsonReader::has_next(char closing, bool first) {
  start_token();
  if (peek() == closing) {
    ++cursor_;
    --depth_;
    return false;
  }
  if (!first) {
    if (peek() != ',') fail_here("expected ',' or '", closing, "', found ", found());
    ++cursor_;
  }
  return true;
}

std::string JsonReader::read_key() {
  start_token();
  if (peek() != '"') fail_here("expected a key in double quotes, found ", found());
  std::string key = read_string();
  start_token();
  if (peek() != ':') fail_here("expected ':' after the key ", quoted(key), ", found ", found());
  ++cursor_;
  return key;
}

std::string JsonReader::read_string() {
  start_token();
  if (peek() != '"') fail_here("expected a string, found ", found());
  const std::size_t start = cursor_++;
  std::string result;
  while (true) {
    token_ = cursor_;
    if (at_end()) {
      token_ = start;
      fail_here("this string has no closing quote");
    }
    const char c = peek();
    if (c == '"') break;
    if (c == '\\') {
      read_escape(result);
      continue;
    }
    if (static_cast<unsigned char>(c) < 0x20) {
      fail_here("a control character inside a string must be escaped, found ", found());
    }
    const std::size_t length = utf8_sequence_length(text_.substr(cursor_));
    if (length == 0) fail_here("this string is not valid UTF-8, found ", found());
    result.append(text_, cursor_, length);
    cursor_ += length;
  }
  ++cursor_;
  token_ = start;
  return result;
}

void JsonReader::read_escape(std::string& out) {
  ++cursor_;  // the backslash
  const char c = peek();
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (const std::size_t i = kLetters.find(c); !at_end() && i != std::string_view::npos) {
    out += kMeanings[i];
    ++cursor_;
    return;
  }
  if (c != 'u') fail_here("unknown escape in a string: backslash and ", found());
  ++cursor_;
  std::uint32_t code_point = read_hex4();
  const auto is_high = [](std::uint32_t unit) { return unit >= 0xD800 && unit <= 0xDBFF; };
  const auto is_low = [](std::uint32_t unit) { return unit >= 0xDC00 && unit <= 0xDFFF; };
  if (is_high(code_point) && take_word("\\u")) {
    const std::uint32_t low = read_hex4();
    if (!is_low(low)) fail_here("a \\u high surrogate must be followed by a low one");
    code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
  } else if (is_high(code_point) || is_low(code_point)) {
    fail_here("a \\u surrogate must be one of a high and low pair");
  }
  append_utf8(out, code_point);
}

std::uint32_t JsonReader::read_hex4() {
  std::uint32_t value = 0;
  const std::string_view digits = text_.substr(cursor_, 4);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() != 4 || error != std::errc{} || end != digits.data() + 4) {
    fail_here("\\u must be followed by four hexadecimal digits");
  }
  cursor_ += 4;
  return value;
}

bool JsonReader::skip_digits() {
  const std::size_t start = cursor_;
  while (peek() >= '0' && peek() <= '9') ++cursor_;
  return cursor_ > start;
}

std::string_view JsonReader::scan_number(bool& integral) {
  const std::size_t start = cursor_;
  integral = true;
  if (peek() == '-') ++cursor_;
  if (peek() == '0') {
    ++cursor_;
    if (peek() >= '0' && peek() <= '9') fail_here("a number may not begin with a zero");
  } else if (!skip_digits()) {
    fail_here("expected a digit after '-', found ", found());
  }
  if (peek() == '.') {
    integral = false;
    ++cursor_;
    if (!skip_digits()) fail_here("expected a digit after '.', found ", found());
  }
  if (peek() == 'e' || peek() == 'E') {
    integral = false;
    ++cursor_;
    if (peek() == '+' || peek() == '-') ++cursor_;
    if (!skip_digits()) fail_here("expected a digit in the exponent, found ", found());
  }
  return text_.substr(start, cursor_ - start);
}

Json JsonReader::read_number() {
  if (take_word("-Infinity")) return -std::numeric_limits<double>::infinity();
  bool integral = true;
  const std::string_view number = scan_number(integral);
  const char* const last = number.data() + number.size();
  if (integral) {
    std::int64_t value = 0;
    if (std::from_chars(number.data(), last, value).ec == std::errc{}) return value;
  }
  double value = 0;
  if (std::from_chars(number.data(), last, value).ec != std::errc{}) {
    fail_here("the number ", number.substr(0, 40), " does not fit in a double");
  }
  return value;
}

std::int64_t JsonReader::read_int() {
  start_token();
  if (peek() != '-' && (peek() < '0' || peek() > '9')) {
    fail_here("expected an integer, found ", found());
  }
  bool integral = true;
  const std::string_view number = scan_number(integral);
  std::int64_t value = 0;
  if (!integral ||
      std::from_chars(number.data(), number.data() + number.size(), value).ec != std::errc{}) {
    fail_here("expected a 64-bit integer, found ", number.substr(0, 40));
  }
  return value;
}

Json JsonReader::read_literal() {
  if (take_word("null")) return nullptr;
  if (take_word("true")) return true;
  if (take_word("false")) return false;
  if (take_word("NaN")) return std::numeric_limits<double>::quiet_NaN();
  if (take_word("Infinity")) return std::numeric_limits<double>::infinity();
  fail_here("expected a value, found ", found());
}

bool JsonReader::take_word(std::string_view word) {
  if (text_.substr(cursor_, word.size()) != word) return false;
  cursor_ += word.size();
  return true;
}

std::string JsonReader::position() const {
  const std::string_view before = text_.substr(0, token_);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  const auto columns = utf8_characters(before.substr(line_start));
  return detail::concat(source_, ", line ", lines + 1, ", column ", columns + 1);
}

std::string JsonReader::found() const {
  if (at_end()) return "the end of the text";
  const auto byte = static_cast<unsigned char>(peek());
  if (byte > 0x20 && byte < 0x7F) return detail::concat("'", peek(), "'");
  constexpr std::string_view kHex = "0123456789abcdef";
  return detail::concat("byte 0x", kHex[byte >> 4], kHex[byte & 15]);
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  if (text.size() <= kLongest) return Json(text).to_string();
  std::size_t cut = kLongest;
  while (cut > 0 && !starts_character(text[cut])) --cut;
  return Json(detail::concat(text.substr(0, cut), "...")).to_string();
}

}  // namespace fovea
