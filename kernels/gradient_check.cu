// Sums of squares over many gradients, in two phases.
//
// sum_squares_kernel: a block takes 4,096 elements of one gradient, a thread four vectors of four
// neighbours, and leaves one partial sum. Bytes moved: all gradients, once.
// gradient_check_kernel: one block adds all partial sums. clip_scales_kernel: a block adds one
// gradient's. Both read 8 bytes per 16 KiB of gradients.
#include "kernels/gradient_check.h"

#include <cmath>

#include "kernels/launch.h"
#include "kernels/numbers.cuh"
#include "kernels/reduce.cuh"
#include "kernels/segments.cuh"

namespace fovea::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kVector = kVectorSize<float>;
constexpr int kVectorsPerThread = GradientTable::kElementsPerBlock / (kThreads * kVector);
constexpr int kSumThreads = 128;

__device__ __forceinline__ double square(float x) { return double{x} * double{x}; }

/// The sum of partial[begin .. end), in all threads of the block.
__device__ __forceinline__ double sum_of_partials(const double* partial, std::int64_t begin,
                                                  std::int64_t end) {
  double sum = 0;
  for (std::int64_t i = begin + threadIdx.x; i < end; i += blockDim.x) sum += partial[i];
  return block_reduce(sum, Sum{});
}

}  // namespace

__global__ void sum_squares_kernel(GradientTable table, double* partial) {
  const int segment = segment_of_block(table);
  const float* g = table.tensors[segment];
  const std::int64_t count = table.count[segment];
  const std::int64_t begin =
      std::int64_t{blockIdx.x - table.first_block[segment]} * GradientTable::kElementsPerBlock;
  double sum = 0;
#pragma unroll
  for (int v = 0; v < kVectorsPerThread; ++v) {
    const std::int64_t at = begin + (v * kThreads + static_cast<int>(threadIdx.x)) * kVector;
    if (at + kVector <= count) {
      const Vector<float, kVector> values = load_vector<kVector>(g + at);
#pragma unroll
      for (int i = 0; i < kVector; ++i) sum += square(values.at[i]);
    } else {
      for (std::int64_t i = at; i < count; ++i) sum += square(g[i]);
    }
  }
  sum = block_reduce(sum, Sum{});
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

template <class Loss>
__global__ void gradient_check_kernel(const double* partial, std::int64_t partials,
                                      const Loss* loss, double* sum, std::int32_t* finite) {
  const double total = sum_of_partials(partial, 0, partials);
  if (threadIdx.x != 0) return;
  *sum = total;
  *finite = std::isfinite(total) && std::isfinite(to_float(*loss)) ? 1 : 0;
}

__global__ void clip_scales_kernel(GradientTable table, const double* partial, float limit,
                                   float* scales) {
  const int segment = static_cast<int>(blockIdx.x);
  const unsigned end = segment + 1 < table.segments ? table.first_block[segment + 1] : table.blocks;
  const double sum = sum_of_partials(partial, table.first_block[segment], end);
  if (threadIdx.x == 0) scales[segment] = limit / fmaxf(static_cast<float>(sqrt(sum)), limit);
}

cudaError_t sum_squares(cudaStream_t stream, const GradientTable& table, double* partial) {
  return launch("sum_squares_kernel", stream, {table.blocks, kThreads}, sum_squares_kernel, table,
                partial);
}

cudaError_t gradient_check(cudaStream_t stream, const double* partial, std::int64_t partials,
                           DType loss_dtype, const void* loss, double* sum, std::int32_t* finite) {
  return with_floating_type(loss_dtype, [&](auto type) {
    using Loss = typename decltype(type)::Type;
    return launch("gradient_check_kernel", stream, {1, kSumThreads}, gradient_check_kernel<Loss>,
                  partial, partials, static_cast<const Loss*>(loss), sum, finite);
  });
}

cudaError_t clip_scales(cudaStream_t stream, const GradientTable& table, const double* partial,
                        float limit, float* scales) {
  return launch("clip_scales_kernel", stream, {static_cast<unsigned>(table.segments), kSumThreads},
                clip_scales_kernel, table, partial, limit, scales);
}

}  // namespace fovea::kernels
