// What a 3-D page knows of a network.
#pragma once

#include <string>

#include "fovea/json.h"
#include "fovea/view.h"

namespace fovea::report {

struct ViewData {
  /// The description that host/report/page/view.js reads; see view_data.cpp.
  Json description;
  /// Parameters and running statistics, f32, one after another, in base64; empty where the page
  /// does not compute.
  std::string weights;
};

ViewData view_data(Model& model, const ViewOptions& options);

/// The number of samples that a page holds.
inline constexpr std::int64_t kViewSamples = 12;

/// The samples of a page, made up where the options have none: (N, ...) of each input, u8 or f32.
/// Throws shape_mismatch where they do not fit the network.
std::vector<Tensor> view_inputs(const Network& network, const ViewOptions& options, double white);

/// [{layer: {"shape", "low", "high", "data"}} per sample]: what the library computes at these
/// layers, in 8 bits; of the first sample, and of as many more as fit into a page.
Json stored_activations(Model& model, const std::vector<Tensor>& inputs,
                        const std::vector<std::string>& paths);

}  // namespace fovea::report
