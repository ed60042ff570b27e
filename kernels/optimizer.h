// Optimizers over many parameters at once. Weights, gradients and state are f32, aligned to 16
// bytes. Formulas: fovea/ops/update.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <limits>

#include "kernels/segments.h"

namespace fovea::kernels {

/// One parameter: weights, gradient, and as much state as the optimizer has (v of SGD with
/// momentum; m and v of Adam).
struct OptimizerTensors {
  float* w;
  const float* g;
  float* state[2];
};
using ParameterTable = SegmentTable<OptimizerTensors, 1024>;

/// What all optimizers take. The pointers are to scalars on the device, but `scales`.
struct UpdateStep {
  const std::int32_t* finite;  ///< 0: change nothing
  const double* sum_squares;   ///< of all gradients; read where global_clip_norm > 0
  const float* rate;
  const std::int64_t* applied;  ///< steps applied before this one
  const float* scales;          ///< one factor per segment, for its gradient; null: 1
  float weight_decay = 0;
  float clip_value = std::numeric_limits<float>::infinity();
  float global_clip_norm = 0;  ///< 0: none
};

/// momentum 0: state is not used.
cudaError_t sgd_update(cudaStream_t stream, const ParameterTable& table, const UpdateStep& step,
                       float momentum, bool nesterov);

/// Takes 1 - beta and the logarithm of beta, which f32 holds to full precision where beta is
/// near 1.
struct AdamRates {
  float m_share, v_share;      ///< 1 - beta1, 1 - beta2
  float log_beta1, log_beta2;  ///< minus infinity of 0
  float epsilon;
};
cudaError_t adam_update(cudaStream_t stream, const ParameterTable& table, const UpdateStep& step,
                        const AdamRates& rates);

}  // namespace fovea::kernels
