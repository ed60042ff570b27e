// The random choices behind a training batch: which sample stands where in an epoch, and how its
// picture is flipped and shifted. One source for the CPU and for CUDA kernels, so that both make
// the same batches.
#pragma once

#include <cstdint>

#include "fovea/detail/philox.h"

namespace fovea::detail {

inline constexpr std::uint64_t kShuffleStream = path_key("shuffle");
inline constexpr std::uint64_t kAugmentStream = path_key("augment");

/// The key of an epoch's order.
FOVEA_HOST_DEVICE constexpr std::uint64_t order_key(std::uint64_t seed, std::int64_t epoch) {
  return mix_key(mix_key(seed, kShuffleStream), static_cast<std::uint64_t>(epoch));
}

/// The sample at a position of the epoch with this order.
FOVEA_HOST_DEVICE constexpr std::int64_t sample_at(std::int64_t position, std::int64_t samples,
                                                   std::uint64_t order_key) {
  return static_cast<std::int64_t>(permute_index(static_cast<std::uint64_t>(position),
                                                 static_cast<std::uint64_t>(samples), order_key));
}

/// The key of the augmentation's step number `step` in an epoch.
FOVEA_HOST_DEVICE constexpr std::uint64_t augment_key(std::uint64_t seed, std::int64_t epoch,
                                                      std::uint64_t step) {
  const std::uint64_t key = mix_key(seed, kAugmentStream);
  return mix_key(mix_key(key, static_cast<std::uint64_t>(epoch)), step);
}

/// The random numbers of one step of augmentation for the picture at one position of the epoch.
class PictureStream {
 public:
  FOVEA_HOST_DEVICE constexpr PictureStream(std::uint64_t key, std::uint64_t position)
      : key_(key), position_(position) {}
  /// Uniform in [0, 1), a multiple of 2^-24.
  FOVEA_HOST_DEVICE constexpr float uniform() { return uniform01(word()); }
  /// Uniform to within count / 2^32 in [0, count), 1 <= count <= 2^32: the high word of a product.
  FOVEA_HOST_DEVICE constexpr std::int64_t below(std::int64_t count) {
    return static_cast<std::int64_t>((std::uint64_t{word()} * static_cast<std::uint64_t>(count)) >>
                                     32);
  }

 private:
  FOVEA_HOST_DEVICE constexpr std::uint32_t word() {
    return philox4x32(key_, position_, drawn_++).word[0];
  }

  std::uint64_t key_;
  std::uint64_t position_;
  std::uint64_t drawn_ = 0;
};

/// Whether to mirror a picture. `random` is a PictureStream or what wraps one.
template <class Random>
FOVEA_HOST_DEVICE constexpr bool draw_flip(Random& random, double probability) {
  return random.uniform() < probability;
}

/// Pixel (y, x) of a shifted picture is pixel (y + dy, x + dx) of the original.
struct PictureShift {
  std::int64_t dy = 0, dx = 0;
};

/// Where a picture padded by `pixels` on all sides is cut out.
template <class Random>
FOVEA_HOST_DEVICE constexpr PictureShift draw_shift(Random& random, std::int64_t pixels) {
  PictureShift shift;
  shift.dy = random.below(2 * pixels + 1) - pixels;
  shift.dx = random.below(2 * pixels + 1) - pixels;
  return shift;
}

/// The place inside of [0, size) whose pixel stands for one outside: with `fill` 1 by mirroring
/// about the border pixels, as often as it takes, else the nearest. A place inside is itself.
template <class Int>
FOVEA_HOST_DEVICE constexpr Int border_place(Int place, Int size, std::int32_t fill) {
  if (place >= 0 && place < size) return place;
  if (fill != 1 || size == 1) return place < 0 ? 0 : size - 1;
  const Int period = 2 * (size - 1);
  const Int folded = (place < 0 ? -place : place) % period;
  return folded < size ? folded : period - folded;
}

}  // namespace fovea::detail
