// Softmax and cross-entropy of classes in one, and back.
//
// Mapping: a warp takes a row, a sample; lane l takes its columns l, l + 32, ... The forward pass
// reads a row for its maximum, its sum and once to write, the backward pass for the sum of the
// targets and once to write; all but the first reading come from the cache.
// Bytes moved: 2 samples classes sizeof(T), and the dense labels once.
#include <cmath>

#include "kernels/label_rows.cuh"
#include "kernels/launch.h"
#include "kernels/loss.h"

namespace fovea::kernels {
namespace {

constexpr int kThreads = 128;
constexpr int kRowsPerBlock = kThreads / kWarpSize;

}  // namespace

/// The loss is sum t (log sum e^z - z) with z = x - max, so no exponential overflows. Terms with
/// t = 0 are left out: a logit of -inf may stand for an impossible class.
template <class T, class Labels>
__global__ void softmax_cross_entropy_kernel(std::int64_t samples, std::int64_t classes,
                                             const T* logits, Labels labels, Smoothing smooth,
                                             T* losses, T* probabilities) {
  const std::int64_t n = row_of_warp<kThreads>();
  if (n >= samples) return;  // the whole warp
  const T* x = logits + n * classes;
  T* p = probabilities + n * classes;
  const auto targets = labels.row(n, classes);
  const std::int64_t lane = threadIdx.x % kWarpSize;
  float largest = Maximum::kNeutral;
  for (std::int64_t c = lane; c < classes; c += kWarpSize) {
    largest = Maximum{}(largest, to_float(x[c]));
  }
  largest = warp_reduce(largest, Maximum{});
  float sum = 0;
  for (std::int64_t c = lane; c < classes; c += kWarpSize) sum += expf(to_float(x[c]) - largest);
  sum = warp_reduce(sum, Sum{});
  const float inverse = 1.0f / sum;
  const float log_sum = logf(sum);
  float loss = 0;
  for (std::int64_t c = lane; c < classes; c += kWarpSize) {
    const float z = to_float(x[c]) - largest;
    const float t = smooth(targets[c]);
    if (t != 0) loss += t * (log_sum - z);
    p[c] = from_float<T>(expf(z) * inverse);
  }
  loss = warp_reduce(loss, Sum{});
  if (lane == 0) losses[n] = from_float<T>(loss);
}

template <class T, class Labels>
__global__ void softmax_cross_entropy_backward_kernel(std::int64_t samples, std::int64_t classes,
                                                      const T* dlosses, const T* probabilities,
                                                      Labels labels, Smoothing smooth, T* dlogits) {
  const std::int64_t n = row_of_warp<kThreads>();
  if (n >= samples) return;  // the whole warp
  const T* p = probabilities + n * classes;
  T* dx = dlogits + n * classes;
  const auto targets = labels.row(n, classes);
  const float dloss = to_float(dlosses[n]);
  const std::int64_t lane = threadIdx.x % kWarpSize;
  float total = 0;
  for (std::int64_t c = lane; c < classes; c += kWarpSize) total += smooth(targets[c]);
  total = warp_reduce(total, Sum{});
  for (std::int64_t c = lane; c < classes; c += kWarpSize) {
    dx[c] = from_float<T>(dloss * (to_float(p[c]) * total - smooth(targets[c])));
  }
}

cudaError_t softmax_cross_entropy(cudaStream_t stream, const ClassShape& shape, double smoothing,
                                  const void* logits, const void* labels, void* losses,
                                  void* probabilities) {
  return with_floating_type(shape.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_labels<T>(shape.sparse, labels, [&](auto rows) {
      return launch("softmax_cross_entropy_kernel", stream,
                    {blocks_for(shape.samples, kRowsPerBlock), kThreads},
                    softmax_cross_entropy_kernel<T, decltype(rows)>, shape.samples, shape.classes,
                    static_cast<const T*>(logits), rows, Smoothing(smoothing, shape.classes),
                    static_cast<T*>(losses), static_cast<T*>(probabilities));
    });
  });
}

cudaError_t softmax_cross_entropy_backward(cudaStream_t stream, const ClassShape& shape,
                                           double smoothing, const void* dlosses,
                                           const void* probabilities, const void* labels,
                                           void* dlogits) {
  return with_floating_type(shape.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return with_labels<T>(shape.sparse, labels, [&](auto rows) {
      return launch("softmax_cross_entropy_backward_kernel", stream,
                    {blocks_for(shape.samples, kRowsPerBlock), kThreads},
                    softmax_cross_entropy_backward_kernel<T, decltype(rows)>, shape.samples,
                    shape.classes, static_cast<const T*>(dlosses),
                    static_cast<const T*>(probabilities), rows, Smoothing(smoothing, shape.classes),
                    static_cast<T*>(dlogits));
    });
  });
}

}  // namespace fovea::kernels
