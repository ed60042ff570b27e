// Pictures of networks and of their training, and an HTML report: what people look at. Link with
// fovea::report (find_package) or fovea-report (pkg-config), a library beside libfovea.
//
//   write_picture("curves.png", draw_curves(history));
//   write_report("report.html", model, {.history = history, .test = test});
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "fovea/data.h"
#include "fovea/json.h"
#include "fovea/model.h"
#include "fovea/network.h"

namespace fovea {

// ---- Pictures ----

/// A drawing as an SVG document, of this size in pixels.
struct Picture {
  std::string svg;
  int width = 0;
  int height = 0;
};

/// Writes a file whose name ends in .svg or .png, atomically; PNG with `scale` times as many pixels
/// on each side. Throws invalid_argument for another ending, a scale outside 0.1 to 10 or PNG of
/// more than 32767 pixels on a side, io where it cannot be written, unsupported for PNG without the
/// plug-in (librsvg).
FOVEA_API void write_picture(const std::filesystem::path& path, const Picture& picture,
                             double scale = 2);

// Each of these draws a picture that can be read alone: titles, axes, units and legends are in it.
// The same input gives the same bytes. Names may hold any text.

struct CurvesOptions {
  std::string title = "Training";
  int panel_width = 460;   ///< pixels, 200 at least
  int panel_height = 290;  ///< pixels, 150 at least
};
/// Losses and metrics over the epochs, counted from 1: a panel for each metric, with the values of
/// training and, where the logs have val_<metric>, of validation; learning_rate on a logarithmic
/// scale, and left out beside others where it never changes. Values that are not finite are gaps.
/// Throws invalid_argument for a history without epochs, or panels that are too small.
FOVEA_API Picture draw_curves(const History& history, const CurvesOptions& options = {});

struct ConfusionOptions {
  std::string title = "Confusion matrix";
  bool shares = false;  ///< percents of each true class instead of counts
};
/// confusion_matrix()'s counts, (classes, classes), as a heat map with the numbers in its cells:
/// rows are true classes, columns predicted ones; the fuller the colour, the larger the number.
/// Without names, classes are numbers. Throws shape_mismatch for another shape, invalid_argument
/// for negative counts and names that are not as many as classes.
FOVEA_API Picture draw_confusion_matrix(const Tensor& matrix,
                                        const std::vector<std::string>& class_names = {},
                                        const ConfusionOptions& options = {});

struct NetworkPictureOptions {
  std::string title{};  ///< empty: the network's name
};
/// The layers from left to right as blocks in perspective, whose height, depth and thickness follow
/// the output's height, width and channels on compressing scales; layers without spatial axes are
/// columns. Element-wise layers are bands on the block before them. Rows wrap, and networks of many
/// layers show each module ("stage1.block2") as one block.
FOVEA_API Picture draw_architecture(const Network& network,
                                    const NetworkPictureOptions& options = {});

/// The layers from top to bottom as boxes with name, kind, output shape and parameters, and an
/// arrow from each to its readers.
FOVEA_API Picture draw_graph(const Network& network, const NetworkPictureOptions& options = {});

struct FiltersOptions {
  std::string title{};            ///< empty: "Filters of <layer>"
  std::int64_t max_filters = 64;  ///< the first so many are drawn
  std::int64_t max_channels = 8;  ///< of each filter, where it has neither 1 nor 3
};
/// The kernels of a layer by its name, such as "stage2.conv1": a convolution's (filters, kh, kw,
/// C), or those of a dense layer that reads a flattened picture. Filters over three channels are in
/// colours, others grey, one picture for each input channel; each filter is drawn from -m to m, its
/// largest magnitude, so that zero is mid grey, and the picture states m. Throws invalid_argument
/// for an unknown layer (with the closest name) or one without such kernels; as encode_image.
FOVEA_API Picture draw_filters(const Model& model, const std::string& layer,
                               const FiltersOptions& options = {});

struct FeatureMapsOptions {
  std::string title{};                     ///< empty: "What <layer> gives"
  std::int64_t max_maps = 32;              ///< the first so many are drawn
  std::vector<std::string> class_names{};  ///< of the last layer's bars; empty: the model's
};
/// What a layer gives for one sample (of the shape that the network takes, without a batch axis),
/// and the sample beside it: maps (H, W, C) as a grid, each from its least to its largest value;
/// rows of numbers as bars, the last layer's with class names, the most probable first. Throws
/// invalid_argument for an unknown layer, shape_mismatch for a sample that does not fit; as
/// encode_image.
FOVEA_API Picture draw_feature_maps(Model& model, const Tensor& sample, const std::string& layer,
                                    const FeatureMapsOptions& options = {});

// ---- The HTML report ----

struct HtmlReportOptions {
  std::string title{};               ///< empty: the network's name
  std::optional<History> history{};  ///< of the training: curves
  /// Data that the model was not trained on: metrics, confusions, mistakes, feature maps.
  std::optional<Dataset> test{};
  std::vector<std::string> class_names{};  ///< empty: the test set's, else the model's
  std::int64_t max_test_samples = 10'000;  ///< of the test set, the first so many are looked at
  std::int64_t mistakes = 30;              ///< pictures of mistakes, the most confident first
  std::int64_t sample_pictures = 4;        ///< pictures whose feature maps are shown
  bool profile = true;                     ///< measures each layer's time in a prediction
  std::int64_t batch_size = 32;            ///< of the plan of memory, and of those times
  /// An object: what the training was started with, "epochs": 5, for people to read.
  Json settings{};
};
/// Writes a report as one HTML file that needs nothing else, neither files nor a network, and can
/// be read on a phone as on a desk, light or dark. Sections that cannot be are left out, or say
/// why: curves without a history, mistakes without pictures. Predicts the test set (and, where the
/// model is compiled, evaluates it). Throws invalid_argument for options out of range,
/// shape_mismatch for a test set that does not fit the model, io where the file cannot be written.
FOVEA_API void write_report(const std::filesystem::path& path, Model& model,
                            const HtmlReportOptions& options = {});

}  // namespace fovea
