// A batch of pictures: x[i] = rescale(shift(flip(pictures[order(first + i)]))), y[i] = its label.
//
// Mapping: blockIdx.x is the picture of the batch, blockIdx.y a part of it. Two threads make the
// random choices: one where the picture stands in the set, one how it is moved. Then each thread
// writes vectors of 16 bytes; their bytes come from a row of the source one by one, since a shift
// by a pixel or a mirrored row is aligned to nothing. A warp reads one range of memory, through
// the caches.
// Bytes moved: count times the bytes of a picture, read as u8 and written as Y.
#include "kernels/picture_batch.h"

#include <algorithm>
#include <type_traits>

#include "fovea/detail/batch_choices.h"
#include "kernels/divide.cuh"
#include "kernels/launch.h"
#include "kernels/numbers.cuh"
#include "kernels/shared_memory.cuh"

namespace fovea::kernels {
namespace {

constexpr unsigned kThreads = 128;
constexpr unsigned kVectorsPerBlock = 4 * kThreads;
constexpr unsigned kOtherWarp = 32;

/// Pixel (y, x) of the result is pixel (y + dy, x_step x + x_base) of the source.
struct PictureMove {
  int dy, x_step, x_base;
};

/// What single threads find out for their block.
struct PictureShared {
  std::int64_t sample;
  PictureMove move;
  PictureRescale rescale;  ///< a kernel's parameters are slow to look up by a varying channel
};

}  // namespace

__device__ PictureMove draw_move(const PictureAugmentation& augmentation, std::uint64_t seed,
                                 std::int64_t epoch, std::uint64_t position, int width) {
  bool flipped = false;
  if (augmentation.flip_step >= 0) {
    const auto step = static_cast<std::uint64_t>(augmentation.flip_step);
    fovea::detail::PictureStream random(fovea::detail::augment_key(seed, epoch, step), position);
    flipped = fovea::detail::draw_flip(random, augmentation.flip_probability);
  }
  fovea::detail::PictureShift shift;
  if (augmentation.shift_step >= 0) {
    const auto step = static_cast<std::uint64_t>(augmentation.shift_step);
    fovea::detail::PictureStream random(fovea::detail::augment_key(seed, epoch, step), position);
    shift = fovea::detail::draw_shift(random, augmentation.shift_pixels);
  }
  const int dy = static_cast<int>(shift.dy), dx = static_cast<int>(shift.dx);
  if (!flipped) return {dy, 1, dx};
  // What is shifted after the flip moves the other way in the source.
  const bool flip_first = augmentation.flip_step < augmentation.shift_step;
  return {dy, -1, width - 1 + (flip_first ? -dx : dx)};
}

/// A pixel's byte of one channel; zero outside of the picture, unless mirrored back into it.
__device__ __forceinline__ std::uint8_t moved_byte(const std::uint8_t* picture,
                                                   const PictureSet& set, const PictureMove& move,
                                                   bool reflect, int y, int x, int channel) {
  const int height = static_cast<int>(set.height), width = static_cast<int>(set.width);
  y += move.dy;
  x = move.x_step * x + move.x_base;
  if (reflect) {
    y = fovea::detail::reflect(y, height);
    x = fovea::detail::reflect(x, width);
  } else if (y < 0 || y >= height || x < 0 || x >= width) {
    return 0;
  }
  return picture[(y * width + x) * static_cast<int>(set.channels) + channel];
}

template <class Y>
__device__ __forceinline__ Y rescaled(std::uint8_t byte, const PictureRescale::Channel& to) {
  return from_float<Y>(fmaf(to_float(byte), to.scale, to.offset));
}

template <int kCount, class Y>
__global__ void picture_batch_kernel(PictureSet set, BatchPlace place, bool shuffle,
                                     PictureAugmentation augmentation, PictureRescale rescale,
                                     FastDivisor by_channels, FastDivisor by_width,
                                     unsigned vectors, Y* x_out, std::int32_t* y_out) {
  auto& shared = shared_memory<PictureShared>();
  const std::int64_t position = (*place.first + blockIdx.x) % set.samples;
  const auto seed = static_cast<std::uint64_t>(*place.seed);
  if (threadIdx.x == 0) {
    const std::uint64_t key = fovea::detail::order_key(seed, *place.epoch);
    shared.sample = shuffle ? fovea::detail::sample_at(position, set.samples, key) : position;
    if (y_out != nullptr && blockIdx.y == 0) y_out[blockIdx.x] = set.labels[shared.sample];
  } else if (threadIdx.x == kOtherWarp) {
    shared.rescale = rescale;
    shared.move = draw_move(augmentation, seed, *place.epoch, static_cast<std::uint64_t>(position),
                            static_cast<int>(set.width));
  }
  __syncthreads();
  const PictureMove move = shared.move;
  const int width = static_cast<int>(set.width), channels = static_cast<int>(set.channels);
  const std::uint8_t* picture =
      set.pictures + shared.sample * set.height * set.width * set.channels;
  x_out += std::int64_t{blockIdx.x} * vectors * kCount;
  const unsigned last = std::min((blockIdx.y + 1) * kVectorsPerBlock, vectors);
  for (unsigned v = blockIdx.y * kVectorsPerBlock + threadIdx.x; v < last; v += kThreads) {
    unsigned row = v * kCount;
    int channel = static_cast<int>(by_channels.divide(row));
    int x = static_cast<int>(by_width.divide(row));
    int y = static_cast<int>(row);
    Vector<Y, kCount> out;
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const std::uint8_t byte = moved_byte(picture, set, move, augmentation.reflect, y, x, channel);
      if constexpr (std::is_same_v<Y, std::uint8_t>) {
        out.at[i] = byte;
      } else {
        out.at[i] = rescaled<Y>(byte, shared.rescale.at[channel]);
      }
      if (++channel < channels) continue;
      channel = 0;
      if (++x < width) continue;
      x = 0;
      ++y;
    }
    store_vector<kCount>(x_out + v * kCount, out);
  }
}

