// y[i0, i1, ...] = x[i0 stride0 + i1 stride1 + ...]: a tensor's axes in another order.
//
// Mapping: thread t writes element t of y, so writes are coalesced; reads are as far apart as the
// innermost stride says, and meet again in the cache. Positions are counted in 32 bits: tensors of
// more elements are done a range of the outermost axis at a time.
// Bytes moved: 2 elements.
#include "kernels/transpose.h"

#include <algorithm>
#include <limits>

#include "kernels/divide.cuh"
#include "kernels/launch.h"

namespace fovea::kernels {
namespace {

constexpr int kThreads = 256;

/// The axes inside the outermost one, innermost first.
struct InnerAxes {
  int count = 0;
  FastDivisor by_size[kMostTransposedAxes - 1] = {FastDivisor(1), FastDivisor(1), FastDivisor(1),
                                                  FastDivisor(1), FastDivisor(1), FastDivisor(1),
                                                  FastDivisor(1)};
  std::int64_t stride[kMostTransposedAxes - 1] = {};
};

}  // namespace

template <class Element>
__global__ void transpose_kernel(unsigned count, InnerAxes axes, std::int64_t outer_stride,
                                 const Element* x, Element* y) {
  const unsigned element = blockIdx.x * kThreads + threadIdx.x;
  if (element >= count) return;
  unsigned rest = element;
  std::int64_t source = 0;
  for (int i = 0; i < axes.count; ++i) {
    source += axes.by_size[i].divide(rest) * axes.stride[i];
  }
  y[element] = x[source + rest * outer_stride];
}

namespace {

template <class Element>
cudaError_t transpose_elements(cudaStream_t stream, std::span<const std::int64_t> sizes,
                               std::span<const std::int64_t> strides, const void* x, void* y) {
  if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) return cudaSuccess;
  InnerAxes axes;
  std::int64_t inner = 1;
  for (std::size_t i = sizes.size(); i-- > 1; ++axes.count) {
    axes.by_size[axes.count] = FastDivisor(sizes[i]);
    axes.stride[axes.count] = strides[i];
    inner *= sizes[i];
  }
  const std::int64_t outer = sizes.empty() ? 1 : sizes[0];
  const std::int64_t outer_stride = sizes.empty() ? 1 : strides[0];
  const std::int64_t most = std::numeric_limits<int>::max() / inner;
  for (std::int64_t first = 0; first < outer; first += most) {
    const std::int64_t count = std::min(most, outer - first) * inner;
    const cudaError_t status =
        launch("transpose_kernel", stream, {blocks_for(count, kThreads), kThreads},
               transpose_kernel<Element>, static_cast<unsigned>(count), axes, outer_stride,
               static_cast<const Element*>(x) + first * outer_stride,
               static_cast<Element*>(y) + first * inner);
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

}  // namespace

cudaError_t transpose(cudaStream_t stream, std::span<const std::int64_t> sizes,
                      std::span<const std::int64_t> strides, std::int64_t element_bytes,
                      const void* x, void* y) {
  switch (element_bytes) {
    case 1:
      return transpose_elements<std::uint8_t>(stream, sizes, strides, x, y);
    case 2:
      return transpose_elements<std::uint16_t>(stream, sizes, strides, x, y);
    case 4:
      return transpose_elements<std::uint32_t>(stream, sizes, strides, x, y);
    case 8:
      return transpose_elements<uint2>(stream, sizes, strides, x, y);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace fovea::kernels
