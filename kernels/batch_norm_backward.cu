// Batch norm backward. With d = dy f'(saved) and x^ = (x - mean) / sqrt(var + epsilon):
// dbeta = sum d, dgamma = sum d x^, and
// dx = gamma / sqrt(var + epsilon) (d - dbeta / rows - x^ dgamma / rows), where the last two terms
// are the statistics' share and fall away where those are constants.
//
// Phase 1: each block sums d and d (x - mean) over its rows and, where `d` is asked for, stores it.
// Phase 2 adds the blocks' sums, in an order that the shape alone sets. Phase 3 maps all elements,
// from the last rows to the first, since the last are those that phase 1 left in the cache.
// Bytes moved: d and x twice (the second time from the cache, as far as they fit) and dx once;
// with `d` stored, also dy, saved and d once. Mapping: batch_norm.cuh.
#include "kernels/batch_norm.cuh"
#include "kernels/batch_norm.h"

namespace fovea::kernels {
namespace {

/// Calls body(activation): NoActivation exactly where there is no d to store.
template <class Body>
cudaError_t with_activation_of(const BatchNormGradients& pass, const Body& body) {
  if (pass.d == nullptr) return body(NoActivation{});
  if (pass.function.kind == ActivationKind::identity) return body(AnyActivation{pass.function});
  return with_fused_activation(pass.function, body);
}

/// What phase 1 leaves, an array (row_blocks, channels) each.
struct PartialGradients {
  float *sums, *products;

  PartialGradients(void* workspace, const RowTiling& tiling) {
    sums = static_cast<float*>(workspace);
    products = sums + tiling.row_blocks * tiling.channels;
  }
};

}  // namespace

template <class T, int kVector, class Activation>
__global__ void __launch_bounds__(kRowsThreads, 1)
    batch_norm_gradient_sums_kernel(RowTiling tiling, Activation activation, const T* dy,
                                    const T* saved, const T* x, const float* mean, T* d,
                                    PartialGradients partial) {
  constexpr bool kActivates = !std::is_same_v<Activation, NoActivation>;
  constexpr int kRows = kRowsAtOnce<kVector>;
  const RowWalk<kVector> walk(tiling, blockIdx.x, blockIdx.y);
  float sums[2 * kVector] = {};  // of d, then of d (x - mean)
  Vector<float, kVector> means = {};
  if (walk.first < walk.end) means = load_vector<kVector>(mean + walk.channel);
  for (std::int64_t row = walk.first, at = walk.offset; row < walk.end;
       row += kRows * walk.height, at += kRows * walk.step) {
    Vector<T, kVector> gradients[kRows], kept[kRows], values[kRows];
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      if (row + r * walk.height >= walk.end) continue;
      gradients[r] = load_vector<kVector>(dy + at + r * walk.step);
      if constexpr (kActivates) kept[r] = load_vector<kVector>(saved + at + r * walk.step);
      values[r] = load_vector<kVector>(x + at + r * walk.step);
    }
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      if (row + r * walk.height >= walk.end) continue;
#pragma unroll
      for (int c = 0; c < kVector; ++c) {
        float gradient = to_float(gradients[r].at[c]);
        if constexpr (kActivates) {
          gradient *= activation.derivative(to_float(kept[r].at[c]));
          gradients[r].at[c] = from_float<T>(gradient);
          gradient = to_float(gradients[r].at[c]);  // as phase 3 will read it
        }
        sums[c] += gradient;
        sums[kVector + c] += gradient * (to_float(values[r].at[c]) - means.at[c]);
      }
      if constexpr (kActivates) {
        store_vector<kVector>(d + at + r * walk.step, gradients[r]);
      }
    }
  }
  sum_over_rows<kRowsThreads>(sums, tiling.width, tiling.height);
  if (!walk.writes) return;
  Vector<float, kVector> sum, product;
#pragma unroll
  for (int c = 0; c < kVector; ++c) {
    sum.at[c] = sums[c];
    product.at[c] = sums[kVector + c];
  }
  const std::int64_t at = blockIdx.x * tiling.channels + walk.channel;
  store_vector<kVector>(partial.sums + at, sum);
  store_vector<kVector>(partial.products + at, product);
}

__global__ void batch_norm_combine_gradients_kernel(RowTiling tiling, PartialGradients partial,
                                                    const float* var, float epsilon, float* dgamma,
                                                    float* dbeta) {
  const int height = static_cast<int>(blockDim.x) / kCombineChannels;
  const unsigned y = threadIdx.x / kCombineChannels;
  const std::int64_t channel =
      std::int64_t{blockIdx.x} * kCombineChannels + threadIdx.x % kCombineChannels;
  const unsigned blocks = channel < tiling.channels ? tiling.row_blocks : 0;
  float sums[2] = {};  // of d, and of d (x - mean)
#pragma unroll 4
  for (unsigned block = y; block < blocks; block += height) {
    const std::int64_t at = block * tiling.channels + channel;
    sums[0] += partial.sums[at];
    sums[1] += partial.products[at];
  }
  sum_over_rows<kMostCombineThreads>(sums, kCombineChannels, height);
  if (y != 0 || channel >= tiling.channels) return;
  dbeta[channel] = sums[0];
  dgamma[channel] = sums[1] * rsqrtf(var[channel] + epsilon);
}

