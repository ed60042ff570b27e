// How the attributes of ops, optimizers and the like become JSON and come back.
//
// A describable struct lists its attributes once:
//
//   template <class Self, class Visitor>
//   static void fields(Self& self, Visitor&& visit) { visit("rate", self.rate); }
//
// and printing, hashing, model files and checkpoints all follow from that list.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "fovea/dtype.h"
#include "fovea/error.h"
#include "fovea/json.h"
#include "fovea/shape.h"

namespace fovea {

inline Json to_json(bool value) { return value; }
inline Json to_json(int value) { return value; }
inline Json to_json(std::int64_t value) { return value; }
inline Json to_json(std::uint64_t value) { return value; }
inline Json to_json(float value) { return double{value}; }
inline Json to_json(double value) { return value; }
inline Json to_json(const std::string& value) { return value; }
inline Json to_json(const Json& value) { return value; }
inline Json to_json(Size2 value) { return Json::Array{value.h, value.w}; }
inline Json to_json(DType value) { return dtype_name(value); }
inline Json to_json(const Shape& value) {
  Json array = Json::array();
  for (std::int64_t size : value) array.push(size);
  return array;
}

inline void from_json(const Json& json, bool& value) { value = json.as_bool(); }
inline void from_json(const Json& json, int& value) { value = static_cast<int>(json.as_int()); }
inline void from_json(const Json& json, std::int64_t& value) { value = json.as_int(); }
inline void from_json(const Json& json, std::uint64_t& value) { value = json.as_uint(); }
inline void from_json(const Json& json, float& value) {
  value = static_cast<float>(json.as_double());
}
inline void from_json(const Json& json, double& value) { value = json.as_double(); }
inline void from_json(const Json& json, std::string& value) { value = json.as_string(); }
inline void from_json(const Json& json, Json& value) { value = json; }
inline void from_json(const Json& json, Size2& value) {
  value = Size2(json[0].as_int(), json[1].as_int());
}
inline void from_json(const Json& json, DType& value) {
  const auto dtype = parse_dtype(json.as_string());
  FOVEA_REQUIRE(dtype.has_value(), parse, "unknown dtype '", json.as_string(), "'");
  value = *dtype;
}
inline void from_json(const Json& json, Shape& value) {
  std::vector<std::int64_t> sizes;
  for (const Json& size : json.as_array()) sizes.push_back(size.as_int());
  value = Shape(sizes);
}

/// Enumerations become their names: specialize EnumNames with `static constexpr const char*
/// values[]`, in the order of the enumerators, which start at 0.
template <class Enum>
struct EnumNames;

template <class Enum>
requires std::is_enum_v<Enum> Json to_json(Enum value) {
  return EnumNames<Enum>::values[static_cast<std::size_t>(value)];
}

template <class Enum>
requires std::is_enum_v<Enum>
void from_json(const Json& json, Enum& value) {
  std::string known;
  for (std::size_t i = 0; i < std::size(EnumNames<Enum>::values); ++i) {
    if (json.as_string() == EnumNames<Enum>::values[i]) {
      value = static_cast<Enum>(i);
      return;
    }
    known += std::string(i == 0 ? "" : ", ") + EnumNames<Enum>::values[i];
  }
  fail(ErrorCode::parse, "unknown value '", json.as_string(), "'; known: ", known);
}

template <class T>
Json to_json(const std::vector<T>& values) {
  Json array = Json::array();
  for (const T& value : values) array.push(to_json(value));
  return array;
}
template <class T>
void from_json(const Json& json, std::vector<T>& values) {
  values.clear();
  for (const Json& element : json.as_array()) from_json(element, values.emplace_back());
}

}  // namespace fovea
