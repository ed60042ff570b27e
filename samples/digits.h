// Digits for trying things out where MNIST is not at hand: ten glyphs, drawn at random places and
// with random brightness and noise, in MNIST's format.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string_view>

#include "fovea/data.h"

/// Pictures (N, 28, 28, 1) u8 with labels 0 to 9. The same seed gives the same pictures everywhere.
inline fovea::Dataset make_digits(std::int64_t count, std::uint32_t seed) {
  constexpr int kSide = 28, kRows = 7, kColumns = 5, kZoom = 3;
  constexpr std::array<std::string_view, 10> kGlyphs = {
      ".###.#...##..###.#.###..##...#.###.", "..#...##....#....#....#....#...###.",
      ".###.#...#....#..##..#...#....#####", ".###.#...#....#..##.....##...#.###.",
      "...#...##..#.#.#..#.#####...#....#.", "######....####.....#....##...#.###.",
      "..##..#...#....####.#...##...#.###.", "#####....#...#...#...#....#....#...",
      ".###.#...##...#.###.#...##...#.###.", ".###.#...##...#.####....#...#..##.."};
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t limit) { return static_cast<int>(random() % limit); };
  fovea::Dataset digits;
  digits.name = "built-in digits";
  digits.synthetic = true;
  digits.x = fovea::Tensor::zeros({count, kSide, kSide, 1}, fovea::DType::u8);
  digits.y = fovea::Tensor::zeros({count}, fovea::DType::i32);
  for (std::int64_t n = 0; n < count; ++n) {
    const int digit = below(10), top = 2 + below(4), left = 4 + below(6), bright = 150 + below(80);
    digits.y.data<std::int32_t>()[n] = digit;
    std::uint8_t* picture = digits.x.data<std::uint8_t>() + n * kSide * kSide;
    for (int y = 0; y < kSide; ++y) {
      for (int x = 0; x < kSide; ++x) {
        const int row = (y - top) / kZoom, column = (x - left) / kZoom;
        const bool inside = y >= top && x >= left && row < kRows && column < kColumns;
        const auto cell = static_cast<std::size_t>(row * kColumns + column);
        const bool ink = inside && kGlyphs[static_cast<std::size_t>(digit)][cell] == '#';
        picture[y * kSide + x] = static_cast<std::uint8_t>((ink ? bright : 0) + below(25));
      }
    }
  }
  return digits;
}
