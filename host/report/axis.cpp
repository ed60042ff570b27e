#include "host/report/axis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace fovea::report {
namespace {

constexpr double kLeastLogarithmic = 1e-300;  // what is smaller has lost digits

/// The step of 1, 2 or 5 times a power of ten that divides `span` into at most `count` parts.
double round_step(double span, int count) {
  const double least = span / count;
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

std::string label_of(double value, double step) {
  std::array<char, 40> text{};
  const double size = std::max(std::fabs(value), step);
  if (size >= 1e6 || step < 1e-5) {
    std::snprintf(text.data(), text.size(), "%.4g", value);
  } else {
    const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
    std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  }
  return text.data();
}

std::vector<Tick> linear_ticks(double low, double high, int count) {
  std::vector<Tick> ticks;
  const double step = round_step(high - low, count);
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i <= count; ++i) {
    const double value = (first + i) * step;
    if (value <= high + 1e-9 * step) ticks.push_back({value, label_of(value, step)});
  }
  return ticks;
}

/// Powers of ten and, where these are few, 2 and 5 times them.
std::vector<Tick> logarithmic_ticks(double low, double high, int count) {
  std::vector<Tick> ticks;
  const double decades = std::log10(high / low);
  const double every = std::max(1.0, std::ceil(decades / count));
  for (double power = std::floor(std::log10(low)); power <= std::log10(high); ++power) {
    if (std::fmod(power, every) != 0) continue;
    for (const double factor : {1.0, 2.0, 5.0}) {
      if (factor != 1 && decades > 2) continue;
      const double value = factor * std::pow(10, power);
      if (value < low * (1 - 1e-9) || value > high * (1 + 1e-9)) continue;
      std::array<char, 40> text{};
      std::snprintf(text.data(), text.size(), "%g", value);
      ticks.push_back({value, text.data()});
    }
  }
  return ticks;
}

}  // namespace

bool Axis::shows(double value) const {
  return std::isfinite(value) && (!logarithmic || value >= kLeastLogarithmic);
}

double Axis::place(double value) const {
  if (logarithmic) return std::log(value / low) / std::log(high / low);
  return (value - low) / (high - low);
}

std::vector<Tick> Axis::ticks(int count) const {
  return logarithmic ? logarithmic_ticks(low, high, count) : linear_ticks(low, high, count);
}

Axis axis_of(const std::vector<double>& values, bool logarithmic) {
  Axis axis{INFINITY, -INFINITY, logarithmic};
  for (const double value : values) {
    if (!axis.shows(value)) continue;
    axis.low = std::min(axis.low, value);
    axis.high = std::max(axis.high, value);
  }
  if (axis.low > axis.high) return {logarithmic ? 0.1 : 0, 1, logarithmic};
  if (logarithmic) {
    const double room = std::max(std::pow(axis.high / axis.low, 0.06), 1.3);
    return {axis.low / room, axis.high * room, true};
  }
  if (axis.low == axis.high) {
    const double room = axis.low == 0 ? 1 : 0.1 * std::fabs(axis.low);
    return {axis.low - room, axis.high + room, false};
  }
  // A scale that nearly reaches zero starts there; shares end at one.
  const double span = axis.high - axis.low;
  const bool from_zero = axis.low >= 0 && axis.low < 0.5 * span;
  const bool share = axis.low >= 0 && axis.high <= 1 && axis.high > 0.9;
  axis.low = from_zero ? 0 : axis.low - 0.06 * span;
  axis.high = share ? std::min(1.0, axis.high + 0.06 * span) : axis.high + 0.06 * span;
  return axis;
}

std::vector<Tick> whole_ticks(int first, int last, int count) {
  std::vector<Tick> ticks;
  const int step =
      std::max(1, static_cast<int>(round_step(std::max(1, last - first), std::max(1, count))));
  for (int value = first; value <= last; ++value) {
    const bool at_ends = value == first && first % step != 0 && step - first % step > step / 2;
    if (value % step == 0 || at_ends) ticks.push_back({double(value), std::to_string(value)});
  }
  return ticks;
}

}  // namespace fovea::report
