// JsonReader: reads JSON text value by value. Json::parse builds its tree with it; a reader of
// untrusted input whose form is known asks for exactly that form and never builds a tree at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "fovea/error.h"
#include "fovea/json.h"

namespace fovea {

/// A cursor over one JSON text (RFC 8259, and NaN, Infinity, -Infinity). Each read_ function takes
/// the next value and throws parse, naming `source`, line and column, when it is of another kind.
class JsonReader {
 public:
  static constexpr int kMaxDepth = 200;

  /// Keeps views of both arguments.
  JsonReader(std::string_view text, std::string_view source) : text_(text), source_(source) {}

  /// Calls `member(std::string key)` for each member; it must read the value.
  template <class Member>
  void read_object(Member&& member) {
    enter('{', "an object");
    for (bool first = true; has_next('}', first); first = false) member(read_key());
  }
  /// Calls `element()` for each element; it must read the value.
  template <class Element>
  void read_array(Element&& element) {
    enter('[', "an array");
    for (bool first = true; has_next(']', first); first = false) element();
  }
  std::string read_string();
  /// An integer that fits in 64 bits, written without fraction or exponent.
  std::int64_t read_int();
  /// Any value, as a tree. A key that appears twice in one object is an error.
  Json read_value();
  /// Checks that nothing but white space follows.
  void expect_end();

  /// Throws parse at the position of the value or character that was read last.
  template <class... Parts>
  [[noreturn]] void fail_here(const Parts&... parts) const {
    fail(ErrorCode::parse, position(), ": ", parts...);
  }

 private:
  bool at_end() const { return cursor_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[cursor_]; }
  void skip_space();
  /// Skips white space and marks the position that errors name.
  void start_token();
  void enter(char bracket, std::string_view wanted);
  bool has_next(char closing, bool first);
  std::string read_key();
  Json read_object_tree();
  Json read_number();
  std::string_view scan_number(bool& integral);
  bool skip_digits();
  Json read_literal();
  bool take_word(std::string_view word);
  void read_escape(std::string& out);
  std::uint32_t read_hex4();

  /// "config.json, line 3, column 14"
  std::string position() const;
  /// What stands at the cursor, for messages.
  std::string found() const;

  std::string_view text_;
  std::string_view source_;
  std::size_t cursor_ = 0;
  std::size_t token_ = 0;  // where errors point
  int depth_ = 0;
};

/// `text` in double quotes, escaped, shortened when long: for messages.
std::string quoted(std::string_view text);

}  // namespace fovea
