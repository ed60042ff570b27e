// y = x in another type: elementwise, by elementwise_kernel.
// Bytes moved: count (sizeof(From) + sizeof(To)).
#include "kernels/cast.h"

#include "kernels/elementwise.cuh"

namespace fovea::kernels {
namespace {

/// The conversions to f32 and from it do the work: f32 holds every value of the other types.
struct Same {
  __device__ float operator()(float x) const { return x; }
};

}  // namespace

cudaError_t cast(cudaStream_t stream, DType from, const void* x, DType to, void* y,
                 std::int64_t count) {
  return with_floating_type(from, [&](auto from_type) {
    using From = typename decltype(from_type)::Type;
    return with_floating_type(to, [&](auto to_type) {
      using To = typename decltype(to_type)::Type;
      return elementwise(stream, count, static_cast<To*>(y), Same{}, static_cast<const From*>(x));
    });
  });
}

}  // namespace fovea::kernels
