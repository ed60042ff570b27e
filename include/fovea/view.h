// A network to walk around: an interactive 3-D page. Link with fovea::report (find_package) or
// fovea-report (pkg-config).
//
//   write_view("view.html", model, {.samples = test.slice(0, 12)});
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "fovea/data.h"
#include "fovea/model.h"

namespace fovea {

struct ViewOptions {
  std::string title{};  ///< empty: the network's name
  /// Example inputs, of which the page holds the first 12. Without any, it holds one of noise.
  Dataset samples{};
  /// Instead, for networks with several inputs: (N, ...) of each, in the network's order.
  std::vector<Tensor> inputs{};
  std::vector<std::string> class_names{};  ///< empty: the samples', or else the model's
  /// What a white pixel is, for what is drawn by hand. By default 255 where samples exceed 1 or the
  /// network scales pixels itself, else 1.
  std::optional<double> white{};
  /// Up to so many bytes of weights are put into the page, a third more as text.
  std::int64_t max_weight_bytes = 40'000'000;
};

/// Writes an HTML page that shows the layers as stacks of feature maps and columns of units, which
/// can be turned, zoomed and opened, and what flows through them for a sample. For networks that
/// take one picture of (28, 28, 1) or (28, 28) it has a pad to draw on. The page is one file that
/// asks for no other: it computes the network itself, in JavaScript, from its weights. Where it
/// cannot - the network has an op of a program's own, or more weights than the option allows - it
/// says so and shows what the library computed, in 8 bits: the first 32 maps of each layer, reduced
/// to 56 x 56 cells, for the first sample and as many more as fit into 30 MB.
///
/// Written atomically. Throws unsupported in a build without three.js, and as Network::to_json;
/// parse for an op of a program's own that is not registered (register_op); shape_mismatch for
/// samples that do not fit the network; io where it cannot be written.
FOVEA_API void write_view(const std::filesystem::path& path, Model& model,
                          const ViewOptions& options = {});

}  // namespace fovea