/// dx = factor d + slope (x - mean) + offset; d is `gradients.d` or, without activation, dy.
template <class T, int kVector, bool kConstantStatistics>
__global__ void __launch_bounds__(kRowsThreads, 1)
    batch_norm_dx_kernel(RowTiling tiling, BatchNormGradients pass, const T* d, const T* x, T* dx) {
  constexpr int kRows = kRowsAtOnce<kVector>;
  const RowWalk<kVector> walk(tiling, gridDim.x - 1 - blockIdx.x, gridDim.y - 1 - blockIdx.y);
  if (walk.first >= walk.end) return;
  auto factor = load_vector<kVector>(pass.gamma + walk.channel);
  const auto var = load_vector<kVector>(pass.var + walk.channel);
  Vector<float, kVector> mean, slope, offset;
  if constexpr (!kConstantStatistics) {
    mean = load_vector<kVector>(pass.mean + walk.channel);
    slope = load_vector<kVector>(pass.dgamma + walk.channel);
    offset = load_vector<kVector>(pass.dbeta + walk.channel);
  }
  const float share = -1.0f / static_cast<float>(tiling.rows);
#pragma unroll
  for (int c = 0; c < kVector; ++c) {
    const float inverse = rsqrtf(var.at[c] + pass.epsilon);
    factor.at[c] *= inverse;
    if constexpr (!kConstantStatistics) {
      slope.at[c] *= factor.at[c] * inverse * share;
      offset.at[c] *= factor.at[c] * share;
    }
  }

  for (std::int64_t row = walk.first, at = walk.offset; row < walk.end;
       row += kRows * walk.height, at += kRows * walk.step) {
    Vector<T, kVector> gradients[kRows], values[kRows];
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      if (row + r * walk.height >= walk.end) continue;
      gradients[r] = load_vector<kVector>(d + at + r * walk.step);
      if constexpr (!kConstantStatistics) values[r] = load_vector<kVector>(x + at + r * walk.step);
    }
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      if (row + r * walk.height >= walk.end) continue;
#pragma unroll
      for (int c = 0; c < kVector; ++c) {
        float result = factor.at[c] * to_float(gradients[r].at[c]);
        if constexpr (!kConstantStatistics) {
          result += slope.at[c] * (to_float(values[r].at[c]) - mean.at[c]) + offset.at[c];
        }
        gradients[r].at[c] = from_float<T>(result);
      }
      store_vector<kVector>(dx + at + r * walk.step, gradients[r]);
    }
  }
}

__global__ void batch_norm_inverse_deviations_kernel(std::int64_t channels, const float* var,
                                                     float epsilon, float* inverse) {
  const std::int64_t channel = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (channel < channels) inverse[channel] = rsqrtf(var[channel] + epsilon);
}

namespace {

constexpr int kInverseThreads = 128;

template <class T, int kVector>
cudaError_t start_dx(cudaStream_t stream, const RowTiling& tiling, const BatchNormGradients& pass) {
  return launch("batch_norm_dx_kernel", stream, tiling.shape(),
                pass.constant_statistics ? batch_norm_dx_kernel<T, kVector, true>
                                         : batch_norm_dx_kernel<T, kVector, false>,
                tiling, pass, static_cast<const T*>(pass.d != nullptr ? pass.d : pass.dy),
                static_cast<const T*>(pass.x), static_cast<T*>(pass.dx));
}

template <class T, int kVector>
cudaError_t start_backward(cudaStream_t stream, const RowTiling& tiling, void* workspace,
                           const BatchNormGradients& pass) {
  const PartialGradients partial(workspace, tiling);
  const auto* x = static_cast<const T*>(pass.x);
  cudaError_t status = with_activation_of(pass, [&](auto activation) {
    return launch("batch_norm_gradient_sums_kernel", stream, tiling.shape(),
                  batch_norm_gradient_sums_kernel<T, kVector, decltype(activation)>, tiling,
                  activation, static_cast<const T*>(pass.dy), static_cast<const T*>(pass.saved), x,
                  pass.mean, static_cast<T*>(pass.d), partial);
  });
  if (status != cudaSuccess) return status;
  status = launch("batch_norm_combine_gradients_kernel", stream, combine_shape(tiling),
                  batch_norm_combine_gradients_kernel, tiling, partial, pass.var, pass.epsilon,
                  pass.dgamma, pass.dbeta);
  if (status != cudaSuccess) return status;
  return start_dx<T, kVector>(stream, tiling, pass);
}

/// Calls body(TypeName<T>, kVector, tiling) for the shape.
template <class Body>
cudaError_t with_tiling(const BatchNormShape& shape, const Body& body) {
  return with_vectors(shape.dtype, shape.channels, [&](auto type, auto vector) {
    return body(type, vector, row_tiling<decltype(vector)::value>(shape.rows, shape.channels));
  });
}

}  // namespace

cudaError_t batch_norm_backward(cudaStream_t stream, const BatchNormShape& shape, void* workspace,
                                const BatchNormGradients& gradients) {
  return with_tiling(shape, [&](auto type, auto vector, const RowTiling& tiling) {
    return start_backward<typename decltype(type)::Type, decltype(vector)::value>(
        stream, tiling, workspace, gradients);
  });
}

cudaError_t batch_norm_dx(cudaStream_t stream, const BatchNormShape& shape,
                          const BatchNormGradients& gradients) {
  return with_tiling(shape, [&](auto type, auto vector, const RowTiling& tiling) {
    return start_dx<typename decltype(type)::Type, decltype(vector)::value>(stream, tiling,
                                                                            gradients);
  });
}

cudaError_t batch_norm_inverse_deviations(cudaStream_t stream, std::int64_t channels,
                                          const float* var, float epsilon, float* inverse) {
  return launch("batch_norm_inverse_deviations_kernel", stream,
                {{blocks_for(channels, kInverseThreads)}, kInverseThreads},
                batch_norm_inverse_deviations_kernel, channels, var, epsilon, inverse);
}

}  // namespace fovea::kernels
