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
    flip,             ///< left and right, with probability `amount`
    flip_vertical,    ///< top and bottom, with probability `amount`
    shift,            ///< by up to `amount` pixels; what comes in from outside as `fill` says
    cutout,           ///< a square of `amount` pixels becomes `fill`
    brightness,       ///< adds up to `amount` times 255
    contrast,         ///< distance from the channel's mean, times 1 - amount to 1 + amount
    saturation,       ///< distance from grey, times 1 - amount to 1 + amount
    grayscale,        ///< grey, with probability `amount`
    rotation,         ///< about the centre by up to `amount` turns
    zoom,             ///< to 1 / (1 - amount) to 1 / (1 + amount) of the size
    translation,      ///< by up to `amount` of the height and `second` of the width
    crop_and_resize,  ///< a part of `amount` to 1 of the area, stretched by 1 / second to second
  };
  Kind kind = Kind::flip;
  double amount = 0;
  std::int32_t fill = 0;  ///< a byte for cutout; where pictures move, a BorderFill
  double second = 0;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
    visit("amount", self.amount);
    visit("fill", self.fill);
    visit("second", self.second);
  }
  friend bool operator==(const PictureStep&, const PictureStep&) = default;
};

namespace detail {

/// Factors are whole multiples of 1/256.
inline constexpr std::int32_t kUnitFactor = 256;

/// Of coordinates and their factors: places are whole multiples of 1/65536 of a pixel.
inline constexpr std::int32_t kUnitPlace = 65536;

/// Pixel (y, x) of a picture comes from a place of the original: with v and u the distances of y
/// and x from the picture's centre, that is the centre + (yy v + yx u + dy, xy v + xx u + dx).
struct PictureMap {
  std::int32_t yy = kUnitPlace, yx = 0, dy = 0;
  std::int32_t xy = 0, xx = kUnitPlace, dx = 0;
};

/// What a step does to one picture: the choices made.
struct PictureChange {
  PictureStep::Kind kind = PictureStep::Kind::flip;
  bool applies = true;                ///< whether it does anything at all
  std::int32_t y = 0, x = 0;          ///< a shift; the upper left corner of a cut-out square
  std::int32_t size = 0;              ///< of that square
  std::int32_t fill = 0;              ///< as the step has it
  std::int32_t factor = kUnitFactor;  ///< of a distance; of brightness: what is added
  PictureMap map;                     ///< of rotation, zoom, translation, crop_and_resize
};

/// -amount to amount, in units of 1/unit, a power of two; amount times unit is at most 2^30. Exact,
/// whether or not products and sums are fused.
template <class Random>
FOVEA_HOST_DEVICE constexpr std::int32_t draw_distance(Random& random, double amount, int unit) {
  constexpr std::int32_t kAbove = 1 << 30;  // to round numbers below zero as those above
  const double distance = (2 * double{random.uniform()} - 1) * amount;
  return static_cast<std::int32_t>(distance * unit + (kAbove + 0.5)) - kAbove;
}

/// 1 - amount to 1 + amount, in units of 1/256.
template <class Random>
FOVEA_HOST_DEVICE constexpr std::int32_t draw_factor(Random& random, double amount) {
  return kUnitFactor + draw_distance(random, amount, kUnitFactor);
}

/// The sine of an angle in 1/65536 of a turn, times 65536; off by less than 1.
FOVEA_HOST_DEVICE constexpr std::int32_t sine(std::int32_t angle) {
  const std::int32_t part = angle & 0x7FFF;  // of half a turn, over which the sine goes up and down
  const std::int64_t z = part <= 0x4000 ? part : 0x8000 - part;  // quarter turns, times 2^14
  const std::int64_t zz = z * z;                                 // times 2^28
  // (pi/2)^k / k! of the Taylor series, times 2^30.
  constexpr std::int64_t kTerm1 = 1686629713, kTerm3 = 693598668, kTerm5 = 85569306,
                         kTerm7 = 5026995, kTerm9 = 172272;
  std::int64_t sum = kTerm7 - ((kTerm9 * zz) >> 28);
  sum = kTerm5 - ((sum * zz) >> 28);
  sum = kTerm3 - ((sum * zz) >> 28);
  sum = kTerm1 - ((sum * zz) >> 28);
  const auto value = static_cast<std::int32_t>((sum * z + (1 << 27)) >> 28);
  return (angle & 0x8000) != 0 ? -value : value;
}

/// The square root, rounded down, of a number from 0 to 2^62 - 1.
FOVEA_HOST_DEVICE constexpr std::int64_t square_root(std::int64_t number) {
  std::int64_t root = 0;
  for (std::int64_t bit = std::int64_t{1} << 30; bit != 0; bit >>= 1) {
    if ((root + bit) * (root + bit) <= number) root += bit;
  }
  return root;
}

/// The map that turns a picture about its centre.
template <class Random>
FOVEA_HOST_DEVICE constexpr PictureMap draw_rotation(Random& random, double amount) {
  const std::int32_t angle = draw_distance(random, amount, kUnitPlace);
  PictureMap map;
  map.yy = map.xx = sine(angle + kUnitPlace / 4);
  map.xy = sine(angle);
  map.yx = -map.xy;
  return map;
}

/// The map that takes in a picture's part, somewhere, with `amount` to 1 of its area.
template <class Random>
FOVEA_HOST_DEVICE constexpr PictureMap draw_crop(Random& random, double amount, double stretch,
                                                 std::int64_t height, std::int64_t width) {
  constexpr std::int64_t kOne = kUnitPlace;
  const double middle = (1 + amount) / 2, around = (1 - amount) / 2;
  const std::int64_t area =
      draw_distance(random, around, kUnitPlace) + static_cast<std::int64_t>(middle * kUnitPlace);
  const double ratio_around = (stretch - 1) / 2;
  const std::int64_t ratio = kOne + draw_distance(random, ratio_around, kUnitPlace) +
                             static_cast<std::int64_t>(ratio_around * kUnitPlace);
  // The long side, sqrt(area ratio), and the short one, sqrt(area / ratio), as parts of a whole.
  std::int64_t tall = square_root(area * ratio), wide = square_root(area * kOne / ratio * kOne);
  if (tall > kOne) tall = kOne;
  if (random.below(2) == 0) {
    const std::int64_t swapped = tall;
    tall = wide;
    wide = swapped;
  }
  const std::int64_t top = random.below(kOne - tall + 1), left = random.below(kOne - wide + 1);
  PictureMap map;
  map.yy = static_cast<std::int32_t>(tall);
  map.xx = static_cast<std::int32_t>(wide);
  map.dy = static_cast<std::int32_t>((2 * top + tall - kOne) * height / 2);
  map.dx = static_cast<std::int32_t>((2 * left + wide - kOne) * width / 2);
  return map;
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
    case Kind::rotation:
      change.map = draw_rotation(random, step.amount);
      break;
    case Kind::zoom:
      change.map.yy += draw_distance(random, step.amount, kUnitPlace);
      change.map.xx = change.map.yy;
      break;
    case Kind::translation:
      change.map.dy =
          static_cast<std::int32_t>(draw_distance(random, step.amount, kUnitPlace) * height);
      change.map.dx =
          static_cast<std::int32_t>(draw_distance(random, step.second, kUnitPlace) * width);
      break;
    case Kind::crop_and_resize:
      change.map = draw_crop(random, step.amount, step.second, height, width);
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

/// Where a pixel comes from: the pixel above and left of the place, and how far the place lies
/// beyond it, in 1/256 of a pixel.
struct PicturePlace {
  std::int32_t y, x, beyond_y, beyond_x;
};

FOVEA_HOST_DEVICE constexpr PicturePlace place_of(const PictureMap& map, std::int32_t y,
                                                  std::int32_t x, std::int32_t height,
                                                  std::int32_t width) {
  const std::int64_t v = 2 * y - (height - 1), u = 2 * x - (width - 1);  // half pixels
  const std::int64_t place_y =
      ((map.yy * v + map.yx * u) >> 1) + map.dy + (height - 1) * std::int64_t{kUnitPlace / 2};
  const std::int64_t place_x =
      ((map.xy * v + map.xx * u) >> 1) + map.dx + (width - 1) * std::int64_t{kUnitPlace / 2};
  PicturePlace place{};
  place.y = static_cast<std::int32_t>(place_y >> 16);
  place.x = static_cast<std::int32_t>(place_x >> 16);
  place.beyond_y = static_cast<std::int32_t>(place_y >> 8) & 255;
  place.beyond_x = static_cast<std::int32_t>(place_x >> 8) & 255;
  return place;
}

/// A byte of the picture, or of its surroundings as a BorderFill says.
FOVEA_HOST_DEVICE constexpr std::int32_t byte_or_fill(const std::uint8_t* source, std::int32_t y,
                                                      std::int32_t x, std::int32_t height,
                                                      std::int32_t width, std::int32_t channels,
                                                      std::int32_t fill) {
  if (fill == 0 && (y < 0 || y >= height || x < 0 || x >= width)) return 0;
  return source[(border_place(y, height, fill) * std::int64_t{width} +
                 border_place(x, width, fill)) *
                channels];
}

/// The byte at a place between four pixels, `source` pointing at the channel of the first pixel.
FOVEA_HOST_DEVICE constexpr std::uint8_t between(const std::uint8_t* source,
                                                 const PicturePlace& place, std::int32_t height,
                                                 std::int32_t width, std::int32_t channels,
                                                 std::int32_t fill) {
  std::int32_t row[2] = {};
  for (std::int32_t down = 0; down < 2; ++down) {
    const std::int32_t y = place.y + down;
    const std::int32_t left = byte_or_fill(source, y, place.x, height, width, channels, fill);
    const std::int32_t right = byte_or_fill(source, y, place.x + 1, height, width, channels, fill);
    row[down] = 256 * left + (right - left) * place.beyond_x;
  }
  const std::int32_t sum = 256 * row[0] + (row[1] - row[0]) * place.beyond_y;
  return static_cast<std::uint8_t>((sum + 32768) >> 16);
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
