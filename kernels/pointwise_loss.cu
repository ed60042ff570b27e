// Losses of one prediction against one target, averaged over each sample, and back.
//
// Mapping: blockIdx.x is the sample and blockIdx.y a share of it. Forward, losses are sums over
// rows (see sum_rows.cuh). Backward, a thread maps vectors of 16 bytes where samples are aligned,
// else single elements. cross_entropy gives a warp to a row of classes, of which lane l takes the
// classes l, l + 32, ...
// Bytes moved: 2 samples elements sizeof(T) forward, 3 backward.
#include <algorithm>

#include "kernels/activation_functions.cuh"
#include "kernels/label_rows.cuh"
#include "kernels/loss.h"
#include "kernels/sum_rows.cuh"

namespace fovea::kernels {
namespace {

constexpr unsigned kMostThreads = 256;
constexpr std::int64_t kMostBlocksY = 65535;

/// Keras's bounds of a probability whose logarithm is taken.
struct ProbabilityRange {
  static constexpr float kLowest = 1e-7f;
  static constexpr float kHighest = 1 - kLowest;

  __device__ static float clip(float p) {
    return p < kLowest ? kLowest : p > kHighest ? kHighest : p;
  }
  __device__ static bool inside(float p) { return p >= kLowest && p <= kHighest; }
  /// Clipped to [1e-7, 1].
  __device__ static float raised(float p) { return p < kLowest ? kLowest : p > 1 ? 1.0f : p; }
};

/// 1 for yes, -1 for no, whether no is told by 0 or by -1.
__device__ __forceinline__ float sign_of_target(float target) { return target > 0 ? 1.0f : -1.0f; }

/// What the hinges take to some power: how much p misses of the margin on its target's side.
__device__ __forceinline__ float shortfall(float margin, float p, float target) {
  const float missing = margin - sign_of_target(target) * p;
  return missing < 0 ? 0.0f : missing;
}

/// Near 0, where |x| and log 2 would cancel, the series x^2 / 2 - x^4 / 12 + x^6 / 45.
__device__ __forceinline__ float log_cosh(float x) {
  constexpr float kLog2 = 0.693147181f;
  const float size = fabsf(x), square = x * x;
  if (size < 0.25f) return square * (0.5f - square * (1.0f / 12 - square * (1.0f / 45)));
  return size + log1pf(expf(-2 * size)) - kLog2;
}

/// loss(p, t) of one element, one type per kind.
template <PointwiseKind kKind>
struct Loss {
  float delta;
  Smoothing smooth;

  __device__ float operator()(float p, float t) const {
    if constexpr (kKind == PointwiseKind::squared) return (p - t) * (p - t);
    if constexpr (kKind == PointwiseKind::absolute) return fabsf(p - t);
    if constexpr (kKind == PointwiseKind::huber) {
      const float error = fabsf(p - t);
      return error <= delta ? 0.5f * error * error : delta * (error - 0.5f * delta);
    }
    if constexpr (kKind == PointwiseKind::sigmoid_cross_entropy) {
      return (p < 0 ? 0.0f : p) - p * smooth(t) + log1pf(expf(-fabsf(p)));
    }
    if constexpr (kKind == PointwiseKind::binary_cross_entropy) {
      const float q = ProbabilityRange::clip(p);
      const float target = smooth(t);
      return -(target * logf(q) + (1 - target) * logf(1 - q));
    }
    if constexpr (kKind == PointwiseKind::hinge) return shortfall(delta, p, t);
    if constexpr (kKind == PointwiseKind::squared_hinge) {
      const float missing = shortfall(delta, p, t);
      return missing * missing;
    }
    if constexpr (kKind == PointwiseKind::cubed_hinge) {
      const float missing = shortfall(delta, p, t);
      return missing * missing * missing;
    }
    if constexpr (kKind == PointwiseKind::squared_log) {
      const float logarithm = t * logf(ProbabilityRange::clip(p));
      return logarithm * logarithm;
    }
    if constexpr (kKind == PointwiseKind::kl_divergence) {
      const float target = ProbabilityRange::raised(t);
      return target * logf(target / ProbabilityRange::raised(p));
    }
    if constexpr (kKind == PointwiseKind::log_cosh) return log_cosh(p - t);
    if constexpr (kKind == PointwiseKind::poisson) {
      return p - t * logf(p + ProbabilityRange::kLowest);
    }
    return 0;
  }
};

/// Its derivative by p.
template <PointwiseKind kKind>
struct LossDerivative {
  float delta;
  Smoothing smooth;

