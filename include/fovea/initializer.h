// How parameters get their first values.
#pragma once

#include <cstdint>
#include <string>

#include "fovea/export.h"
#include "fovea/fields.h"
#include "fovea/tensor.h"

namespace fovea {

/// A named distribution. `scale` is the half-width, standard deviation or constant where the kind
/// takes one; the Glorot and He kinds derive theirs from the fans.
struct Initializer {
  enum class Kind {
    constant,
    uniform,
    normal,
    glorot_uniform,
    glorot_normal,
    he_uniform,
    he_normal,
  };
  Kind kind = Kind::constant;
  double scale = 0;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
    visit("scale", self.scale);
  }
};

template <>
struct EnumNames<Initializer::Kind> {
  static constexpr const char* values[] = {"constant",       "uniform",       "normal",
                                           "glorot_uniform", "glorot_normal", "he_uniform",
                                           "he_normal"};
};

inline Initializer zeros() { return {Initializer::Kind::constant, 0}; }
inline Initializer ones() { return {Initializer::Kind::constant, 1}; }
inline Initializer constant_value(double value) { return {Initializer::Kind::constant, value}; }
/// Uniform in [-limit, limit).
inline Initializer uniform(double limit) { return {Initializer::Kind::uniform, limit}; }
inline Initializer normal(double stddev) { return {Initializer::Kind::normal, stddev}; }
/// Uniform in +-sqrt(6 / (fan_in + fan_out)). Source: Glorot, Bengio 2010.
inline Initializer glorot_uniform() { return {Initializer::Kind::glorot_uniform, 0}; }
/// Truncated normal with variance 2 / (fan_in + fan_out).
inline Initializer glorot_normal() { return {Initializer::Kind::glorot_normal, 0}; }
/// Uniform in +-sqrt(6 / fan_in). Source: He, Zhang, Ren, Sun 2015.
inline Initializer he_uniform() { return {Initializer::Kind::he_uniform, 0}; }
/// Truncated normal with variance 2 / fan_in.
inline Initializer he_normal() { return {Initializer::Kind::he_normal, 0}; }

/// Fills f32 or f64 memory. The values depend on (seed, path) alone: neither on the order of
/// creation nor on the device. Fans: a dense weight (in, out); a convolution weight
/// (out, kh, kw, in / groups). Truncated normals are cut at two standard deviations and widened so
/// that the variance is the one named, as Keras does.
FOVEA_API void initialize(Tensor& tensor, const Initializer& initializer, std::uint64_t seed,
                          const std::string& path);

inline Json to_json(const Initializer& value) {
  Json json = Json::object();
  Initializer::fields(value,
                      [&](std::string_view key, const auto& v) { json.set(key, to_json(v)); });
  return json;
}
inline void from_json(const Json& json, Initializer& value) {
  Initializer::fields(value, [&](std::string_view key, auto& v) { from_json(json.at(key), v); });
}

}  // namespace fovea
