// Axes in another order.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <span>

namespace fovea::kernels {

inline constexpr int kMostTransposedAxes = 8;

/// y has these sizes, outermost first, fewer than 2^31 elements in all axes but the outermost; its
/// element at a position lies in x at the sum of the position's numbers times their strides. No
/// axis but x's innermost has a stride of 1. An element has 1, 2, 4 or 8 bytes.
cudaError_t transpose(cudaStream_t stream, std::span<const std::int64_t> sizes,
                      std::span<const std::int64_t> strides, std::int64_t element_bytes,
                      const void* x, void* y);

}  // namespace fovea::kernels
