// y[i] = f(x0[i], x1[i], ...): the one kernel behind everything that maps elements.
//
// Mapping: a thread maps one vector of neighbours, as many as make 16 bytes of the widest type
// among y and the x; the threads after them map the remaining elements, one each.
// Bytes moved: count times the element sizes of y and all x.
// Preconditions: pointers aligned to 16 bytes. y may be one of the x.
#pragma once

#include <algorithm>

#include "kernels/launch.h"
#include "kernels/numbers.cuh"

namespace fovea::kernels {

template <class Y, class... X>
inline constexpr int kElementwiseVector = 16 /
                                          static_cast<int>(std::max({sizeof(Y), sizeof(X)...}));

/// `function` takes one float per x and returns a float.
template <class Y, class Function, class... X>
__global__ void elementwise_kernel(std::int64_t count, Y* y, Function function, const X*... x) {
  constexpr int kCount = kElementwiseVector<Y, X...>;
  const std::int64_t vectors = count / kCount;
  const std::int64_t thread = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (thread < vectors) {
    const auto map = [&](const Vector<X, kCount>&... in) {
      Vector<Y, kCount> out;
#pragma unroll
      for (int i = 0; i < kCount; ++i) out.at[i] = from_float<Y>(function(to_float(in.at[i])...));
      store_vector<kCount>(y + thread * kCount, out);
    };
    map(load_vector<kCount>(x + thread * kCount)...);
  } else {
    const std::int64_t i = vectors * kCount + (thread - vectors);
    if (i < count) y[i] = from_float<Y>(function(to_float(x[i])...));
  }
}

template <class Y, class Function, class... X>
cudaError_t elementwise(cudaStream_t stream, std::int64_t count, Y* y, Function function,
                        const X*... x) {
  constexpr int kThreads = 256;
  constexpr int kCount = kElementwiseVector<Y, X...>;
  const std::int64_t threads = count / kCount + count % kCount;
  return launch("elementwise_kernel", stream, {blocks_for(threads, kThreads), kThreads},
                elementwise_kernel<Y, Function, X...>, count, y, function, x...);
}

}  // namespace fovea::kernels