  __device__ float operator()(float p, float t) const {
    const float error = p - t;
    if constexpr (kKind == PointwiseKind::squared) return 2 * error;
    if constexpr (kKind == PointwiseKind::absolute) return p > t ? 1.0f : p < t ? -1.0f : 0.0f;
    if constexpr (kKind == PointwiseKind::huber) {
      return error > delta ? delta : error < -delta ? -delta : error;
    }
    if constexpr (kKind == PointwiseKind::sigmoid_cross_entropy) return sigmoid(p) - smooth(t);
    if constexpr (kKind == PointwiseKind::binary_cross_entropy) {
      const float target = smooth(t);
      return ProbabilityRange::inside(p) ? (1 - target) / (1 - p) - target / p : 0.0f;
    }
    if constexpr (kKind == PointwiseKind::hinge) {
      return shortfall(delta, p, t) > 0 ? -sign_of_target(t) : 0.0f;
    }
    if constexpr (kKind == PointwiseKind::squared_hinge) {
      return -2 * sign_of_target(t) * shortfall(delta, p, t);
    }
    if constexpr (kKind == PointwiseKind::cubed_hinge) {
      const float missing = shortfall(delta, p, t);
      return -3 * sign_of_target(t) * missing * missing;
    }
    if constexpr (kKind == PointwiseKind::squared_log) {
      return ProbabilityRange::inside(p) ? 2 * t * t * logf(p) / p : 0.0f;
    }
    if constexpr (kKind == PointwiseKind::kl_divergence) {
      const bool inside = p >= ProbabilityRange::kLowest && p <= 1;
      return inside ? -ProbabilityRange::raised(t) / p : 0.0f;
    }
    if constexpr (kKind == PointwiseKind::log_cosh) return tanhf(error);
    if constexpr (kKind == PointwiseKind::poisson) return 1 - t / (p + ProbabilityRange::kLowest);
    return 0;
  }
};

/// The sum over the row of this thread's warp, in every lane.
template <class T>
__device__ __forceinline__ float row_total(const T* row, std::int64_t classes) {
  float total = 0;
  for (std::int64_t c = threadIdx.x % kWarpSize; c < classes; c += kWarpSize) {
    total += to_float(row[c]);
  }
  return warp_reduce(total, Sum{});
}

/// Calls body(offset of the row's first element) for the rows of sample blockIdx.x that fall to
/// this thread's warp.
template <class Body>
__device__ __forceinline__ void for_each_row_of_warp(std::int64_t rows, std::int64_t classes,
                                                     const Body& body) {
  const unsigned warps = blockDim.x / kWarpSize;
  const std::int64_t first = std::int64_t{blockIdx.y} * warps + threadIdx.x / kWarpSize;
  for (std::int64_t row = first; row < rows; row += std::int64_t{gridDim.y} * warps) {
    body((blockIdx.x * rows + row) * classes);
  }
}

}  // namespace

/// dp = dlosses[n] / elements derivative(p, t). The first `vectors` vectors of each sample are
/// aligned.
template <class T, class Derivative>
__global__ void pointwise_loss_backward_kernel(std::int64_t elements, std::int64_t vectors,
                                               Derivative derivative, const T* dlosses, const T* p,
                                               const T* t, T* dp) {
  constexpr int kCount = kVectorSize<T>;
  const std::int64_t begin = blockIdx.x * elements;
  const std::int64_t thread = std::int64_t{blockIdx.y} * blockDim.x + threadIdx.x;
  const std::int64_t step = std::int64_t{gridDim.y} * blockDim.x;
  const float share = to_float(dlosses[blockIdx.x]) / static_cast<float>(elements);
  for (std::int64_t v = thread; v < vectors; v += step) {
    const std::int64_t first = begin + v * kCount;
    const auto predictions = load_vector<kCount>(p + first);
    const auto targets = load_vector<kCount>(t + first);
    Vector<T, kCount> out;
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const float slope = derivative(to_float(predictions.at[i]), to_float(targets.at[i]));
      out.at[i] = from_float<T>(share * slope);
    }
    store_vector<kCount>(dp + first, out);
  }
  for (std::int64_t i = vectors * kCount + thread; i < elements; i += step) {
    const std::int64_t at = begin + i;
    dp[at] = from_float<T>(share * derivative(to_float(p[at]), to_float(t[at])));
  }
}

