// Curves of losses and metrics over the epochs of a training.
#include "host/report/curves.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fovea/error.h"

namespace fovea {
namespace report {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kLeft = 58;  // of the plot within its panel
constexpr double kRight = 14;
constexpr double kTop = 40;
constexpr double kBottom = 42;
constexpr std::size_t kMostMarkers = 40;

std::vector<double> values_of(const History& history, const std::string& name) {
  std::vector<double> values;
  for (const Logs& logs : history.logs) {
    const double* value = find_log(logs, name);
    values.push_back(value == nullptr ? kNaN : *value);
  }
  return values;
}

/// Whether all of them that are finite are the same.
bool is_constant(const std::vector<double>& values) {
  const auto is_finite = [](double value) { return std::isfinite(value); };
  const auto first = std::find_if(values.begin(), values.end(), is_finite);
  return std::all_of(first, values.end(),
                     [&](double value) { return !is_finite(value) || value == *first; });
}

/// The plot within a panel, and its scales.
struct Plot {
  double left, top, width, height;
  int first, last;  // epochs, from 1
  Axis axis;

  double x(int epoch) const {
    return last == first ? left + width / 2 : left + width * (epoch - first) / (last - first);
  }
  double y(double value) const { return top + height * (1 - axis.place(value)); }
};

void draw_axes(Svg& svg, const Plot& plot) {
  const double bottom = plot.top + plot.height;
  const int rows = std::clamp(static_cast<int>(plot.height / 38), 2, 8);
  for (const Tick& tick : plot.axis.ticks(rows)) {
    const double y = plot.y(tick.value);
    svg.line(plot.left, y, plot.left + plot.width, y, "class=\"fv-grid\"");
    svg.text(plot.left - 7, y + 4, tick.label, {.anchor = "end", .size = 11});
  }
  svg.line(plot.left, bottom, plot.left + plot.width, bottom, "class=\"fv-axis\"");
  for (const Tick& tick : whole_ticks(plot.first, plot.last, static_cast<int>(plot.width / 46))) {
    const double x = plot.x(static_cast<int>(tick.value));
    svg.line(x, bottom, x, bottom + 4, "class=\"fv-axis\"");
    svg.text(x, bottom + 17, tick.label, {.anchor = "middle", .size = 11});
  }
  svg.text(plot.left + plot.width / 2, bottom + 34, "epoch", {.anchor = "middle", .size = 11});
}

/// The line breaks where a value is missing, and a value between two missing ones is a dot.
void draw_series(Svg& svg, const Plot& plot, const std::vector<int>& epochs,
                 const std::vector<double>& values, const std::string& look) {
  std::string d;
  std::string dots;
  bool drawing = false;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool shown = plot.axis.shows(values[i]);
    if (shown) {
      const std::string place =
          coordinate(plot.x(epochs[i] + 1)) + " " + coordinate(plot.y(values[i]));
      d += (drawing ? "L" : "M") + place;
      const bool alone = !drawing && (i + 1 == values.size() || !plot.axis.shows(values[i + 1]));
      // A line of no length with round ends is a dot.
      if (alone || values.size() <= kMostMarkers) dots += "M" + place + "h0";
    }
    drawing = shown;
  }
  if (d.empty()) return;
  svg.path(d, "class=\"fv-" + look + " fv-line\" stroke-width=\"2\" stroke-linejoin=\"round\"");
  if (!dots.empty()) {
    svg.path(dots, "class=\"fv-" + look + "\" stroke-width=\"6\" stroke-linecap=\"round\"");
  }
}

/// A sample of each line and its name, ending at the right.
void draw_legend(Svg& svg, double right, double y, const Curve& curve) {
  if (curve.validation.empty()) return;
  double x = right;
  for (const std::string& name : {std::string("validation"), std::string("train")}) {
    x -= text_width(name, 11.5);
    svg.text(x, y, name, {.size = 11.5});
    svg.line(x - 24, y - 4, x - 6, y - 4,
             "class=\"fv-" + (name == "train" ? name : "val") +
                 "\" stroke-width=\"3\" stroke-linecap=\"round\"");
    x -= 40;
  }
}

}  // namespace

