// Plots of numbers: lines, and functions of two variables. Link with fovea::report.
//
//   write_picture("roc.png", draw_lines({{.name = "model", .x = fpr, .y = tpr}},
//                                       {.title = "ROC", .x_label = "false positives"}));
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fovea/report.h"

namespace fovea {

/// Points joined by a line, or alone. Where x or y is not finite the line has a gap.
struct PlotLine {
  std::string name{};  ///< for the legend; empty: not in it
  std::vector<double> x{};
  std::vector<double> y{};  ///< as many as x
  bool points = false;      ///< dots instead of a line
};

struct PlotOptions {
  std::string title{};
  std::string x_label = "x";
  std::string y_label = "y";
  int width = 560;   ///< pixels, 200 at least
  int height = 420;  ///< likewise
};

/// Lines on common axes, such as activations by their formulas, or a ROC curve. Throws
/// invalid_argument for a line with more of x than of y, nothing finite to draw, or a size that is
/// too small.
FOVEA_API Picture draw_lines(const std::vector<PlotLine>& lines, const PlotOptions& options = {});

struct PlotRange {
  double low = -1;
  double high = 1;
};

struct PlaneOptions {
  PlotRange x{};
  PlotRange y{};
  int levels = 12;  ///< bands of colour, 2 at least
  PlotOptions plot{};
};

/// A function of two variables as bands of colour, the fuller the larger, with lines upon it: a
/// loss and the paths of optimizers, or what a network makes of the plane and the samples that it
/// learned from. `f` is called for some 20,000 places. Throws as draw_lines, and invalid_argument
/// for a range without extent, or where `f` is nowhere finite.
FOVEA_API Picture draw_plane(const std::function<double(double x, double y)>& f,
                             const std::vector<PlotLine>& lines = {},
                             const PlaneOptions& options = {});

/// A picture (H, W) or (H, W, 1) as text, a line for each row: values in columns of at least three
/// characters, or with `threshold`, 1 for what is above it and 0 for the rest. Throws
/// invalid_argument for another shape.
FOVEA_API std::string image_text(const Tensor& image);
FOVEA_API std::string image_text(const Tensor& image, double threshold);

}  // namespace fovea
