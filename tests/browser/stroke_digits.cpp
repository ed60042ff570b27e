#include "tests/browser/stroke_digits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

namespace {

constexpr int kSide = 28;
constexpr double kPi = 3.14159265358979323846;

struct Point {
  double x, y;
};
using Stroke = std::vector<Point>;
using Strokes = std::vector<Stroke>;

/// Part of an ellipse about (x, y), from one angle to another, in quarter turns clockwise from the
/// right.
Stroke arc(Point centre, Point radius, double from, double to) {
  Stroke stroke;
  for (int i = 0; i <= 16; ++i) {
    const double angle = (from + (to - from) * i / 16) * kPi / 2;
    stroke.push_back(
        {centre.x + radius.x * std::cos(angle), centre.y + radius.y * std::sin(angle)});
  }
  return stroke;
}

/// Ways to write each digit in the square from (-1, -1), top left, to (1, 1).
const std::array<std::vector<Strokes>, 10>& ways_to_write() {
  static const std::array<std::vector<Strokes>, 10> ways = {{
      {{arc({0, 0}, {.65, 1}, -1, 3)}},
      {{{{0, -1}, {0, 1}}}, {{{-.35, -.6}, {0, -1}, {0, 1}}}, {{{.25, -1}, {-.25, 1}}}},
      {{arc({0, -.45}, {.6, .55}, -2.2, .6), {{.4, -.05}, {-.65, 1}, {.7, 1}}}},
      {{arc({0, -.5}, {.55, .5}, -2.3, 1), arc({0, .5}, {.65, .5}, -1, 2.2)}},
      {{{{-.1, -1}, {-.65, .25}, {.65, .25}}, {{.35, -.5}, {.25, 1}}},
       {{{-.55, -1}, {-.6, .1}, {.6, .1}}, {{.6, -1}, {.6, 1}}}},
      {{{{.6, -1}, {-.45, -1}, {-.5, -.15}}, arc({0, .4}, {.65, .6}, -2.6, 2.3)}},
      {{{{.4, -1}, {-.3, -.3}, {-.6, .4}}, arc({0, .45}, {.6, .55}, -2, 2)}},
      {{{{-.65, -1}, {.65, -1}, {-.1, 1}}},
       {{{-.65, -1}, {.65, -1}, {-.1, 1}}, {{-.25, 0}, {.55, 0}}}},
      {{arc({0, -.5}, {.5, .5}, -1, 3), arc({0, .5}, {.62, .5}, -1, 3)}},
      {{arc({0, -.4}, {.55, .58}, -.2, 3.8), {{.55, -.4}, {.45, .3}, {.25, 1}}}},
  }};
  return ways;
}

double distance(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y;
  const double length = std::max(dx * dx + dy * dy, 1e-9);
  const double t = std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0);
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

/// One picture: the strokes within a box of 20 x 20, their centre of mass in the middle.
void draw(const Strokes& strokes, double pen, std::uint8_t* picture) {
  double low_x = 1e9, high_x = -1e9, low_y = 1e9, high_y = -1e9;
  for (const Stroke& stroke : strokes) {
    for (const Point& p : stroke) {
      low_x = std::min(low_x, p.x), high_x = std::max(high_x, p.x);
      low_y = std::min(low_y, p.y), high_y = std::max(high_y, p.y);
    }
  }
  const double zoom = (20 - 2 * pen) / std::max(high_x - low_x, high_y - low_y);
  double mass = 0, mass_x = 0, mass_y = 0;
  const auto ink = [&](double x, double y) {  // at a place in pixels about the strokes' middle
    const Point p = {x / zoom + (low_x + high_x) / 2, y / zoom + (low_y + high_y) / 2};
    double nearest = 1e9;
    for (const Stroke& stroke : strokes) {
      for (std::size_t i = 1; i < stroke.size(); ++i) {
        nearest = std::min(nearest, distance(p, stroke[i - 1], stroke[i]));
      }
    }
    return std::clamp(pen + 0.5 - nearest * zoom, 0.0, 1.0);
  };
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const double amount = ink(x - 13.5, y - 13.5);
      mass += amount, mass_x += amount * (x - 13.5), mass_y += amount * (y - 13.5);
    }
  }
  const double right = std::round(mass_x / mass), down = std::round(mass_y / mass);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      picture[y * kSide + x] =
          static_cast<std::uint8_t>(std::lround(255 * ink(x - 13.5 + right, y - 13.5 + down)));
    }
  }
}

}  // namespace

fovea::Dataset make_stroke_digits(std::int64_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto between = [&](double low, double high) {
    return low + (high - low) * static_cast<double>(random()) / 4294967296.0;
  };
  fovea::Dataset digits;
  digits.name = "digits drawn with a pen";
  digits.synthetic = true;
  digits.x = fovea::Tensor::zeros({count, kSide, kSide, 1}, fovea::DType::u8);
  digits.y = fovea::Tensor::zeros({count}, fovea::DType::i32);
  for (std::int64_t n = 0; n < count; ++n) {
    const std::size_t digit = random() % 10;
    const std::vector<Strokes>& ways = ways_to_write()[digit];
    Strokes strokes = ways[random() % ways.size()];
    const double slant = between(-.1, .4), turn = between(-.2, .2), width = between(.65, 1.05);
    for (Stroke& stroke : strokes) {
      for (Point& p : stroke) {
        const double x = width * p.x - slant * p.y + between(-.04, .04);
        const double y = p.y + between(-.04, .04);
        p = {x * std::cos(turn) - y * std::sin(turn), x * std::sin(turn) + y * std::cos(turn)};
      }
    }
    digits.y.data<std::int32_t>()[n] = static_cast<std::int32_t>(digit);
    draw(strokes, between(.8, 1.8), digits.x.data<std::uint8_t>() + n * kSide * kSide);
  }
  return digits;
}
