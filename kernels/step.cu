// The small writes of a training step. Counters: one thread. Metrics: one block, which reads the
// batch's values once and adds them in an order that their count alone sets. Averages and gradient
// sums: one launch for many (segment_map.cuh); where the step is not finite, each element is
// written as it was. Bytes moved: a few scalars, a metric's values once, 12 per element of averages
// and sums (8 to clear).
#include "kernels/step.h"

#include "kernels/launch.h"
#include "kernels/numbers.cuh"
#include "kernels/reduce.cuh"
#include "kernels/segment_map.cuh"

namespace fovea::kernels {
namespace {

constexpr int kMetricThreads = 256;

struct MoveAverage {
  static constexpr bool kReadsSecond = true;
  const std::int32_t* finite;
  const std::int64_t* count;  ///< null: the average has begun
  float kept, moved;
  __device__ float operator()(float value, float average) const {
    if (*finite == 0) return average;
    return count != nullptr && *count == 0 ? value : kept * average + moved * value;
  }
};

struct AddGradient {
  static constexpr bool kReadsSecond = true;
  const std::int32_t* finite;
  __device__ float operator()(float value, float sum) const {
    return *finite != 0 ? sum + value : sum;
  }
};

struct AverageGradient {
  static constexpr bool kReadsSecond = true;
  float factor;
  __device__ float operator()(float sum, float value) const { return (sum + value) * factor; }
};

struct ClearGradient {
  static constexpr bool kReadsSecond = false;  // x is y
  const std::int32_t* finite;
  __device__ float operator()(float sum, float) const { return *finite != 0 ? 0.0f : sum; }
};

}  // namespace

__global__ void advance_step_kernel(std::int64_t* attempted, const std::int64_t* applied,
                                    const float* table, std::int64_t rows,
                                    const std::int64_t* table_start, float* rate) {
  *attempted += 1;
  std::int64_t row = *applied - *table_start;
  if (row < 0) row = 0;
  if (row >= rows) row = rows - 1;
  *rate = table[row];
}

__global__ void hold_step_kernel(std::int64_t* held_at, const std::int64_t* attempted,
                                 const std::int32_t* finite, std::int32_t* go) {
  const bool well = *held_at == 0 && *finite == 1;
  if (*held_at == 0 && !well) *held_at = *attempted;
  *go = well ? 1 : 0;
}

__global__ void commit_step_kernel(std::int64_t* applied, const std::int32_t* finite) {
  if (*finite != 0) *applied += 1;
}

template <class T>
__global__ void accumulate_metric_kernel(const std::int32_t* finite, double* sum, double* total,
                                         const T* values, std::int64_t count) {
  double own = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += kMetricThreads) own += to_float(values[i]);
  own = block_reduce(own, Sum{});
  if (threadIdx.x != 0 || *finite == 0) return;
  *sum += own;
  *total += static_cast<double>(count);
}

cudaError_t advance_step(cudaStream_t stream, std::int64_t* attempted, const std::int64_t* applied,
                         const float* table, std::int64_t rows, const std::int64_t* table_start,
                         float* rate) {
  return launch("advance_step_kernel", stream, {1, 1}, advance_step_kernel, attempted, applied,
                table, rows, table_start, rate);
}

cudaError_t hold_step(cudaStream_t stream, std::int64_t* held_at, const std::int64_t* attempted,
                      const std::int32_t* finite, std::int32_t* go) {
  return launch("hold_step_kernel", stream, {1, 1}, hold_step_kernel, held_at, attempted, finite,
                go);
}

cudaError_t commit_step(cudaStream_t stream, std::int64_t* applied, const std::int32_t* finite) {
  return launch("commit_step_kernel", stream, {1, 1}, commit_step_kernel, applied, finite);
}

cudaError_t update_averages(cudaStream_t stream, const PairTable& table, float kept, float moved,
                            const std::int32_t* finite, const std::int64_t* count) {
  return map_segments(stream, table, MoveAverage{finite, count, kept, moved});
}

cudaError_t accumulate_gradients(cudaStream_t stream, const PairTable& table,
                                 const std::int32_t* finite) {
  return map_segments(stream, table, AddGradient{finite});
}

cudaError_t clear_gradients(cudaStream_t stream, const PairTable& table,
                            const std::int32_t* finite) {
  return map_segments(stream, table, ClearGradient{finite});
}

cudaError_t average_gradients(cudaStream_t stream, const TripleTable& table, float factor) {
  return map_segments(stream, table, AverageGradient{factor});
}

cudaError_t accumulate_metric(cudaStream_t stream, const std::int32_t* finite, double* sum,
                              double* total, DType dtype, const void* values, std::int64_t count) {
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch("accumulate_metric_kernel", stream, {1, kMetricThreads},
                  accumulate_metric_kernel<T>, finite, sum, total, static_cast<const T*>(values),
                  count);
  });
}

}  // namespace fovea::kernels