/// losses[n] = -sum t log clip(p / total) over the sample's rows of classes / rows, the total being
/// the row's.
template <class T>
__global__ void cross_entropy_kernel(std::int64_t rows, std::int64_t classes, Smoothing smooth,
                                     const T* p, const T* t, T* losses, float* partial) {
  float loss = 0;
  for_each_row_of_warp(rows, classes, [&](std::int64_t first) {
    const float total = row_total(p + first, classes);
    for (std::int64_t c = first + threadIdx.x % kWarpSize; c < first + classes; c += kWarpSize) {
      const float q = ProbabilityRange::clip(to_float(p[c]) / total);
      loss -= smooth(to_float(t[c])) * logf(q);
    }
  });
  write_row_sum(loss, static_cast<float>(rows), losses, partial);
}

/// With q = p / total and g = dloss / dq: dp = (g - sum g q) / total. Clipped q have g = 0.
template <class T>
__global__ void cross_entropy_backward_kernel(std::int64_t rows, std::int64_t classes,
                                              Smoothing smooth, const T* dlosses, const T* p,
                                              const T* t, T* dp) {
  const float share = to_float(dlosses[blockIdx.x]) / static_cast<float>(rows);
  for_each_row_of_warp(rows, classes, [&](std::int64_t first) {
    const float inverse = 1 / row_total(p + first, classes);
    const auto derivative = [&](std::int64_t c) {
      const float q = to_float(p[c]) * inverse;
      return ProbabilityRange::inside(q) ? -smooth(to_float(t[c])) / q : 0.0f;
    };
    float inner = 0;
    for (std::int64_t c = first + threadIdx.x % kWarpSize; c < first + classes; c += kWarpSize) {
      inner += derivative(c) * to_float(p[c]) * inverse;
    }
    inner = warp_reduce(inner, Sum{});
    for (std::int64_t c = first + threadIdx.x % kWarpSize; c < first + classes; c += kWarpSize) {
      dp[c] = from_float<T>(share * (derivative(c) - inner) * inverse);
    }
  });
}

