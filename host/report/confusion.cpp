// The heat map of a confusion matrix.
#include <algorithm>
#include <cmath>
#include <map>

#include "fovea/error.h"
#include "host/report/svg.h"

namespace fovea {
namespace report {
namespace {

constexpr int kLevels = 64;  // of colour

/// A square matrix with the names of its rows and columns, and where it is drawn.
struct Heat {
  std::vector<double> values;  // counts, or shares of their row
  std::vector<std::string> names;
  std::int64_t classes = 0;
  bool shares = false;
  double largest = 0;
  double left = 0;
  double top = 0;
  double cell = 0;

  double side() const { return cell * static_cast<double>(classes); }
  double value(std::int64_t row, std::int64_t column) const {
    return values[static_cast<std::size_t>(row * classes + column)];
  }
  /// From 0 to 1, the largest value. The root shows rare confusions beside many right answers.
  double strength(double value) const { return largest > 0 ? std::sqrt(value / largest) : 0; }
  std::string text(double value) const {
    return coordinate(shares ? std::round(1000 * value) / 10 : value);
  }
};

/// Names of classes along both sides; every second, third, … where all would overlap.
void draw_names(Svg& svg, const Heat& heat) {
  const double size = std::clamp(heat.cell - 2, 8.0, 12.0);
  const auto every = static_cast<std::int64_t>(std::ceil((size + 2) / heat.cell));
  const bool turned =
      std::any_of(heat.names.begin(), heat.names.end(), [&](const std::string& name) {
        return text_width(name, size) > heat.cell * static_cast<double>(every) - 4;
      });
  const double bottom = heat.top + heat.side();
  for (std::int64_t i = 0; i < heat.classes; i += every) {
    const std::string& name = heat.names[static_cast<std::size_t>(i)];
    const double middle = (static_cast<double>(i) + 0.5) * heat.cell;
    svg.text(heat.left - 8, heat.top + middle + 0.36 * size, name, {.anchor = "end", .size = size});
    if (turned) {
      svg.text(heat.left + middle + 0.3 * size, bottom + 14, name,
               {.anchor = "end", .size = size, .turn = -45});
    } else {
      svg.text(heat.left + middle, bottom + 18, name, {.anchor = "middle", .size = size});
    }
  }
}

void draw_cells(Svg& svg, const Heat& heat) {
  std::map<int, std::string> by_level;  // cells of one colour are one path
  const std::string side = coordinate(heat.cell - (heat.cell >= 16 ? 1.5 : 0));
  const std::string square = "h" + side + "v" + side + "h-" + side + "z";
  for (std::int64_t row = 0; row < heat.classes; ++row) {
    for (std::int64_t column = 0; column < heat.classes; ++column) {
      const double value = heat.value(row, column);
      if (value <= 0) continue;
      const auto level = static_cast<int>(std::lround(kLevels * heat.strength(value)));
      std::string& d = by_level[std::max(level, 1)];
      d += "M" + coordinate(heat.left + static_cast<double>(column) * heat.cell);
      d += " " + coordinate(heat.top + static_cast<double>(row) * heat.cell);
      d += square;
    }
  }
  for (const auto& [level, d] : by_level) {
    svg.path(d, "class=\"fv-heat\" fill-opacity=\"" + coordinate(double(level) / kLevels) + "\"");
  }
}

void draw_values(Svg& svg, const Heat& heat) {
  std::size_t longest = 1;
  for (const double value : heat.values) longest = std::max(longest, heat.text(value).size());
  const double size = std::min(12.0, (heat.cell - 4) / (0.62 * static_cast<double>(longest)));
  if (size < 7) return;
  for (std::int64_t row = 0; row < heat.classes; ++row) {
    for (std::int64_t column = 0; column < heat.classes; ++column) {
      const double value = heat.value(row, column);
      const char* look = value == 0 ? "fv-faint" : heat.strength(value) > 0.55 ? "fv-on" : "fv-ink";
      svg.text(heat.left + (static_cast<double>(column) + 0.5) * heat.cell - 0.75,
               heat.top + (static_cast<double>(row) + 0.5) * heat.cell + 0.36 * size - 0.75,
               heat.text(value), {.anchor = "middle", .look = look, .size = size});
    }
  }
}

/// What the colours stand for.
void draw_scale(Svg& svg, const Heat& heat) {
  const double x = heat.left + heat.side() + 24;
  const double height = std::min(heat.side(), 220.0);
  constexpr int kSteps = 44;
  for (int i = 0; i < kSteps; ++i) {
    svg.rect(x, heat.top + height * (1 - double(i + 1) / kSteps), 12, height / kSteps,
             "class=\"fv-heat\" fill-opacity=\"" + coordinate((i + 1.0) / kSteps) + "\"");
  }
  for (const double part : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    const double value = part * part * heat.largest;
    const std::string text = heat.shares ? heat.text(value) + " %" : coordinate(std::round(value));
    svg.text(x + 18, heat.top + height * (1 - part) + 4, text, {.size = 11});
  }
}

Heat heat_of(const Tensor& matrix, const std::vector<std::string>& names, bool shares) {
  Heat heat;
  heat.classes = matrix.shape()[0];
  heat.shares = shares;
  for (std::int64_t row = 0; row < heat.classes; ++row) {
    double total = 0;
    for (std::int64_t i = 0; i < heat.classes; ++i) total += matrix.item(row * heat.classes + i);
    for (std::int64_t i = 0; i < heat.classes; ++i) {
      const double count = matrix.item(row * heat.classes + i);
      FOVEA_REQUIRE(count >= 0, invalid_argument, "a confusion matrix has no negative counts, as ",
                    count, " in row ", row);
      const double value = !shares ? count : total > 0 ? count / total : 0;
      heat.values.push_back(value);
      heat.largest = std::max(heat.largest, value);
    }
  }
  for (std::int64_t i = 0; i < heat.classes; ++i) {
    heat.names.push_back(names.empty() ? std::to_string(i)
                                       : shorten(names[static_cast<std::size_t>(i)], 20));
  }
  return heat;
}

}  // namespace
}  // namespace report

Picture draw_confusion_matrix(const Tensor& matrix, const std::vector<std::string>& class_names,
                              const ConfusionOptions& options) {
  using namespace report;  // NOLINT(google-build-using-namespace)
  FOVEA_REQUIRE(matrix.defined() && matrix.shape().rank() == 2 && matrix.numel() > 0 &&
                    matrix.shape()[0] == matrix.shape()[1],
                shape_mismatch, "a confusion matrix is (classes, classes), not ",
                matrix.shape().str());
  FOVEA_REQUIRE(class_names.empty() || std::ssize(class_names) == matrix.shape()[0],
                invalid_argument, "there are ", class_names.size(), " class names for ",
                matrix.shape()[0], " classes");
  Heat heat = heat_of(matrix, class_names, options.shares);
  heat.cell = std::floor(std::clamp(520.0 / static_cast<double>(heat.classes), 6.0, 46.0));
  double widest = 0;
  for (const std::string& name : heat.names) widest = std::max(widest, text_width(name, 12));
  const double heading = options.title.empty() ? 12 : 48;
  heat.left = 44 + widest;
  heat.top = heading;

  Svg svg;
  if (!options.title.empty()) {
    svg.text(16, 30, options.title, {.look = "fv-ink", .size = 17, .bold = true});
  }
  svg.open("g", "class=\"fv-matrix\" data-left=\"" + coordinate(heat.left) + "\" data-top=\"" +
                    coordinate(heat.top) + "\" data-cell=\"" + coordinate(heat.cell) +
                    "\" data-classes=\"" + std::to_string(heat.classes) + "\"");
  draw_cells(svg, heat);
  draw_values(svg, heat);
  svg.close("g");
  draw_names(svg, heat);
  draw_scale(svg, heat);
  const double below = heat.top + heat.side() + 34 + 0.75 * widest;
  const double middle = heat.top + heat.side() / 2;
  svg.text(heat.left + heat.side() / 2, below, "predicted class",
           {.anchor = "middle", .bold = true});
  svg.text(22, middle, "true class", {.anchor = "middle", .bold = true, .turn = -90});
  svg.text(heat.left + heat.side() + 24, heat.top + std::min(heat.side(), 220.0) + 26,
           options.shares ? "of the class" : "samples", {.size = 11});
  return svg.finish(heat.left + heat.side() + 110, std::max(below + 16, heat.top + 270),
                    "Confusion matrix: rows are true classes, columns predicted ones");
}

}  // namespace fovea
