// Batch normalization over the last axis of a tensor (rows, channels). The tensor and its gradients
// are f32, f16 or bf16, aligned to 16 bytes; scales, offsets, statistics and their gradients are
// f32, aligned to 32. Formulas: fovea/ops/norm.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "fovea/dtype.h"
#include "kernels/activation.h"

namespace fovea::kernels {

struct BatchNormShape {
  DType dtype;
  std::int64_t rows, channels;
};

/// Scratch memory of batch_norm_statistics and of batch_norm_backward.
std::int64_t batch_norm_workspace_bytes(const BatchNormShape& shape);

/// mean and var (biased) of each channel; 0 where there are no rows.
cudaError_t batch_norm_statistics(cudaStream_t stream, const BatchNormShape& shape, const void* x,
                                  void* workspace, float* mean, float* var);

/// The same from the sums of each channel and of its squares, in place: sums become means, squares
/// variances. For values that are not far from zero, as what a convolution gives in 16 bits:
/// otherwise the difference of large numbers costs digits.
cudaError_t batch_norm_statistics_of_sums(cudaStream_t stream, const BatchNormShape& shape,
                                          float* sums, float* squares);

/// One number per channel each.
struct BatchNormChannels {
  const float *gamma, *beta, *mean, *var;
  float epsilon;
};

/// y = f(gamma (x - mean) / sqrt(var + epsilon) + beta + residual). residual may be null; y may be
/// x or residual.
cudaError_t batch_norm_apply(cudaStream_t stream, const BatchNormShape& shape, const void* x,
                             const void* residual, const BatchNormChannels& channels,
                             ActivationFunction function, void* y);

struct BatchNormGradients {
  const void *dy, *x;
  const float *gamma, *mean, *var;
  float epsilon;
  bool constant_statistics;     ///< mean and var do not depend on x
  ActivationFunction function;  ///< what followed the batch norm
  const void* saved;            ///< see activation_backward; null with d
  void* d;                      ///< dy f'(saved); null where that is dy and need not be stored
  void* dx;
  float *dgamma, *dbeta;
};

/// d may be dy or saved. dx may be x and, where d is null, dy.
cudaError_t batch_norm_backward(cudaStream_t stream, const BatchNormShape& shape, void* workspace,
                                const BatchNormGradients& gradients);

/// The last step of batch_norm_backward alone, where d, dgamma and dbeta are known: dx, which may
/// be d or x. Of `gradients` are read the fields from dy to epsilon, dy being d,
/// constant_statistics, dgamma, dbeta and dx; d must be null.
cudaError_t batch_norm_dx(cudaStream_t stream, const BatchNormShape& shape,
                          const BatchNormGradients& gradients);

/// inverse = 1 / sqrt(var + epsilon), for each channel.
cudaError_t batch_norm_inverse_deviations(cudaStream_t stream, std::int64_t channels,
                                          const float* var, float epsilon, float* inverse);

/// w'[k, i] = w[k, i] factor[k] and bias'[k] = beta[k] + (bias[k] - mean[k]) factor[k] with
/// factor = gamma / sqrt(var + epsilon), for `filters` k and `size` i. w and the biases are of
/// `dtype`; bias may be null, for zeros. w' may be w.
cudaError_t fold_batch_norm(cudaStream_t stream, DType dtype, const void* w, const void* bias,
                            const BatchNormChannels& channels, void* folded_w, void* folded_bias,
                            std::int64_t filters, std::int64_t size);

}  // namespace fovea::kernels
