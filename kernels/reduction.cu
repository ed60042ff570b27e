// The mean and the penalty of large weights: sums over a whole tensor, by sum_rows_kernel.
// Bytes moved: count sizeof(T).
#include "kernels/reduction.h"

#include "kernels/sum_rows.cuh"

namespace fovea::kernels {
namespace {

struct Penalty {
  float l1, l2;
  __device__ float operator()(float w) const { return l1 * fabsf(w) + l2 * w * w; }
};

template <class Function>
cudaError_t reduce(cudaStream_t stream, DType dtype, Function function, float divisor,
                   const void* x, void* y, std::int64_t count, void* workspace) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return sum_rows(stream, 1, count, function, divisor, static_cast<T*>(y),
                    static_cast<float*>(workspace), static_cast<const T*>(x));
  });
}

}  // namespace

std::int64_t reduction_workspace_bytes(std::int64_t count) {
  return RowShares(1, count).partial_bytes();
}

cudaError_t mean(cudaStream_t stream, DType dtype, const void* x, void* y, std::int64_t count,
                 void* workspace) {
  return reduce(stream, dtype, Identity{}, static_cast<float>(count), x, y, count, workspace);
}

cudaError_t weight_penalty(cudaStream_t stream, DType dtype, float l1, float l2, const void* w,
                           void* penalty, std::int64_t count, void* workspace) {
  return reduce(stream, dtype, Penalty{l1, l2}, 1, w, penalty, count, workspace);
}

}  // namespace fovea::kernels
