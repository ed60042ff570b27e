// y[r, c] = x[r, c] scale[c] + offset[c]: pictures to floating point, channel by channel.
//
// The factors travel among the kernel's arguments, of which there may be 4 KB: nothing is copied
// before the launch. A thread meets the same channels again and again, so it looks its factors up
// once. Tensors of more channels than fit are done a range of channels at a time.
// Bytes moved: rows channels (sizeof(X) + sizeof(Y)).
// Preconditions: pointers aligned to 16 bytes.
#include <algorithm>
#include <numeric>

#include "kernels/arithmetic.h"
#include "kernels/elementwise.cuh"

namespace fovea::kernels {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kVectorsPerThread = 4;
constexpr std::int64_t kRowsPerThread = 8;
constexpr std::int64_t kMostBlocks = 1 << 14;
constexpr int kFewFactors = 8;     // for pictures: a small argument is launched sooner
constexpr int kMostFactors = 496;  // 3,968 bytes

struct Factor {
  float scale, offset;
  __device__ float operator()(float x) const { return x * scale + offset; }
};

template <int kSize>
struct FactorTable {
  Factor at[kSize];
};

}  // namespace

/// Thread t maps the vectors t, t + threads, ...; the launcher sees to it that the threads of all
/// blocks together cover a multiple of `channels` elements. Then come the elements that make no
/// vector.
template <class X, class Y, int kSize>
__global__ void rescale_kernel(std::int64_t count, const X* x, Y* y, unsigned channels,
                               FactorTable<kSize> table) {
  constexpr int kCount = kElementwiseVector<Y, X>;
  const unsigned thread = blockIdx.x * kThreads + threadIdx.x;  // below 2^23: few enough blocks
  const std::int64_t stride = std::int64_t{gridDim.x} * kThreads * kCount;
  Factor factors[kCount];
  unsigned channel = thread * kCount % channels;
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    factors[i] = table.at[channel];
    channel = channel + 1 == channels ? 0 : channel + 1;
  }
  std::int64_t first = std::int64_t{thread} * kCount;
  for (; first + kCount <= count; first += stride) {
    const auto in = load_vector<kCount>(x + first);
    Vector<Y, kCount> out;
#pragma unroll
    for (int i = 0; i < kCount; ++i) out.at[i] = from_float<Y>(factors[i](to_float(in.at[i])));
    store_vector<kCount>(y + first, out);
  }
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    if (first + i < count) y[first + i] = from_float<Y>(factors[i](to_float(x[first + i])));
  }
}

/// For many channels: a thread takes one channel of the rows blockIdx.y, blockIdx.y + gridDim.y,
/// ... x and y begin at the first of the `width` channels whose factors the table has.
template <class X, class Y>
__global__ void rescale_columns_kernel(std::int64_t rows, std::int64_t channels, const X* x, Y* y,
                                       unsigned width, FactorTable<kMostFactors> table) {
  const unsigned channel = blockIdx.x * kThreads + threadIdx.x;
  if (channel >= width) return;
  const Factor factor = table.at[channel];
  for (std::int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
    const std::int64_t i = row * channels + channel;
    y[i] = from_float<Y>(factor(to_float(x[i])));
  }
}

namespace {

template <int kSize>
FactorTable<kSize> table_of(std::span<const double> scale, std::span<const double> offset) {
  FactorTable<kSize> table{};
  for (std::size_t i = 0; i < scale.size(); ++i) {
    table.at[i] = {static_cast<float>(scale[i]), static_cast<float>(offset[i])};
  }
  return table;
}

template <int kSize, class X, class Y>
cudaError_t rescale_all(cudaStream_t stream, std::int64_t count, const X* x, Y* y,
                        std::span<const double> scale, std::span<const double> offset) {
  constexpr unsigned kPerBlock = kThreads * kElementwiseVector<Y, X>;
  const auto channels = static_cast<unsigned>(scale.size());
  // So many blocks cover a multiple of the channels.
  const unsigned period = channels / std::gcd(channels, kPerBlock);
  constexpr std::int64_t kEnough = kVectorsPerThread * kPerBlock;
  const std::int64_t wanted = std::min((count + kEnough - 1) / kEnough, kMostBlocks);
  const unsigned blocks = blocks_for(wanted, period) * period;
  return launch("rescale_kernel", stream, {blocks, kThreads}, rescale_kernel<X, Y, kSize>, count, x,
                y, channels, table_of<kSize>(scale, offset));
}

template <class X, class Y>
cudaError_t rescale_columns(cudaStream_t stream, std::int64_t rows, const X* x, Y* y,
                            std::span<const double> scale, std::span<const double> offset) {
  const auto channels = static_cast<std::int64_t>(scale.size());
  for (std::size_t first = 0; first < scale.size(); first += kMostFactors) {
    const std::size_t width = std::min<std::size_t>(kMostFactors, scale.size() - first);
    const std::int64_t wanted = (rows + kRowsPerThread - 1) / kRowsPerThread;
    const auto row_blocks = static_cast<unsigned>(std::min(wanted, kMostBlocks));
    const cudaError_t status =
        launch("rescale_columns_kernel", stream,
               {dim3(blocks_for(kMostFactors, kThreads), row_blocks), kThreads},
               rescale_columns_kernel<X, Y>, rows, channels, x + first, y + first,
               static_cast<unsigned>(width),
               table_of<kMostFactors>(scale.subspan(first, width), offset.subspan(first, width)));
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

/// Calls body(TypeName<X>) for the types that may be rescaled.
template <class Body>
cudaError_t with_rescalable_type(DType dtype, const Body& body) {
  if (dtype == DType::u8) return body(TypeName<std::uint8_t>{});
  if (dtype == DType::f64) return body(TypeName<double>{});
  return with_floating_type(dtype, body);
}

}  // namespace

cudaError_t rescale(cudaStream_t stream, DType x_dtype, DType y_dtype, const void* x, void* y,
                    std::int64_t rows, std::int64_t channels, std::span<const double> scale,
                    std::span<const double> offset) {
  return with_rescalable_type(x_dtype, [&](auto x_type) {
    return with_floating_type(y_dtype, [&](auto y_type) {
      using X = typename decltype(x_type)::Type;
      using Y = typename decltype(y_type)::Type;
      const auto* from = static_cast<const X*>(x);
      auto* to = static_cast<Y*>(y);
      const std::int64_t count = rows * channels;
      if (scale.size() <= kFewFactors) {
        return rescale_all<kFewFactors>(stream, count, from, to, scale, offset);
      }
      if (scale.size() <= kMostFactors) {
        return rescale_all<kMostFactors>(stream, count, from, to, scale, offset);
      }
      return rescale_columns(stream, rows, from, to, scale, offset);
    });
  });
}

}  // namespace fovea::kernels
