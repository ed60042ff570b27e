// A batch of pictures: x[i] = rescale(steps(pictures[order(first + i)])), y[i] = its label.
//
// Mapping: a block makes one picture. One thread finds out which, others draw what each step does
// to it. Step by step the block writes the changed picture to shared memory, from the data set,
// then to and fro between two buffers, a thread per byte; at last it writes x in vectors of 16
// bytes. Without steps the bytes go straight from the data set to x. Bytes moved: count times the
// bytes of a picture, read as u8 and written as Y. Preconditions: see picture_batch.h; the result
// is refused otherwise.
#include "kernels/picture_batch.h"

#include <type_traits>

#include "kernels/divide.cuh"
#include "kernels/launch.h"
#include "kernels/numbers.cuh"
#include "kernels/reduce.cuh"
#include "kernels/shared_memory.cuh"

namespace fovea::kernels {
namespace {

using fovea::detail::PictureChange;

constexpr unsigned kThreads = 256;
constexpr int kOtherWarp = 32;

/// What single threads find out for their block.
struct PictureShared {
  std::int64_t sample;
  PictureChange changes[PictureSteps::kMost];
  int channel_mean[PictureRescale::kMaxChannels];
  PictureRescale rescale;  ///< a kernel's parameters are slow to look up by a varying channel
};

/// How large a picture is, and where a byte lies in it.
struct PictureGrid {
  int height, width, channels;
  FastDivisor by_width, by_channels;

  explicit PictureGrid(const PictureSet& set)
      : height(static_cast<int>(set.height)),
        width(static_cast<int>(set.width)),
        channels(static_cast<int>(set.channels)),
        by_width(set.width),
        by_channels(set.channels) {}