std::vector<Curve> curves_of(const History& history) {
  std::vector<Curve> curves;
  for (const Logs& logs : history.logs) {
    for (const auto& entry : logs) {
      const bool validation = entry.first.rfind("val_", 0) == 0;
      const std::string name = validation ? entry.first.substr(4) : entry.first;
      auto curve = std::find_if(curves.begin(), curves.end(),
                                [&](const Curve& known) { return known.name == name; });
      if (curve == curves.end()) {
        curves.push_back({name});
        curve = curves.end() - 1;
        curve->logarithmic = name == "learning_rate";
      }
      auto& values = validation ? curve->validation : curve->train;
      if (values.empty()) values = values_of(history, entry.first);
    }
  }
  // The rate is last, whatever came first.
  std::stable_partition(curves.begin(), curves.end(),
                        [](const Curve& curve) { return !curve.logarithmic; });
  return curves;
}

std::vector<Curve> curves_to_draw(const History& history) {
  std::vector<Curve> curves = curves_of(history);
  const Curve* rate = curves.size() > 1 ? &curves.back() : nullptr;
  if (rate != nullptr && rate->logarithmic && is_constant(rate->train)) curves.pop_back();
  return curves;
}

void draw_curve(Svg& svg, const Curve& curve, const std::vector<int>& epochs, double x, double y,
                double width, double height) {
  std::vector<double> values = curve.train;
  values.insert(values.end(), curve.validation.begin(), curve.validation.end());
  const Plot plot{x + kLeft,
                  y + kTop,
                  width - kLeft - kRight,
                  height - kTop - kBottom,
                  epochs.front() + 1,
                  epochs.back() + 1,
                  axis_of(values, curve.logarithmic)};
  const auto data = [](const char* name, const std::string& value) {
    return " data-" + std::string(name) + "=\"" + value + "\"";
  };
  svg.open("g",
           "class=\"fv-panel\"" + data("metric", escape(curve.name)) +
               data("left", coordinate(plot.left)) + data("top", coordinate(plot.top)) +
               data("width", coordinate(plot.width)) + data("height", coordinate(plot.height)) +
               data("first", std::to_string(plot.first)) + data("last", std::to_string(plot.last)) +
               data("low", readable(plot.axis.low, 12)) +
               data("high", readable(plot.axis.high, 12)) +
               data("log", plot.axis.logarithmic ? "1" : "0"));
  svg.text(x + 14, y + 24, shorten(curve.name, 28), {.look = "fv-ink", .size = 14, .bold = true});
  draw_legend(svg, x + width - kRight, y + 24, curve);
  draw_axes(svg, plot);
  draw_series(svg, plot, epochs, curve.train, "train");
  draw_series(svg, plot, epochs, curve.validation, "val");
  svg.close("g");
}

}  // namespace report

Picture draw_curves(const History& history, const CurvesOptions& options) {
  using namespace report;  // NOLINT(google-build-using-namespace)
  FOVEA_REQUIRE(options.panel_width >= 200 && options.panel_height >= 150, invalid_argument,
                "a panel of ", options.panel_width, " x ", options.panel_height,
                " pixels is too small for curves; take 200 x 150 or more");
  const std::vector<Curve> curves = curves_to_draw(history);
  FOVEA_REQUIRE(!curves.empty() && history.epochs.size() == history.logs.size(), invalid_argument,
                "the history has no epochs to draw; fit() returns one with as many as it trained");
  const double heading = options.title.empty() ? 6 : 42;
  const double panel_width = options.panel_width;
  const double panel_height = options.panel_height;
  const std::size_t columns = curves.size() == 1 ? 1 : 2;
  const std::size_t rows = (curves.size() + columns - 1) / columns;
  Svg svg;
  if (!options.title.empty()) {
    svg.text(14, 30, options.title, {.look = "fv-ink", .size = 17, .bold = true});
  }
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const std::size_t row = i / columns;
    draw_curve(svg, curves[i], history.epochs, static_cast<double>(i % columns) * panel_width,
               heading + static_cast<double>(row) * panel_height, panel_width, panel_height);
  }
  return svg.finish(panel_width * static_cast<double>(columns),
                    heading + panel_height * static_cast<double>(rows) + 6,
                    "Curves of training: " + options.title);
}

}  // namespace fovea