namespace {

template <int kCount, class Y>
cudaError_t start(cudaStream_t stream, const PictureSet& set, const BatchPlace& place, bool shuffle,
                  const PictureAugmentation& augmentation, const PictureRescale& rescale,
                  std::int64_t count, void* x, std::int32_t* y) {
  const auto vectors = static_cast<unsigned>(set.height * set.width * set.channels / kCount);
  const dim3 blocks{blocks_for(count, 1), blocks_for(vectors, kVectorsPerBlock)};
  return launch("picture_batch_kernel", stream, {blocks, kThreads}, picture_batch_kernel<kCount, Y>,
                set, place, shuffle, augmentation, rescale, FastDivisor(set.channels),
                FastDivisor(set.width), vectors, static_cast<Y*>(x), y);
}

}  // namespace

cudaError_t picture_batch(cudaStream_t stream, const PictureSet& set, const BatchPlace& place,
                          bool shuffle, const PictureAugmentation& augmentation,
                          const PictureRescale& rescale, DType dtype, std::int64_t count, void* x,
                          std::int32_t* y) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 24;
  const std::int64_t bytes = set.height * set.width * set.channels;
  const bool too_many_channels = dtype != DType::u8 && set.channels > PictureRescale::kMaxChannels;
  if (set.samples < 1 || bytes < 1 || bytes >= kLimit || too_many_channels ||
      augmentation.shift_pixels >= kLimit) {
    return cudaErrorInvalidValue;
  }
  const auto run = [&](auto type) {
    using Y = typename decltype(type)::Type;
    const auto chosen = bytes % kVectorSize<Y> == 0 ? start<kVectorSize<Y>, Y> : start<1, Y>;
    return chosen(stream, set, place, shuffle, augmentation, rescale, count, x, y);
  };
  if (dtype == DType::u8) return run(TypeName<std::uint8_t>{});
  return with_floating_type(dtype, run);
}

}  // namespace fovea::kernels
