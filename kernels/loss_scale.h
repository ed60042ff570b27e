// Dynamic loss scaling; see the ops of the same names for the formulas.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::kernels {

/// y[i] = x[i] / scale[0] for i < count; aligned to 16 bytes. y may be x.
cudaError_t unscale(cudaStream_t stream, DType dtype, const void* x, const float* scale, void* y,
                    std::int64_t count);

/// Halves scale[0] where finite[0] is 0; doubles it, to at most `largest`, after `interval` steps
/// without that.
cudaError_t adjust_loss_scale(cudaStream_t stream, float* scale, std::int64_t* good_steps,
                              const std::int32_t* finite, std::int64_t interval, float largest);

}  // namespace fovea::kernels
