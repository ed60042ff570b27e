// Kernels of convolutions, and of dense layers that look at pictures, and what layers give, drawn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fovea/report.h"
#include "host/report/svg.h"

namespace fovea::report {

/// Finds a layer by its name; throws invalid_argument, with the closest name, for an unknown one.
const LayerRecord& layer_of(const Network& network, const std::string& name);

/// Whether draw_filters can draw this layer.
bool has_kernels(const Network& network, const LayerRecord& layer);

/// draw_filters, for the HTML page or for files.
Picture filters_picture(const Model& model, const std::string& layer, const FiltersOptions& options,
                        bool for_page);

/// A layer's value for one sample, (1, ...), drawn with its upper left corner at (x, y): maps
/// (H, W, C) as a grid, rows (C) as bars, matrices as one map. `names` label the bars of classes,
/// highest first. Returns the height; `width` is what it may take, and becomes what it took.
double draw_output(Svg& svg, const Tensor& value, const std::vector<std::string>& names,
                   std::int64_t max_maps, double x, double y, double& width);

}  // namespace fovea::report
