// How parameters get their first values.
#pragma once

#include <cstdint>
#include <string>

#include "fovea/export.h"
#include "fovea/fields.h"
#include "fovea/tensor.h"

namespace fovea {

/// A named distribution, or a name of Keras's: "zeros", "ones", "random_normal", "random_uniform",
/// "truncated_normal", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal",
/// "lecun_uniform", "lecun_normal", "orthogonal", with Keras's defaults.
struct FOVEA_API Initializer {
  enum class Kind {
    constant,
    uniform,
    normal,
    glorot_uniform,
    glorot_normal,
    he_uniform,
    he_normal,
    lecun_uniform,
    lecun_normal,
    truncated_normal,
    variance_scaling,
    orthogonal,
  };
  /// What variance_scaling divides by: inputs per output, outputs per input, or their mean.
  enum class Fan { in, out, average };
  enum class Distribution { uniform, normal, truncated_normal };

  Kind kind = Kind::constant;
  double scale = 0;  ///< the half-width, standard deviation, constant or gain of the kinds with one
  double mean = 0;   ///< of uniform, normal and truncated_normal
  Fan fan = Fan::in;                                           ///< of variance_scaling
  Distribution distribution = Distribution::truncated_normal;  ///< of variance_scaling

  Initializer() = default;
  Initializer(Kind what, double how_wide, double around = 0)
      : kind(what), scale(how_wide), mean(around) {}
  /// Throws invalid_argument for an unknown name, listing the known ones.
  Initializer(const std::string& name);  // NOLINT(google-explicit-constructor)
  Initializer(const char* name)          // NOLINT(google-explicit-constructor)
      : Initializer(std::string(name)) {}

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
    visit("scale", self.scale);
    visit("mean", self.mean);
    visit("fan", self.fan);
    visit("distribution", self.distribution);
  }
};

template <>
struct EnumNames<Initializer::Kind> {
  static constexpr const char* values[] = {"constant",         "uniform",          "normal",
                                           "glorot_uniform",   "glorot_normal",    "he_uniform",
                                           "he_normal",        "lecun_uniform",    "lecun_normal",
                                           "truncated_normal", "variance_scaling", "orthogonal"};
};
template <>
struct EnumNames<Initializer::Fan> {
  static constexpr const char* values[] = {"in", "out", "average"};
};
template <>
struct EnumNames<Initializer::Distribution> {
  static constexpr const char* values[] = {"uniform", "normal", "truncated_normal"};
};

inline Initializer zeros() { return {Initializer::Kind::constant, 0}; }
inline Initializer ones() { return {Initializer::Kind::constant, 1}; }
inline Initializer constant_value(double value) { return {Initializer::Kind::constant, value}; }
/// Uniform in [-limit, limit).
inline Initializer uniform(double limit) { return {Initializer::Kind::uniform, limit}; }
inline Initializer normal(double stddev) { return {Initializer::Kind::normal, stddev}; }
/// Uniform in [low, high).
inline Initializer random_uniform(double low = -0.05, double high = 0.05) {
  return {Initializer::Kind::uniform, (high - low) / 2, (high + low) / 2};
}
inline Initializer random_normal(double mean = 0, double stddev = 0.05) {
  return {Initializer::Kind::normal, stddev, mean};
}
/// A normal distribution without what lies more than two standard deviations from its mean.
inline Initializer truncated_normal(double mean = 0, double stddev = 0.05) {
  return {Initializer::Kind::truncated_normal, stddev, mean};
}
/// Uniform in +-sqrt(6 / (fan_in + fan_out)). Source: Glorot, Bengio 2010.
inline Initializer glorot_uniform() { return {Initializer::Kind::glorot_uniform, 0}; }
/// Truncated normal with variance 2 / (fan_in + fan_out).
inline Initializer glorot_normal() { return {Initializer::Kind::glorot_normal, 0}; }
/// Uniform in +-sqrt(6 / fan_in). Source: He, Zhang, Ren, Sun 2015.
inline Initializer he_uniform() { return {Initializer::Kind::he_uniform, 0}; }
/// Truncated normal with variance 2 / fan_in.
inline Initializer he_normal() { return {Initializer::Kind::he_normal, 0}; }
/// Uniform in +-sqrt(3 / fan_in). Source: LeCun, Bottou, Orr, Müller 1998.
inline Initializer lecun_uniform() { return {Initializer::Kind::lecun_uniform, 0}; }
/// Truncated normal with variance 1 / fan_in.
inline Initializer lecun_normal() { return {Initializer::Kind::lecun_normal, 0}; }
/// Mean 0 and variance scale / fan, of which the Glorot, He and LeCun kinds are cases.
inline Initializer variance_scaling(
    double scale = 1, Initializer::Fan fan = Initializer::Fan::in,
    Initializer::Distribution distribution = Initializer::Distribution::truncated_normal) {
  Initializer initializer(Initializer::Kind::variance_scaling, scale);
  initializer.fan = fan;
  initializer.distribution = distribution;
  return initializer;
}
/// `gain` times a random matrix whose rows or columns, whichever are fewer, are orthonormal. A
/// convolution's weight is one row per filter. Source: Saxe, McClelland, Ganguli 2014.
inline Initializer orthogonal(double gain = 1) { return {Initializer::Kind::orthogonal, gain}; }

/// Fills f32 or f64 memory. The values depend on (seed, path) alone: neither on the order of
/// creation nor on the device. Fans: a dense weight (in, out); a convolution weight
/// (out, kh, kw, in / groups). The truncated normals of the kinds with fans are cut at two standard
/// deviations and widened so that the variance is the one named, as Keras does. Throws
/// invalid_argument for an orthogonal vector, and for a scale of variance_scaling that is not above
/// 0.
FOVEA_API void initialize(Tensor& tensor, const Initializer& initializer, std::uint64_t seed,
                          const std::string& path);

inline Json to_json(const Initializer& value) {
  Json json = Json::object();
  Initializer::fields(value,
                      [&](std::string_view key, const auto& v) { json.set(key, to_json(v)); });
  return json;
}
/// Descriptions written when there were fewer fields lack all but "kind" and "scale".
inline void from_json(const Json& json, Initializer& value) {
  value = {};
  from_json(json.at("kind"), value.kind);
  from_json(json.at("scale"), value.scale);
  Initializer::fields(value, [&](std::string_view key, auto& v) {
    if (const Json* found = json.find(key)) from_json(*found, v);
  });
}

}  // namespace fovea