namespace {

/// Calls body(Function<kind>) for the kind asked for at run time, cross_entropy excepted.
template <template <PointwiseKind> class Function, class Body>
cudaError_t with_kind(const PointwiseFunction& function, const Body& body) {
  using Kind = PointwiseKind;
  const float delta = function.delta;
  const Smoothing smooth(function.smoothing, 2);
  switch (function.kind) {
    case Kind::squared:
      return body(Function<Kind::squared>{delta, smooth});
    case Kind::absolute:
      return body(Function<Kind::absolute>{delta, smooth});
    case Kind::huber:
      return body(Function<Kind::huber>{delta, smooth});
    case Kind::sigmoid_cross_entropy:
      return body(Function<Kind::sigmoid_cross_entropy>{delta, smooth});
    case Kind::binary_cross_entropy:
      return body(Function<Kind::binary_cross_entropy>{delta, smooth});
    case Kind::hinge:
      return body(Function<Kind::hinge>{delta, smooth});
    case Kind::squared_hinge:
      return body(Function<Kind::squared_hinge>{delta, smooth});
    case Kind::cubed_hinge:
      return body(Function<Kind::cubed_hinge>{delta, smooth});
    case Kind::squared_log:
      return body(Function<Kind::squared_log>{delta, smooth});
    case Kind::kl_divergence:
      return body(Function<Kind::kl_divergence>{delta, smooth});
    case Kind::log_cosh:
      return body(Function<Kind::log_cosh>{delta, smooth});
    case Kind::poisson:
      return body(Function<Kind::poisson>{delta, smooth});
    case Kind::cross_entropy:
      break;
  }
  return cudaErrorInvalidValue;
}

template <class T>
cudaError_t cross_entropy(cudaStream_t stream, const SampleShape& shape, double smoothing,
                          const T* p, const T* t, T* losses, float* partial) {
  const RowShares by(shape.samples, shape.elements);
  const std::int64_t rows = shape.elements / shape.classes;
  const cudaError_t status =
      launch("cross_entropy_kernel", stream, by.shape(), cross_entropy_kernel<T>, rows,
             shape.classes, Smoothing(smoothing, shape.classes), p, t, losses, partial);
  if (status != cudaSuccess) return status;
  return sum_partial(stream, by, static_cast<float>(rows), losses, partial);
}

template <class T>
cudaError_t cross_entropy_backward(cudaStream_t stream, const SampleShape& shape, double smoothing,
                                   const T* dlosses, const T* p, const T* t, T* dp) {
  constexpr std::int64_t kWarps = kMostThreads / kWarpSize;
  const std::int64_t rows = shape.elements / shape.classes;
  const std::int64_t warps = std::min(rows, kWarps);
  const std::int64_t shares = std::min((rows + kWarps - 1) / kWarps, kMostBlocksY);
  const dim3 blocks(static_cast<unsigned>(shape.samples), static_cast<unsigned>(shares));
  return launch("cross_entropy_backward_kernel", stream,
                {blocks, static_cast<unsigned>(warps * kWarpSize)},
                cross_entropy_backward_kernel<T>, rows, shape.classes,
                Smoothing(smoothing, shape.classes), dlosses, p, t, dp);
}

/// A thread per vector, as far as the grid reaches.
template <class T, class Derivative>
cudaError_t differentiate(cudaStream_t stream, const SampleShape& shape, Derivative derivative,
                          const T* dlosses, const T* p, const T* t, T* dp) {
  constexpr std::int64_t kCount = kVectorSize<T>;
  const bool aligned = shape.samples == 1 || shape.elements % kCount == 0;
  const std::int64_t vectors = aligned ? shape.elements / kCount : 0;
  const std::int64_t wanted = std::max(vectors, shape.elements - vectors * kCount);
  const unsigned threads = wanted <= kWarpSize ? kWarpSize : wanted <= 128 ? 128 : kMostThreads;
  const std::int64_t shares = std::min((wanted + threads - 1) / threads, kMostBlocksY);
  const dim3 blocks(static_cast<unsigned>(shape.samples), static_cast<unsigned>(shares));
  return launch("pointwise_loss_backward_kernel", stream, {blocks, threads},
                pointwise_loss_backward_kernel<T, Derivative>, shape.elements, vectors, derivative,
                dlosses, p, t, dp);
}

}  // namespace

std::int64_t pointwise_loss_workspace_bytes(const SampleShape& shape) {
  return RowShares(shape.samples, shape.elements).partial_bytes();
}

cudaError_t pointwise_loss(cudaStream_t stream, const SampleShape& shape,
                           const PointwiseFunction& function, const void* p, const void* t,
                           void* losses, void* workspace) {
  return with_floating_type(shape.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    const auto* predictions = static_cast<const T*>(p);
    const auto* targets = static_cast<const T*>(t);
    auto* partial = static_cast<float*>(workspace);
    if (function.kind == PointwiseKind::cross_entropy) {
      return cross_entropy(stream, shape, function.smoothing, predictions, targets,
                           static_cast<T*>(losses), partial);
    }
    return with_kind<Loss>(function, [&](auto loss) {
      return sum_rows(stream, shape.samples, shape.elements, loss,
                      static_cast<float>(shape.elements), static_cast<T*>(losses), partial,
                      predictions, targets);
    });
  });
}

cudaError_t pointwise_loss_backward(cudaStream_t stream, const SampleShape& shape,
                                    const PointwiseFunction& function, const void* dlosses,
                                    const void* p, const void* t, void* dp) {
  return with_floating_type(shape.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    const auto* gradient = static_cast<const T*>(dlosses);
    const auto* predictions = static_cast<const T*>(p);
    const auto* targets = static_cast<const T*>(t);
    auto* out = static_cast<T*>(dp);
    if (function.kind == PointwiseKind::cross_entropy) {
      return cross_entropy_backward(stream, shape, function.smoothing, gradient, predictions,
                                    targets, out);
    }
    return with_kind<LossDerivative>(function, [&](auto derivative) {
      return differentiate(stream, shape, derivative, gradient, predictions, targets, out);
    });
  });
}

}  // namespace fovea::kernels
