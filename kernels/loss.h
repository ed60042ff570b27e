// Losses and metrics, one number per sample. Tensors are f32, f16 or bf16, aligned to 16 bytes.
// Labels are either sparse, i32, or dense, of the predictions' type and shape.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::kernels {

/// Predictions of `classes` per sample, and labels for them.
struct ClassShape {
  DType dtype = DType::f32;
  std::int64_t samples = 0, classes = 1;
  bool sparse = true;  ///< labels are i32 (samples), else dense
};

/// losses[n] = sum over c of t (log sum e^z - z) with z = logits[n, c] - max and the smoothed
/// target t = target (1 - smoothing) + smoothing / classes; probabilities = softmax(logits), and
/// may be the logits. Terms with t = 0 are left out. Sparse labels outside [0, classes) give NaN.
cudaError_t softmax_cross_entropy(cudaStream_t stream, const ClassShape& shape, double smoothing,
                                  const void* logits, const void* labels, void* losses,
                                  void* probabilities);

/// dlogits[n, c] = dlosses[n] (p[n, c] sum(t) - t). dlogits may be the probabilities p.
cudaError_t softmax_cross_entropy_backward(cudaStream_t stream, const ClassShape& shape,
                                           double smoothing, const void* dlosses,
                                           const void* probabilities, const void* labels,
                                           void* dlogits);

/// rows[n, c] = 1 where c is the label of sample n, else 0; NaN for a label outside [0, classes).
cudaError_t one_hot(cudaStream_t stream, DType dtype, const std::int32_t* labels, void* rows,
                    std::int64_t samples, std::int64_t classes);

/// matches[n] = 1 where the first of the largest predictions stands at the sparse label or at the
/// first of the largest dense labels, else 0. A NaN counts as largest in the first place, and
/// nowhere else.
cudaError_t accuracy_of_classes(cudaStream_t stream, const ClassShape& shape,
                                const void* predictions, const void* labels, void* matches);

/// matches[n] = 1 where fewer than k predictions are larger than that of the right class, which is
/// found as above, else 0; 0, too, where it is NaN or there is no such class.
cudaError_t accuracy_of_top(cudaStream_t stream, const ClassShape& shape, std::int64_t k,
                            const void* predictions, const void* labels, void* matches);

/// sums[k] = the sum of the values whose score times (thresholds - 1) is above k; sums[0] of all.
cudaError_t sum_above(cudaStream_t stream, DType dtype, std::int64_t thresholds, std::int64_t count,
                      const void* scores, const void* values, void* sums);

/// matches[n] = the share of the sample's answers for which prediction > threshold as label > 0.5.
/// Here sparse labels have the predictions' shape. `partial` as for pointwise_loss, of as many
/// elements as there are classes.
cudaError_t accuracy_of_answers(cudaStream_t stream, const ClassShape& shape, float threshold,
                                const void* predictions, const void* labels, void* matches,
                                void* partial);

enum class PointwiseKind {
  squared,
  absolute,
  huber,
  sigmoid_cross_entropy,
  binary_cross_entropy,
  cross_entropy,
  hinge,
  squared_hinge,
  cubed_hinge,
  squared_log,
  kl_divergence,
  log_cosh,
  poisson
};

/// loss(p, t) = (p - t)^2; |p - t|; huber: (p - t)^2 / 2 up to |p - t| = delta, linear beyond;
/// max(p, 0) - p t + log(1 + e^-|p|); -t log p - (1 - t) log(1 - p), p clipped to
/// [1e-7, 1 - 1e-7]; -sum over a row of t log q with q = p / sum over the row, clipped likewise.
/// These three smooth their targets: t (1 - smoothing) + smoothing / classes, or / 2. The others:
/// see fovea/ops/loss.h.
struct PointwiseFunction {
  PointwiseKind kind = PointwiseKind::squared;
  float delta = 1;
  double smoothing = 0;
};

/// `elements` per sample, in rows of `classes`, which matter to cross_entropy alone.
struct SampleShape {
  DType dtype = DType::f32;
  std::int64_t samples = 0, elements = 1, classes = 1;
};

/// The scratch memory of pointwise_loss, aligned to 4 bytes.
std::int64_t pointwise_loss_workspace_bytes(const SampleShape& shape);

/// losses[n] = the mean of loss(p, t) over the elements of sample n, for cross_entropy over its
/// rows.
cudaError_t pointwise_loss(cudaStream_t stream, const SampleShape& shape,
                           const PointwiseFunction& function, const void* p, const void* t,
                           void* losses, void* workspace);

/// dp = dlosses[n] times the derivative of losses[n] by p, 0 where p is clipped. dp may be p or t.
cudaError_t pointwise_loss_backward(cudaStream_t stream, const SampleShape& shape,
                                    const PointwiseFunction& function, const void* dlosses,
                                    const void* p, const void* t, void* dp);

/// Losses of whole rows, see fovea/ops/loss.h.
enum class RowLossKind {
  chebyshev,
  tanimoto,
  cauchy_schwarz,
  cosine_similarity,
  categorical_hinge
};

/// losses[n] from the rows of `classes` predictions and targets.
cudaError_t row_loss(cudaStream_t stream, RowLossKind kind, DType dtype, std::int64_t samples,
                     std::int64_t classes, const void* p, const void* t, void* losses);

/// dp = dlosses[n] times the derivative of losses[n] by p. dp may be p or t.
cudaError_t row_loss_backward(cudaStream_t stream, RowLossKind kind, DType dtype,
                              std::int64_t samples, std::int64_t classes, const void* dlosses,
                              const void* p, const void* t, void* dp);

}  // namespace fovea::kernels
