// What event files hold: summaries of values, and graphs.
//
// Messages are those of tensorflow/core/framework/{summary,graph,node_def,attr_value,tensor}.proto
// and tensorboard/plugins/hparams/{plugin_data,api}.proto; summaries.cpp names each field.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fovea/json.h"
#include "fovea/network.h"
#include "fovea/tensor.h"
#include "host/report/tensorboard/message.h"

namespace fovea::report {

/// One number, as f32.
FOVEA_INTERNAL Message scalar_summary(const std::string& tag, double value);

/// Counts of values in buckets of equal width.
struct Histogram {
  double min = 0, max = 0, sum = 0, sum_squares = 0;
  std::vector<double> limits;  ///< where each bucket ends
  std::vector<double> counts;
};
/// Of the finite values; all zeros without buckets where there are none.
FOVEA_INTERNAL Histogram histogram_of(std::span<const float> values);
Message histogram_summary(const std::string& tag, const Histogram& histogram);

/// A picture u8 (H, W, 1 or 3), as PNG.
Message image_summary(const std::string& tag, const Tensor& picture);

/// Markdown, for TensorBoard's page of texts.
Message text_summary(const std::string& tag, const std::string& text);

/// The layers as a GraphDef, in which dots in names become slashes, so that TensorBoard folds them.
Message graph_def(const std::vector<LayerRecord>& layers);

/// A run's hyperparameters (an object), and its end.
Message session_start(const Json& hparams, double seconds);
Message session_end(double seconds);

}  // namespace fovea::report
