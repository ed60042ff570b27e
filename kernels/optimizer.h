// Optimizers over many parameters at once. Weights, gradients and state are f32, aligned to 16
// bytes. Formulas: fovea/ops/update.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <limits>

#include "kernels/segments.h"

namespace fovea::kernels {

/// One parameter: weights, gradient, and as much state as the optimizer has, in the order of
/// fovea/ops/update.h.
struct OptimizerTensors {
  float* w;
  const float* g;
  float* state[3];
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

cudaError_t adagrad_update(cudaStream_t stream, const ParameterTable& table, const UpdateStep& step,
                           float epsilon);

struct RmsPropRates {
  float rho, share;  ///< share = 1 - rho
  float momentum;    ///< 0: none, and no state for it
  float epsilon;
  bool centered;
};
cudaError_t rmsprop_update(cudaStream_t stream, const ParameterTable& table, const UpdateStep& step,
                           const RmsPropRates& rates);

struct AdamaxRates {
  float m_share;    ///< 1 - beta1
  float log_beta1;  ///< minus infinity of 0
  float beta2;
  float epsilon;
};
cudaError_t adamax_update(cudaStream_t stream, const ParameterTable& table, const UpdateStep& step,
                          const AdamaxRates& rates);

/// What all elements of one Nadam step share, in device memory.
struct NadamFactors {
  float m, x;          ///< of the moment and of the gradient: rate k / (1 - K)
  float inverse_bias;  ///< 1 / (1 - beta2^t)
};
/// Sets *factors for the step's rate and number.
cudaError_t nadam_factors(cudaStream_t stream, const UpdateStep& step, const AdamRates& rates,
                          NadamFactors* factors);
cudaError_t nadam_update(cudaStream_t stream, const ParameterTable& table, const UpdateStep& step,
                         const AdamRates& rates, const NadamFactors* factors);

}  // namespace fovea::kernels
