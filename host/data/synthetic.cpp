// The built-in data set: shapes and patterns drawn with random place, size, colours and noise.
//
// What tells the classes apart is local form alone. Place, size, colours, and whether the figure is
// lighter or darker than its background are all random, so no pixel's value, nor any weighted sum
// of pixels, says much about the class. Only integers are used: no rounding differs anywhere.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "fovea/data.h"
#include "fovea/detail/philox.h"

namespace fovea {
namespace {

constexpr int kSide = 32;
constexpr int kChannels = 3;
constexpr std::size_t kPictureBytes = kSide * kSide * kChannels;
constexpr int kMinRadius = 8;
constexpr int kMaxRadius = 10;
constexpr int kMinCentre = 10;  // of both coordinates; the largest figure still fits in
constexpr int kMaxCentre = 20;
constexpr int kMinContrast = 60;  // of the brightness, on the scale 0 to 255
constexpr int kGradient = 40;     // largest change of a channel from left to right
constexpr int kNoise = 48;        // largest deviation of a pixel's channel

enum class Figure { disc, ring, square, frame, diamond, triangle, plus, cross, rows, columns };
constexpr int kClasses = 10;

using Colour = std::array<int, kChannels>;

/// Where and how a figure is drawn; lengths in pixels.
struct Placement {
  int x = 0, y = 0;   // the centre
  int radius = 0;     // half of the figure's extent
  int line = 0;       // thickness of lines, width of stripes
  bool flip = false;  // upside down
};

/// Whether the pixel (dx, dy) away from the centre belongs to the figure.
bool inside(Figure figure, const Placement& at, int dx, int dy) {
  const int r = at.radius;
  const int ax = std::abs(dx), ay = std::abs(dy);
  const int inner = r - at.line;
  if (std::max(ax, ay) > r) return false;
  switch (figure) {
    case Figure::disc:
      return dx * dx + dy * dy <= r * r;
    case Figure::ring:
      return dx * dx + dy * dy <= r * r && dx * dx + dy * dy > inner * inner;
    case Figure::square:
      return true;
    case Figure::frame:
      return std::max(ax, ay) > inner;
    case Figure::diamond:
      return ax + ay <= r;
    case Figure::triangle:
      return 2 * ax <= r + (at.flip ? -dy : dy);
    case Figure::plus:
      return std::min(ax, ay) < at.line - 1;
    case Figure::cross:
      return std::abs(ax - ay) < at.line;
    case Figure::rows:
      return (dy + r) / at.line % 2 == 0;
    case Figure::columns:
      return (dx + r) / at.line % 2 == 0;
  }
  return false;
}

/// Uniform in [first, last].
int between(PictureRandom& random, int first, int last) {
  return first + static_cast<int>(random.below(last - first + 1));
}

Colour random_colour(PictureRandom& random) {
  return {between(random, 0, 255), between(random, 0, 255), between(random, 0, 255)};
}

int brightness(const Colour& c) { return (c[0] + 2 * c[1] + c[2]) / 4; }

/// A colour whose brightness differs visibly from that of both others.
Colour contrasting_colour(PictureRandom& random, const Colour& a, const Colour& b) {
  while (true) {
    const Colour colour = random_colour(random);
    if (std::abs(brightness(colour) - brightness(a)) >= kMinContrast &&
        std::abs(brightness(colour) - brightness(b)) >= kMinContrast) {
      return colour;
    }
  }
}

/// Adds noise of a triangular distribution to every byte of a picture.
void add_noise(std::uint8_t* picture, std::uint64_t key, std::uint64_t position) {
  for (std::size_t i = 0; i < kPictureBytes; i += 8) {
    const detail::Philox4 block = detail::philox4x32(key, position, i);
    for (std::size_t j = 0; j < 8; ++j) {
      const std::uint32_t bits = block.word[j / 2] >> (16 * (j % 2));
      const int deviation = static_cast<int>(bits & 255) - static_cast<int>(bits >> 8 & 255);
      const int value = picture[i + j] + deviation * kNoise / 256;
      picture[i + j] = static_cast<std::uint8_t>(std::clamp(value, 0, 255));
    }
  }
}

Placement random_placement(PictureRandom& random) {
  Placement at;
  at.radius = between(random, kMinRadius, kMaxRadius);
  at.line = between(random, 2, 3);
  at.x = between(random, kMinCentre, kMaxCentre);
  at.y = between(random, kMinCentre, kMaxCentre);
  at.flip = between(random, 0, 1) == 1;
  return at;
}

void draw(std::uint8_t* picture, Figure figure, PictureRandom random) {
  const Colour left = random_colour(random);
  Colour right = left;
  for (int& channel : right)
    channel = std::clamp(channel + between(random, -kGradient, kGradient), 0, 255);
  const Colour colour = contrasting_colour(random, left, right);
  const Placement at = random_placement(random);

  std::array<Colour, kSide> background;  // changes gently from left to right
  for (int x = 0; x < kSide; ++x) {
    for (std::size_t c = 0; c < kChannels; ++c) {
      background[static_cast<std::size_t>(x)][c] =
          (left[c] * (kSide - 1 - x) + right[c] * x) / (kSide - 1);
    }
  }
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const bool covered = inside(figure, at, x - at.x, y - at.y);
      for (int value : covered ? colour : background[static_cast<std::size_t>(x)]) {
        *picture++ = static_cast<std::uint8_t>(value);
      }
    }
  }
}

Dataset make_part(std::uint64_t seed, std::int64_t count, const char* part) {
  Dataset data;
  data.name = detail::concat("synthetic ", part);
  data.synthetic = true;
  data.class_names = {"disc",     "ring", "square", "frame", "diamond",
                      "triangle", "plus", "cross",  "rows",  "columns"};
  data.x = Tensor({count, kSide, kSide, kChannels}, DType::u8);
  data.y = Tensor({count}, DType::i32);
  auto* picture = data.x.data<std::uint8_t>();
  auto* labels = data.y.data<std::int32_t>();
  const std::uint64_t key = detail::mix_key(seed, detail::path_key(data.name));
  const std::uint64_t label_key = detail::mix_key(key, 1);
  const std::uint64_t noise_key = detail::mix_key(key, 2);
  for (std::int64_t i = 0; i < count; ++i, picture += kPictureBytes) {
    const auto position = static_cast<std::uint64_t>(i);
    // A shuffled 0, 1, ..., 9, 0, 1, ...: all classes are equally frequent to within one.
    labels[i] = static_cast<std::int32_t>(
        detail::permute_index(position, static_cast<std::uint64_t>(count), label_key) % kClasses);
    draw(picture, static_cast<Figure>(labels[i]), PictureRandom(key, position));
    add_noise(picture, noise_key, position);
  }
  return data;
}

}  // namespace

TrainTest make_synthetic(std::uint64_t seed, std::int64_t train_count, std::int64_t test_count) {
  FOVEA_REQUIRE(train_count >= 1 && test_count >= 1, invalid_argument,
                "the synthetic data set needs at least one sample for training and one for "
                "testing, not ",
                train_count, " and ", test_count);
  return {make_part(seed, train_count, "train"), make_part(seed, test_count, "test")};
}

}  // namespace fovea
