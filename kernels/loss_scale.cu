// unscale: one launch for many gradients (segment_map.cuh). adjust_loss_scale: one thread.
// Bytes moved: 8 per element of the gradients; three numbers.
#include "kernels/loss_scale.h"

#include "kernels/segment_map.cuh"

namespace fovea::kernels {
namespace {

struct Unscaled {
  static constexpr bool kReadsSecond = false;
  const float* scale;
  __device__ float operator()(float x, float) const { return x * (1.0f / *scale); }
};

}  // namespace

__global__ void adjust_loss_scale_kernel(float* scale, std::int64_t* good_steps,
                                         const std::int32_t* finite, std::int64_t interval,
                                         float largest) {
  if (*finite == 0) {
    *scale *= 0.5f;
    *good_steps = 0;
  } else if (++*good_steps >= interval) {
    *scale = fminf(*scale * 2.0f, largest);
    *good_steps = 0;
  }
}

cudaError_t unscale(cudaStream_t stream, const PairTable& table, const float* scale) {
  return map_segments(stream, table, Unscaled{scale});
}

cudaError_t adjust_loss_scale(cudaStream_t stream, float* scale, std::int64_t* good_steps,
                              const std::int32_t* finite, std::int64_t interval, float largest) {
  return launch("adjust_loss_scale_kernel", stream, {1, 1}, adjust_loss_scale_kernel, scale,
                good_steps, finite, interval, largest);
}

}  // namespace fovea::kernels
