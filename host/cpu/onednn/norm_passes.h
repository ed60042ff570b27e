// Batch normalization's passes over memory, in whatever format the pictures lie.
#pragma once

#include "host/cpu/onednn/picture.h"

namespace fovea::onednn {

/// What the passes read and write. Per-channel arrays have picture.padded_channels() elements.
struct NormJob {
  Picture picture;
  std::int64_t parts = 1;  ///< into which the cells of all images are split; set by `split_norm`
  const float* x = nullptr;
  const float* dy = nullptr;
  /// Added before the activation; null without.
  const float* residual = nullptr;
  /// y = relu(...), whose gradient is dy where y > 0; null without a relu.
  const float* saved = nullptr;
  bool relu = false;
  float* y = nullptr;
  float* dx = nullptr;
  /// Where the relu's gradient is to be written; null where nobody wants it.
  float* d = nullptr;
  const float* mean = nullptr;
  /// y = (x - mean) factor + offset; dx = dy factor + (x - mean) slope + offset.
  const float* factor = nullptr;
  const float* slope = nullptr;
  const float* offset = nullptr;
  /// [parts][2][padded channels]: two sums for each channel.
  double* sums = nullptr;
};

/// How many parts the work is split into: a matter of shapes alone, so that the order of all sums,
/// and with it every bit of the result, does not depend on the number of threads.
std::int64_t parts_of(const Picture& picture);

/// sums = (sum of x - x0, sum of (x - x0)^2), where x0 is the channel's first element.
void sum_moments(const NormJob& job, int threads);
/// sums = (sum of d, sum of d (x - mean)), d being dy where saved > 0, and written where wanted.
void sum_gradients(const NormJob& job, int threads);
/// y = [relu]((x - mean) factor + offset [+ residual]).
void normalize(const NormJob& job, int threads);
/// dx = d factor + (x - mean) slope + offset.
void apply_gradients(const NormJob& job, int threads);

}  // namespace fovea::onednn
