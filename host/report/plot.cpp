// Lines and planes on a pair of axes.
#include "fovea/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "fovea/error.h"
#include "host/report/axis.h"
#include "host/report/svg.h"

namespace fovea {
namespace {

using report::Axis;
using report::coordinate;
using report::Svg;
using report::Tick;

constexpr std::array<const char*, 8> kColors = {"#2a78d6", "#e2592a", "#1a9f70", "#6a4fc4",
                                                "#e0a100", "#d6589a", "#0b0b0b", "#5d6b78"};
constexpr double kLeft = 66;
constexpr double kRight = 18;
constexpr double kBottom = 52;
constexpr std::int64_t kPlaneWidth = 160;  // cells of a plane
constexpr std::int64_t kPlaneHeight = 120;

/// A pair of axes and their place in the picture.
struct Frame {
  Axis x, y;
  double left, top, width, height;

  bool shows(double at_x, double at_y) const { return x.shows(at_x) && y.shows(at_y); }
  double place_x(double value) const { return left + width * x.place(value); }
  double place_y(double value) const { return top + height * (1 - y.place(value)); }
};

bool has_legend(const std::vector<PlotLine>& lines) {
  return std::any_of(lines.begin(), lines.end(),
                     [](const PlotLine& line) { return !line.name.empty(); });
}

Frame frame_of(const PlotOptions& options, bool legend, const Axis& x, const Axis& y) {
  FOVEA_REQUIRE(options.width >= 200 && options.height >= 200, invalid_argument, "a plot of ",
                options.width, " x ", options.height,
                " pixels is too small; take 200 x 200 or more");
  const double top = (options.title.empty() ? 14 : 44) + (legend ? 24 : 0);
  return {x, y, kLeft, top, options.width - kLeft - kRight, options.height - top - kBottom};
}

void check_lines(const std::vector<PlotLine>& lines) {
  for (const PlotLine& line : lines) {
    FOVEA_REQUIRE(line.x.size() == line.y.size(), invalid_argument, "the line '", line.name,
                  "' has ", line.x.size(), " values of x and ", line.y.size(), " of y");
  }
}

void draw_axes(Svg& svg, const Frame& frame, const PlotOptions& options, bool grid) {
  const double bottom = frame.top + frame.height;
  for (const Tick& tick : frame.y.ticks(std::clamp(static_cast<int>(frame.height / 44), 2, 8))) {
    const double y = frame.place_y(tick.value);
    svg.line(grid ? frame.left : frame.left - 4, y, frame.left + (grid ? frame.width : 0), y,
             grid ? "class=\"fv-grid\"" : "class=\"fv-axis\"");
    svg.text(frame.left - 7, y + 4, tick.label, {.anchor = "end", .size = 11});
  }
  for (const Tick& tick : frame.x.ticks(std::clamp(static_cast<int>(frame.width / 62), 2, 10))) {
    const double x = frame.place_x(tick.value);
    svg.line(x, bottom, x, bottom + 4, "class=\"fv-axis\"");
    svg.text(x, bottom + 17, tick.label, {.anchor = "middle", .size = 11});
  }
  svg.line(frame.left, bottom, frame.left + frame.width, bottom, "class=\"fv-axis\"");
  svg.text(frame.left + frame.width / 2, bottom + 38, options.x_label, {.anchor = "middle"});
  const double middle = frame.top + frame.height / 2;
  svg.text(16, middle, options.y_label, {.anchor = "middle", .turn = -90});
  if (!options.title.empty()) {
    svg.text(14, 28, options.title, {.look = "fv-ink", .size = 16, .bold = true});
  }
}

/// On a plane, lines have a white edge.
void draw_line(Svg& svg, const Frame& frame, const PlotLine& line, const std::string& color,
               bool edge) {
  std::string d;
  bool drawing = false;
  for (std::size_t i = 0; i < line.x.size(); ++i) {
    const bool shown = frame.shows(line.x[i], line.y[i]);
    if (shown) {
      const std::string place =
          coordinate(frame.place_x(line.x[i])) + " " + coordinate(frame.place_y(line.y[i]));
      // A line of no length with round ends is a dot.
      d += line.points ? "M" + place + "h0" : (drawing ? "L" : "M") + place;
    }
    drawing = shown;
  }
  if (d.empty()) return;
  const double width = line.points ? 7 : 2;
  const std::string look = "fill=\"none\" stroke-linejoin=\"round\" stroke-linecap=\"round\" ";
  if (edge) svg.path(d, look + "stroke=\"#fff\" stroke-width=\"" + coordinate(width + 2.5) + "\"");
  svg.path(d, look + "stroke=\"" + color + "\" stroke-width=\"" + coordinate(width) + "\"");
}

void draw_lines_and_legend(Svg& svg, const Frame& frame, const std::vector<PlotLine>& lines,
                           bool edge) {
  // A line may leave the axes' ranges, but not the frame.
  svg.open("clipPath", "id=\"frame\"");
  svg.rect(frame.left - 4, frame.top - 4, frame.width + 8, frame.height + 8, "");
  svg.close("clipPath");
  svg.open("g", "clip-path=\"url(#frame)\"");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    draw_line(svg, frame, lines[i], kColors[i % kColors.size()], edge);
  }
  svg.close("g");
  double x = frame.left;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].name.empty()) continue;
    svg.line(x, frame.top - 16, x + (lines[i].points ? 0.01 : 18), frame.top - 16,
             "stroke=\"" + std::string(kColors[i % kColors.size()]) + "\" stroke-width=\"" +
                 (lines[i].points ? "7" : "3") + "\" stroke-linecap=\"round\"");
    const double begin = x + (lines[i].points ? 10 : 25);
    svg.text(begin, frame.top - 12, lines[i].name, {.size = 11.5});
    x = begin + report::text_width(lines[i].name, 11.5) + 18;
  }
}

