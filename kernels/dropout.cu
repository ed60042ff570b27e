// y = x mask / (1 - rate), the mask a pure function of (seed, stream, step, element index): never
// stored, and the backward pass makes the same one anew.
//
// Mapping: a thread maps one vector of 16 bytes, whose 4 or 8 elements take the words of one or two
// Philox blocks; the last thread maps what makes no whole vector.
// Bytes moved: 2 count sizeof(T).
#include "kernels/dropout.h"

#include <cmath>

#include "fovea/detail/philox.h"
#include "kernels/launch.h"
#include "kernels/numbers.cuh"

namespace fovea::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kWordsPerBlock = 4;  // of Philox

}  // namespace

/// A word keeps its element where its upper 24 bits are at least `first_kept`.
template <class T>
__global__ void dropout_kernel(std::int64_t count, const T* x, const std::int64_t* seed,
                               const std::int64_t* step, T* y, std::uint64_t random_stream,
                               std::uint32_t first_kept, float kept_scale) {
  constexpr int kCount = kVectorSize<T>;
  const std::int64_t thread = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const std::int64_t first = thread * kCount;
  if (first >= count) return;
  const std::uint64_t key =
      fovea::detail::mix_key(static_cast<std::uint64_t>(*seed), random_stream);
  const auto counter = static_cast<std::uint64_t>(*step);
  float factors[kCount];
#pragma unroll
  for (int i = 0; i < kCount; i += kWordsPerBlock) {
    const auto block = static_cast<std::uint64_t>((first + i) / kWordsPerBlock);
    const fovea::detail::Philox4 random = fovea::detail::philox4x32(key, counter, block);
#pragma unroll
    for (int k = 0; k < kWordsPerBlock; ++k) {
      factors[i + k] = (random.word[k] >> 8) >= first_kept ? kept_scale : 0.0f;
    }
  }
  if (first + kCount <= count) {
    auto values = load_vector<kCount>(x + first);
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      values.at[i] = from_float<T>(to_float(values.at[i]) * factors[i]);
    }
    store_vector<kCount>(y + first, values);
  } else {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      if (first + i < count) y[first + i] = from_float<T>(to_float(x[first + i]) * factors[i]);
    }
  }
}

cudaError_t dropout(cudaStream_t stream, DType dtype, double rate, std::uint64_t random_stream,
                    const void* x, const std::int64_t* seed, const std::int64_t* step, void* y,
                    std::int64_t count) {
  // uniform01(word) >= rate, in whole numbers.
  const auto first_kept = static_cast<std::uint32_t>(std::ceil(rate * 0x1p24));
  const auto kept_scale = static_cast<float>(1 / (1 - rate));
  return with_floating_type(dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch("dropout_kernel", stream,
                  {blocks_for(count, kThreads * kVectorSize<T>), kThreads}, dropout_kernel<T>,
                  count, static_cast<const T*>(x), seed, step, static_cast<T*>(y), random_stream,
                  first_kept, kept_scale);
  });
}

}  // namespace fovea::kernels
