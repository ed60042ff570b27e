// Dynamic loss scaling; see the ops of the same names for the formulas.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/segments.h"

namespace fovea::kernels {

/// y[i] = x[i] / scale[0] of each pair; y may be x.
cudaError_t unscale(cudaStream_t stream, const PairTable& table, const float* scale);

/// Halves scale[0] where finite[0] is 0; doubles it, to at most `largest`, after `interval` steps
/// without that.
cudaError_t adjust_loss_scale(cudaStream_t stream, float* scale, std::int64_t* good_steps,
                              const std::int32_t* finite, std::int64_t interval, float largest);

}  // namespace fovea::kernels
