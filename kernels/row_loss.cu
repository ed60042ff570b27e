// Losses of whole rows of classes, one number per sample, and back.
//
// With a = sum p t, b = sum p^2, c = sum t^2 over the row: chebyshev max |p - t|; tanimoto
// -a / (b + c - a); cauchy_schwarz -log(a / sqrt(b c)); cosine_similarity -a / sqrt(b c);
// categorical_hinge max(0, 1 + max (1 - t) p - a).
// Mapping: a warp takes a row, of which lane l sees the classes l, l + 32, ...; backward it goes
// over the row once more for the slopes.
// Bytes moved: 2 samples classes sizeof(T) forward, 3 backward, where rows stay in the caches.
#include "kernels/label_rows.cuh"
#include "kernels/launch.h"
#include "kernels/loss.h"

namespace fovea::kernels {
namespace {

constexpr int kThreads = 128;
constexpr int kRowsPerBlock = kThreads / kWarpSize;
/// Keras's least square of a norm.
constexpr float kLeastSquare = 1e-12f;

/// What the losses of a row are made of, in every lane.
struct RowSums {
  float product, p_squares, t_squares;
  float worst;  ///< the largest |p - t|
  float rival;  ///< the largest (1 - t) p

  __device__ float norms() const {
    return sqrtf(fmaxf(p_squares, kLeastSquare)) * sqrtf(fmaxf(t_squares, kLeastSquare));
  }
};

template <class T>
__device__ __forceinline__ RowSums sums_of(const T* p, const T* t, std::int64_t classes) {
  RowSums row{0, 0, 0, Maximum::kNeutral, Maximum::kNeutral};
  for (std::int64_t c = threadIdx.x % kWarpSize; c < classes; c += kWarpSize) {
    const float prediction = to_float(p[c]), target = to_float(t[c]);
    row.product += prediction * target;
    row.p_squares += prediction * prediction;
    row.t_squares += target * target;
    row.worst = Maximum{}(row.worst, fabsf(prediction - target));
    row.rival = Maximum{}(row.rival, (1 - target) * prediction);
  }
  return {warp_reduce(row.product, Sum{}), warp_reduce(row.p_squares, Sum{}),
          warp_reduce(row.t_squares, Sum{}), warp_reduce(row.worst, Maximum{}),
          warp_reduce(row.rival, Maximum{})};
}

__device__ __forceinline__ float loss_of(RowLossKind kind, const RowSums& row) {
  switch (kind) {
    case RowLossKind::chebyshev:
      return row.worst;
    case RowLossKind::tanimoto:
      return -row.product / (row.p_squares + row.t_squares - row.product);
    case RowLossKind::cauchy_schwarz:
      return -logf(row.product / (sqrtf(row.p_squares) * sqrtf(row.t_squares)));
    case RowLossKind::cosine_similarity:
      return -row.product / row.norms();
    case RowLossKind::categorical_hinge: {
      const float missing = 1 + row.rival - row.product;
      return missing < 0 ? 0.0f : missing;
    }
  }
  return 0;
}

/// By a prediction p; `decisive`: it is the first of the row's largest that the loss looks at.
__device__ __forceinline__ float slope_of(RowLossKind kind, const RowSums& row, float p, float t,
                                          bool decisive) {
  switch (kind) {
    case RowLossKind::chebyshev:
      return !decisive ? 0.0f : p > t ? 1.0f : p < t ? -1.0f : 0.0f;
    case RowLossKind::tanimoto: {
      const float whole = row.p_squares + row.t_squares - row.product;
      return -(t * whole - row.product * (2 * p - t)) / (whole * whole);
    }
    case RowLossKind::cauchy_schwarz:
      return p / row.p_squares - t / row.product;
    case RowLossKind::cosine_similarity: {
      const float pull = row.p_squares < kLeastSquare ? 0.0f : row.product * p / row.p_squares;
      return (pull - t) / row.norms();
    }
    case RowLossKind::categorical_hinge:
      if (1 + row.rival - row.product <= 0) return 0;
      return (decisive ? 1 - t : 0.0f) - t;
  }
  return 0;
}

struct Earlier {
  __device__ std::int64_t operator()(std::int64_t a, std::int64_t b) const { return a < b ? a : b; }
};

/// The first class at which the largest number stands that the loss looks at.
template <class T>
__device__ __forceinline__ std::int64_t decisive_class(RowLossKind kind, const RowSums& row,
                                                       const T* p, const T* t,
                                                       std::int64_t classes) {
  std::int64_t first = classes;
  for (std::int64_t c = threadIdx.x % kWarpSize; c < classes; c += kWarpSize) {
    const float prediction = to_float(p[c]), target = to_float(t[c]);
    const bool here = kind == RowLossKind::chebyshev ? fabsf(prediction - target) == row.worst
                                                     : (1 - target) * prediction == row.rival;
    if (here && c < first) first = c;
  }
  return warp_reduce(first, Earlier{});
}

}  // namespace

template <class T>
__global__ void row_loss_kernel(RowLossKind kind, std::int64_t samples, std::int64_t classes,
                                const T* p, const T* t, T* losses) {
  const std::int64_t n = row_of_warp<kThreads>();
  if (n >= samples) return;
  const RowSums row = sums_of(p + n * classes, t + n * classes, classes);
  if (threadIdx.x % kWarpSize == 0) losses[n] = from_float<T>(loss_of(kind, row));
}

template <class T>
__global__ void row_loss_backward_kernel(RowLossKind kind, std::int64_t samples,
                                         std::int64_t classes, const T* dlosses, const T* p,
                                         const T* t, T* dp) {
  const std::int64_t n = row_of_warp<kThreads>();
  if (n >= samples) return;
  p += n * classes;
  t += n * classes;
  dp += n * classes;
  const RowSums row = sums_of(p, t, classes);
  const std::int64_t decisive = decisive_class(kind, row, p, t, classes);
  const float dloss = to_float(dlosses[n]);
  for (std::int64_t c = threadIdx.x % kWarpSize; c < classes; c += kWarpSize) {
    const float slope = slope_of(kind, row, to_float(p[c]), to_float(t[c]), c == decisive);
    dp[c] = from_float<T>(dloss * slope);
  }
}

cudaError_t row_loss(cudaStream_t stream, RowLossKind kind, DType dtype, std::int64_t samples,
                     std::int64_t classes, const void* p, const void* t, void* losses) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch("row_loss_kernel", stream, {blocks_for(samples, kRowsPerBlock), kThreads},
                  row_loss_kernel<T>, kind, samples, classes, static_cast<const T*>(p),
                  static_cast<const T*>(t), static_cast<T*>(losses));
  });
}

cudaError_t row_loss_backward(cudaStream_t stream, RowLossKind kind, DType dtype,
                              std::int64_t samples, std::int64_t classes, const void* dlosses,
                              const void* p, const void* t, void* dp) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch("row_loss_backward_kernel", stream,
                  {blocks_for(samples, kRowsPerBlock), kThreads}, row_loss_backward_kernel<T>, kind,
                  samples, classes, static_cast<const T*>(dlosses), static_cast<const T*>(p),
                  static_cast<const T*>(t), static_cast<T*>(dp));
  });
}

}  // namespace fovea::kernels
