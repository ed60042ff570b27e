// Curves: the panels that draw_curves and the HTML report are made of.
#pragma once

#include <string>
#include <vector>

#include "fovea/report.h"
#include "host/report/axis.h"
#include "host/report/svg.h"

namespace fovea::report {

/// A metric over the epochs, of training and validation; NaN where the logs lack it.
struct Curve {
  std::string name;  ///< "loss"
  std::vector<double> train{};
  std::vector<double> validation{};  ///< empty: the logs never have it
  bool logarithmic = false;
};

/// One per metric, in the order of the logs: "accuracy" and "val_accuracy" share one.
std::vector<Curve> curves_of(const History& history);

/// The same without a learning rate that never changes, unless nothing else is there.
std::vector<Curve> curves_to_draw(const History& history);

/// Draws one panel of this size with its corner at (x, y). Its group has the class fv-panel and
/// data- attributes that tell the plot's place and scales: left, top, width, height, first and last
/// epoch, low, high, log (0 or 1) and metric.
void draw_curve(Svg& svg, const Curve& curve, const std::vector<int>& epochs, double x, double y,
                double width, double height);

}  // namespace fovea::report
