// The built-in augmentations in numbers: what is drawn for a picture, and what becomes of its
// bytes. One source for the CPU and for CUDA kernels, so that both make the same pictures. All
// arithmetic on pixels is in integers, hence exact.
#pragma once

#include <cstdint>

#include "fovea/detail/batch_choices.h"

namespace fovea {

/// One built-in augmentation; see class Augmentation for what each does.
struct PictureStep {
  enum class Kind : std::int32_t {
    flip,           ///< left and right, with probability `amount`
    flip_vertical,  ///< top and bottom, with probability `amount`
    shift,       ///< by up to `amount` pixels; with `fill` 1 mirrored about the border, else zeros
    cutout,      ///< a square of `amount` pixels becomes `fill`
    brightness,  ///< adds up to `amount` times 255
    contrast,    ///< distance from the channel's mean, times 1 - amount to 1 + amount
    saturation,  ///< distance from grey, times 1 - amount to 1 + amount
    grayscale,   ///< grey, with probability `amount`
  };
  Kind kind = Kind::flip;
  double amount = 0;
  std::int32_t fill = 0;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
    visit("amount", self.amount);
    visit("fill", self.fill);
  }
  friend bool operator==(const PictureStep&, const PictureStep&) = default;
};

namespace detail {

/// Factors are whole multiples of 1/256.
inline constexpr std::int32_t kUnitFactor = 256;

/// What a step does to one picture: the choices made.
struct PictureChange {
  PictureStep::Kind kind = PictureStep::Kind::flip;
  bool applies = true;                ///< whether it does anything at all
  std::int32_t y = 0, x = 0;          ///< a shift; the upper left corner of a cut-out square
  std::int32_t size = 0;              ///< of that square
  std::int32_t fill = 0;              ///< as the step has it
  std::int32_t factor = kUnitFactor;  ///< of a distance; of brightness: what is added
};

/// 1 - amount to 1 + amount, in units of 1/256. Exact, whether or not products and sums are fused.
template <class Random>
FOVEA_HOST_DEVICE constexpr std::int32_t draw_factor(Random& random, double amount) {
  const double distance = (2 * double{random.uniform()} - 1) * amount;
  return static_cast<std::int32_t>(distance * kUnitFactor + (kUnitFactor + 65536.5)) - 65536;
}

/// Draws in the order in which a change's members stand here.
template <class Random>
FOVEA_HOST_DEVICE constexpr PictureChange draw_change(const PictureStep& step, Random& random,
                                                      std::int64_t height, std::int64_t width) {
  using Kind = PictureStep::Kind;
  PictureChange change;
  change.kind = step.kind;
  change.fill = step.fill;
  switch (step.kind) {
    case Kind::flip:
    case Kind::flip_vertical:
      change.applies = draw_flip(random, step.amount);
      break;
    case Kind::grayscale:
      change.applies = draw_flip(random, step.amount);
      change.factor = 0;
      break;
    case Kind::shift: {
      const PictureShift shift = draw_shift(random, static_cast<std::int64_t>(step.amount));
      change.y = static_cast<std::int32_t>(shift.dy);
      change.x = static_cast<std::int32_t>(shift.dx);
      break;
    }
    case Kind::cutout:
      change.size = static_cast<std::int32_t>(step.amount);
      change.y = static_cast<std::int32_t>(random.below(height)) - change.size / 2;
      change.x = static_cast<std::int32_t>(random.below(width)) - change.size / 2;
      break;
    case Kind::brightness:
      change.factor = draw_factor(random, step.amount * 255 / kUnitFactor) - kUnitFactor;
      break;
    case Kind::contrast:
    case Kind::saturation:
      change.factor = draw_factor(random, step.amount);
      break;
  }
  return change;
}

FOVEA_HOST_DEVICE constexpr std::uint8_t clamp_to_byte(std::int32_t value) {
  return static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

/// base + (byte - base) factor / 256, rounded.
FOVEA_HOST_DEVICE constexpr std::uint8_t stretched(std::int32_t base, std::int32_t byte,
                                                   std::int32_t factor) {
  return clamp_to_byte(base + (((byte - base) * factor + kUnitFactor / 2) >> 8));
}

/// The luma of a pixel (red, green, blue): the weights of ITU-R BT.601 in units of 1/256.
FOVEA_HOST_DEVICE constexpr std::int32_t grey(const std::uint8_t* pixel) {
  return (77 * pixel[0] + 150 * pixel[1] + 29 * pixel[2] + 128) >> 8;
}

/// The mean of so many bytes with this sum, rounded.
FOVEA_HOST_DEVICE constexpr std::int32_t rounded_mean(std::int64_t sum, std::int64_t count) {
  return static_cast<std::int32_t>((sum + count / 2) / count);
}

}  // namespace detail
}  // namespace fovea
