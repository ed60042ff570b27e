// Json: a small value type for model descriptions, run records and file headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "fovea/export.h"

namespace fovea {

/// null, bool, integer, number, string, array or object. Objects keep the order of insertion, so
/// that the same value always prints as the same text. Integers and doubles round-trip exactly.
class FOVEA_API Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;                                        // null
  Json(std::nullptr_t) {}                                  // NOLINT(google-explicit-constructor)
  Json(bool value) : value_(value) {}                      // NOLINT(google-explicit-constructor)
  Json(int value) : value_(std::int64_t{value}) {}         // NOLINT(google-explicit-constructor)
  Json(std::int64_t value) : value_(value) {}              // NOLINT(google-explicit-constructor)
  Json(std::uint64_t value);                               // NOLINT(google-explicit-constructor)
  Json(double value) : value_(value) {}                    // NOLINT(google-explicit-constructor)
  Json(const char* value) : value_(std::string(value)) {}  // NOLINT(google-explicit-constructor)
  Json(std::string_view value) : value_(std::string(value)) {}  // NOLINT
  Json(std::string value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Json(Array value) : value_(std::move(value)) {}        // NOLINT(google-explicit-constructor)
  Json(Object value) : value_(std::move(value)) {}       // NOLINT(google-explicit-constructor)
  static Json array() { return Json(Array{}); }
  static Json object() { return Json(Object{}); }

  /// Parses one JSON text (RFC 8259). Throws parse, naming `source`, line and column. Nesting is
  /// limited to 200 levels; a key may appear once in an object. NaN, Infinity and -Infinity, which
  /// to_string can write, are accepted. An integer outside the 64-bit range becomes a double.
  static Json parse(std::string_view text, std::string_view source = "JSON");
  /// `indent` < 0: one line; else that many spaces per level. Doubles print as the shortest text
  /// that reads back as the same double; what is not UTF-8 in a string prints as U+FFFD.
  std::string to_string(int indent = -1) const;

  bool is_null() const { return value_.index() == 0; }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const { return is_integer() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  /// Typed access; throws parse with what was expected and what was found.
  bool as_bool() const;
  std::int64_t as_int() const;    ///< also takes an integral double of at most 2^53
  std::uint64_t as_uint() const;  ///< values above 2^63-1 are kept as strings of digits
  double as_double() const;
  const std::string& as_string() const;
  const Array& as_array() const;
  const Object& as_object() const;

  /// Object access. `at` throws parse naming the missing key; `find` returns null instead.
  const Json& at(std::string_view key) const;
  const Json* find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key) != nullptr; }
  /// Sets or replaces a member (a null value becomes an object first).
  Json& set(std::string_view key, Json value);
  /// Appends to an array (a null value becomes an array first).
  Json& push(Json value);
  /// Members of an array or object; 0 for anything else.
  std::size_t size() const;
  /// Element of an array; throws parse when out of range.
  const Json& operator[](std::size_t index) const;

  friend bool operator==(const Json&, const Json&) = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

}  // namespace fovea
