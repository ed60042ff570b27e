// Axis: places of values along a side of a chart, and round numbers to label it with.
#pragma once

#include <string>
#include <vector>

namespace fovea::report {

struct Tick {
  double value = 0;
  std::string label;
};

/// A linear or logarithmic scale from `low` to `high` (low < high).
struct Axis {
  double low = 0;
  double high = 1;
  bool logarithmic = false;

  /// Whether a value has a place: it is finite and, on a logarithmic axis, at least 1e-300.
  bool shows(double value) const;
  /// 0 at `low`, 1 at `high`.
  double place(double value) const;
  /// About `count` round values within the axis, with labels of equally many decimals.
  std::vector<Tick> ticks(int count) const;
};

/// An axis that takes in all values that it can show, with some room at both ends.
Axis axis_of(const std::vector<double>& values, bool logarithmic = false);

/// Epochs and other whole numbers, from `first` to `last`: `ticks` of it at whole numbers alone.
std::vector<Tick> whole_ticks(int first, int last, int count);

}  // namespace fovea::report