/// f at the middle of each cell, the row of the largest y first.
std::vector<double> sample(const std::function<double(double, double)>& f, const PlotRange& x,
                           const PlotRange& y) {
  std::vector<double> values;
  for (std::int64_t row = 0; row < kPlaneHeight; ++row) {
    const double at_y = y.high - (y.high - y.low) * (static_cast<double>(row) + 0.5) / kPlaneHeight;
    for (std::int64_t column = 0; column < kPlaneWidth; ++column) {
      values.push_back(
          f(x.low + (x.high - x.low) * (static_cast<double>(column) + 0.5) / kPlaneWidth, at_y));
    }
  }
  return values;
}

/// Bands between the least and the largest value, from nearly white to full blue; grey where a
/// value is not finite.
Tensor color_bands(const std::vector<double>& values, int levels) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  FOVEA_REQUIRE(low <= high, invalid_argument, "the function is not finite anywhere on the plane");
  constexpr std::array<double, 3> kLight = {243, 247, 253};
  constexpr std::array<double, 3> kFull = {23, 79, 153};
  Tensor image({kPlaneHeight, kPlaneWidth, 3}, DType::u8);
  auto* pixel = image.data<std::uint8_t>();
  for (const double value : values) {
    const double share = high > low ? (value - low) / (high - low) : 0;
    const double band = std::min(std::floor(share * levels), levels - 1.0) / (levels - 1.0);
    for (std::size_t c = 0; c < 3; ++c) {
      const double color = std::isfinite(value) ? kLight[c] + (kFull[c] - kLight[c]) * band : 200;
      *pixel++ = static_cast<std::uint8_t>(color);
    }
  }
  return image;
}

std::string text_of(const Tensor& image, const std::function<std::string(double)>& cell) {
  const Shape& shape = image.shape();
  FOVEA_REQUIRE(shape.rank() == 2 || (shape.rank() == 3 && shape[2] == 1), invalid_argument,
                "image_text takes a picture (H, W) or (H, W, 1), not ", shape,
                "; to_grayscale makes one of three channels");
  std::string text;
  for (std::int64_t row = 0; row < shape[0]; ++row) {
    for (std::int64_t column = 0; column < shape[1]; ++column) {
      text += cell(image.item(row * shape[1] + column));
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

}  // namespace

Picture draw_lines(const std::vector<PlotLine>& lines, const PlotOptions& options) {
  check_lines(lines);
  std::vector<double> all_x;
  std::vector<double> all_y;
  for (const PlotLine& line : lines) {
    for (std::size_t i = 0; i < line.x.size(); ++i) {
      if (!std::isfinite(line.x[i]) || !std::isfinite(line.y[i])) continue;
      all_x.push_back(line.x[i]);
      all_y.push_back(line.y[i]);
    }
  }
  FOVEA_REQUIRE(!all_x.empty(), invalid_argument, "there is no finite point to draw");
  const Frame frame =
      frame_of(options, has_legend(lines), report::axis_of(all_x), report::axis_of(all_y));
  Svg svg;
  draw_axes(svg, frame, options, true);
  draw_lines_and_legend(svg, frame, lines, false);
  return svg.finish(options.width, options.height, "Plot: " + options.title);
}

Picture draw_plane(const std::function<double(double, double)>& f,
                   const std::vector<PlotLine>& lines, const PlaneOptions& options) {
  check_lines(lines);
  for (const PlotRange& range : {options.x, options.y}) {
    FOVEA_REQUIRE(range.low < range.high && std::isfinite(range.low) && std::isfinite(range.high),
                  invalid_argument, "a range from ", range.low, " to ", range.high,
                  " has no extent; its low must be below its high");
  }
  FOVEA_REQUIRE(options.levels >= 2, invalid_argument, "a plane needs 2 levels at least, not ",
                options.levels);
  const Frame frame =
      frame_of(options.plot, has_legend(lines), {options.x.low, options.x.high, false},
               {options.y.low, options.y.high, false});
  Svg svg;
  svg.image(frame.left, frame.top, frame.width, frame.height,
            color_bands(sample(f, options.x, options.y), options.levels));
  draw_axes(svg, frame, options.plot, false);
  draw_lines_and_legend(svg, frame, lines, true);
  return svg.finish(options.plot.width, options.plot.height, "Plot: " + options.plot.title);
}

std::string image_text(const Tensor& image) {
  return text_of(image, [](double value) {
    std::string cell = report::readable(value);
    cell.resize(std::max<std::size_t>(cell.size() + 1, 4), ' ');
    return cell;
  });
}

std::string image_text(const Tensor& image, double threshold) {
  return text_of(image, [=](double value) { return std::string(value > threshold ? "1" : "0"); });
}

}  // namespace fovea