  __device__ __forceinline__ int bytes() const { return height * width * channels; }
  __device__ __forceinline__ int at(int y, int x, int channel) const {
    return (y * width + x) * channels + channel;
  }
};

struct PictureByte {
  int y, x, channel;
};

__device__ __forceinline__ PictureByte locate(const PictureGrid& grid, int index) {
  auto rest = static_cast<unsigned>(index);
  PictureByte byte;
  byte.channel = static_cast<int>(grid.by_channels.divide(rest));
  byte.x = static_cast<int>(grid.by_width.divide(rest));
  byte.y = static_cast<int>(rest);
  return byte;
}

}  // namespace

/// A byte of the picture as the change makes it from `source`.
__device__ __forceinline__ std::uint8_t changed_byte(const PictureChange& change,
                                                     const std::uint8_t* source,
                                                     const PictureGrid& grid, const PictureByte& to,
                                                     const int* channel_mean) {
  using Kind = PictureStep::Kind;
  const int here = grid.at(to.y, to.x, to.channel);
  switch (change.kind) {
    case Kind::flip:
      return source[grid.at(to.y, grid.width - 1 - to.x, to.channel)];
    case Kind::flip_vertical:
      return source[grid.at(grid.height - 1 - to.y, to.x, to.channel)];
    case Kind::shift: {
      const int y = to.y + change.y, x = to.x + change.x;
      return static_cast<std::uint8_t>(fovea::detail::byte_or_fill(
          source + to.channel, y, x, grid.height, grid.width, grid.channels, change.fill));
    }
    case Kind::cutout: {
      const int y = to.y - change.y, x = to.x - change.x;
      const bool inside = y >= 0 && y < change.size && x >= 0 && x < change.size;
      return inside ? static_cast<std::uint8_t>(change.fill) : source[here];
    }
    case Kind::brightness:
      return fovea::detail::clamp_to_byte(source[here] + change.factor);
    case Kind::contrast:
      return fovea::detail::stretched(channel_mean[to.channel], source[here], change.factor);
    case Kind::saturation:
    case Kind::grayscale:
      return fovea::detail::stretched(fovea::detail::grey(source + here - to.channel), source[here],
                                      change.factor);
    case Kind::rotation:
    case Kind::zoom:
    case Kind::translation:
    case Kind::crop_and_resize: {
      const auto place = fovea::detail::place_of(change.map, to.y, to.x, grid.height, grid.width);
      return fovea::detail::between(source + to.channel, place, grid.height, grid.width,
                                    grid.channels, change.fill);
    }
  }
  return 0;
}

/// The mean of each channel's bytes. All threads of the block take part.
__device__ __forceinline__ void find_channel_means(const std::uint8_t* source,
                                                   const PictureGrid& grid, int* channel_mean) {
  const int pixels = grid.height * grid.width;
  for (int channel = 0; channel < grid.channels; ++channel) {
    int sum = 0;
    for (int p = static_cast<int>(threadIdx.x); p < pixels; p += kThreads) {
      sum += source[p * grid.channels + channel];
    }
    sum = block_reduce(sum, Sum{});
    if (threadIdx.x == 0) channel_mean[channel] = fovea::detail::rounded_mean(sum, pixels);
  }
  __syncthreads();
}

/// Does the steps one after the other and returns where the result lies. `buffers` holds two
/// pictures.
__device__ __forceinline__ const std::uint8_t* augment(const std::uint8_t* picture, int steps,
                                                       const PictureGrid& grid,
                                                       PictureShared& shared,
                                                       std::uint8_t* buffers) {
  int next = 0;
  for (int s = 0; s < steps; ++s) {
    const PictureChange change = shared.changes[s];
    if (!change.applies) continue;
    if (change.kind == PictureStep::Kind::contrast) {
      find_channel_means(picture, grid, shared.channel_mean);
    }
    std::uint8_t* changed = buffers + next * grid.bytes();
    for (int i = static_cast<int>(threadIdx.x); i < grid.bytes(); i += kThreads) {
      changed[i] = changed_byte(change, picture, grid, locate(grid, i), shared.channel_mean);
    }
    __syncthreads();
    picture = changed;
    next = 1 - next;
  }
  return picture;
}

template <class Y>
__device__ __forceinline__ Y rescaled(std::uint8_t byte, const PictureRescale::Channel& to) {
  return from_float<Y>(fmaf(to_float(byte), to.scale, to.offset));
}

template <int kCount, class Y>
__global__ void picture_batch_kernel(PictureSet set, BatchPlace place, PictureSteps steps,
                                     PictureRescale rescale, PictureGrid grid, Y* x_out,
                                     std::int32_t* y_out) {
  auto& shared = shared_memory<PictureShared>();
  const std::int64_t batch = *place.counter - *place.start;
  const std::int64_t position = (batch * place.batch_size + blockIdx.x) % set.samples;
  const auto seed = static_cast<std::uint64_t>(*place.seed);
  const int step = static_cast<int>(threadIdx.x) - kOtherWarp;
  if (threadIdx.x == 0) {
    const std::uint64_t key = fovea::detail::order_key(seed, *place.epoch);
    shared.sample = place.shuffle ? fovea::detail::sample_at(position, set.samples, key) : position;
    shared.rescale = rescale;
    if (y_out != nullptr) y_out[blockIdx.x] = set.labels[shared.sample];
  } else if (step >= 0 && step < steps.count) {
    const auto number = static_cast<std::uint64_t>(step);
    fovea::detail::PictureStream random(fovea::detail::augment_key(seed, *place.epoch, number),
                                        static_cast<std::uint64_t>(position));
    shared.changes[step] =
        fovea::detail::draw_change(steps.at[step], random, set.height, set.width);
  }
  __syncthreads();
  const int bytes = grid.bytes();
  const std::uint8_t* picture = set.pictures + shared.sample * bytes;
  if (steps.count > 0) {
    auto* buffers = dynamic_shared_memory<std::uint8_t>();
    picture = augment(picture, steps.count, grid, shared, buffers);
  }
  x_out += std::int64_t{blockIdx.x} * bytes;
  for (int i = static_cast<int>(threadIdx.x) * kCount; i < bytes; i += kThreads * kCount) {
    Vector<Y, kCount> out;
    [[maybe_unused]] int channel = locate(grid, i).channel;
#pragma unroll
    for (int v = 0; v < kCount; ++v) {
      if constexpr (std::is_same_v<Y, std::uint8_t>) {
        out.at[v] = picture[i + v];
      } else {
        out.at[v] = rescaled<Y>(picture[i + v], shared.rescale.at[channel]);
        if (++channel == grid.channels) channel = 0;
      }
    }
    store_vector<kCount>(x_out + i, out);
  }
}

namespace {

template <int kCount, class Y>
cudaError_t start(cudaStream_t stream, const PictureSet& set, const BatchPlace& place,
                  const PictureSteps& steps, const PictureRescale& rescale, std::int64_t count,
                  void* x, std::int32_t* y) {
  const std::int64_t buffers = steps.count > 0 ? 2 * set.picture_bytes() : 0;
  const LaunchShape shape{blocks_for(count, 1), kThreads, static_cast<unsigned>(buffers)};
  return launch("picture_batch_kernel", stream, shape, picture_batch_kernel<kCount, Y>, set, place,
                steps, rescale, PictureGrid(set), static_cast<Y*>(x), y);
}

/// What the kernel has no room for.
bool refused(const PictureSet& set, const PictureSteps& steps, DType dtype) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 24;
  const std::int64_t bytes = set.picture_bytes();
  if (set.samples < 1 || bytes < 1 || bytes >= kLimit) return true;
  if (dtype != DType::u8 && set.channels > PictureRescale::kMaxChannels) return true;
  if (steps.count == 0) return false;
  return steps.count > PictureSteps::kMost || bytes > kMostAugmentedBytes ||
         set.channels > PictureRescale::kMaxChannels;
}

}  // namespace

cudaError_t picture_batch(cudaStream_t stream, const PictureSet& set, const BatchPlace& place,
                          const PictureSteps& steps, const PictureRescale& rescale, DType dtype,
                          std::int64_t count, void* x, std::int32_t* y) {
  if (refused(set, steps, dtype)) return cudaErrorInvalidValue;
  const auto run = [&](auto type) {
    using Y = typename decltype(type)::Type;
    const bool whole = set.picture_bytes() % kVectorSize<Y> == 0;
    const auto chosen = whole ? start<kVectorSize<Y>, Y> : start<1, Y>;
    return chosen(stream, set, place, steps, rescale, count, x, y);
  };
  if (dtype == DType::u8) return run(TypeName<std::uint8_t>{});
  return with_floating_type(dtype, run);
}

}  // namespace fovea::kernels
