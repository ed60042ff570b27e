// Augmentation: what each transform may and may not do to a picture, and reproducible choices.
#include <algorithm>
#include <cmath>
#include <set>

#include "tests/data/data_test_support.h"

namespace fovea::test {
namespace {

constexpr std::int64_t kHeight = 12, kWidth = 10, kChannels = 3;
const Shape kShape{kHeight, kWidth, kChannels};

/// A picture of one colour per pixel, none of them black: channel 0 is the row, channel 1 the
/// column, counted from 1.
Bytes picture() {
  Bytes bytes;
  for (std::int64_t y = 0; y < kHeight; ++y) {
    for (std::int64_t x = 0; x < kWidth; ++x) {
      bytes.push_back(static_cast<std::uint8_t>(y + 1));
      bytes.push_back(static_cast<std::uint8_t>(x + 1));
      bytes.push_back(200);
    }
  }
  return bytes;
}

Bytes augmented(const Augmentation& augmentation, std::int64_t position, std::uint64_t seed = 0,
                std::int64_t epoch = 0, const Bytes& source = picture()) {
  Bytes target(source.size(), 77), scratch(source.size(), 78);
  augmentation.apply(source.data(), target.data(), scratch.data(), kShape, seed, epoch, position);
  return target;
}

int at(const Bytes& bytes, std::int64_t y, std::int64_t x, std::int64_t c) {
  return bytes[static_cast<std::size_t>((y * kWidth + x) * kChannels + c)];
}

TEST(Augmentation, FlippingTwiceIsTheIdentity) {
  const Augmentation flip = Augmentation().random_flip(1);
  const Bytes once = augmented(flip, 0);
  for (std::int64_t y = 0; y < kHeight; ++y) {
    for (std::int64_t x = 0; x < kWidth; ++x) {
      ASSERT_EQ(at(once, y, x, 0), y + 1);
      ASSERT_EQ(at(once, y, x, 1), kWidth - x);
      ASSERT_EQ(at(once, y, x, 2), 200) << "channels keep their order";
    }
  }
  EXPECT_EQ(augmented(flip, 0, 0, 0, once), picture());
  EXPECT_EQ(augmented(Augmentation().random_flip(1).random_flip(1), 0), picture());
}

TEST(Augmentation, FlipsWithItsProbability) {
  EXPECT_EQ(augmented(Augmentation().random_flip(0), 3), picture());
  const Augmentation flip = Augmentation().random_flip(.25);
  int flipped = 0;
  for (std::int64_t i = 0; i < 2000; ++i) flipped += augmented(flip, i) != picture();
  EXPECT_NEAR(flipped, 500, 80) << "four standard deviations";
}

TEST(Augmentation, TopAndBottomAreExchanged) {
  const Augmentation flip = Augmentation().random_vertical_flip(1);
  const Bytes once = augmented(flip, 0);
  for (std::int64_t y = 0; y < kHeight; ++y) {
    for (std::int64_t x = 0; x < kWidth; ++x) {
      ASSERT_EQ(at(once, y, x, 0), kHeight - y);
      ASSERT_EQ(at(once, y, x, 1), x + 1);
    }
  }
  EXPECT_EQ(augmented(flip, 0, 0, 0, once), picture());
}

TEST(Augmentation, BrightnessAddsOneNumberToAllBytes) {
  const Bytes grey(picture().size(), 128);
  std::set<int> added;
  for (std::int64_t i = 0; i < 200; ++i) {
    const Bytes bytes = augmented(Augmentation().random_brightness(0.2), i, 0, 0, grey);
    EXPECT_EQ(bytes, Bytes(bytes.size(), bytes.front()));
    EXPECT_NEAR(bytes.front(), 128, 0.2 * 255 + 0.5);
    added.insert(bytes.front());
  }
  EXPECT_LT(*added.begin(), 128 - 40);
  EXPECT_GT(*added.rbegin(), 128 + 40);
  for (const std::uint8_t byte : augmented(Augmentation().random_brightness(1), 3)) {
    EXPECT_GE(byte, 0) << "it ends at black and white";
  }
}

/// What became of a byte's distance from `base`, over that distance.
double stretch(int base, int before, int after) { return double(after - base) / (before - base); }

TEST(Augmentation, ContrastStretchesDistancesFromTheChannelsMean) {
  Bytes bytes = picture();
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = i / 3 % 2 == 0 ? 60 : 140;  // mean 100
  double least = 2, most = 0;
  for (std::int64_t i = 0; i < 200; ++i) {
    const Bytes changed = augmented(Augmentation().random_contrast(0.5), i, 0, 0, bytes);
    const double factor = stretch(100, 140, changed[3]);
    EXPECT_NEAR(stretch(100, 60, changed[0]), factor, 0.03);
    EXPECT_EQ(changed[0], changed[6]);
    least = std::min(least, factor);
    most = std::max(most, factor);
  }
  EXPECT_NEAR(least, 0.5, 0.05);
  EXPECT_NEAR(most, 1.5, 0.05);
}

TEST(Augmentation, SaturationStretchesDistancesFromGrey) {
  Bytes bytes = picture();
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    bytes[i] = 150, bytes[i + 1] = 100, bytes[i + 2] = 50;
  }
  const int grey = 109;  // .299 * 150 + .587 * 100 + .114 * 50 = 109.25
  for (std::int64_t i = 0; i < 50; ++i) {
    const Bytes changed = augmented(Augmentation().random_saturation(0.75), i, 0, 0, bytes);
    const double factor = stretch(grey, 50, changed[2]);
    EXPECT_NEAR(stretch(grey, 150, changed[0]), factor, 0.03);
    EXPECT_NEAR(factor, 1, 0.75 + 0.03);
  }
  const Bytes colourless = augmented(Augmentation().random_grayscale(1), 0, 0, 0, bytes);
  EXPECT_EQ(colourless, Bytes(bytes.size(), grey));
}

/// The shift of a cropped picture, read off a pixel that came from inside of it.
struct Shift {
  std::int64_t dy, dx;
};
Shift shift_of(const Bytes& bytes) {
  return {at(bytes, kHeight / 2, kWidth / 2, 0) - 1 - kHeight / 2,
          at(bytes, kHeight / 2, kWidth / 2, 1) - 1 - kWidth / 2};
}

// Pictures that rise evenly along an axis tell where each of their pixels came from, also between
// pixels.
constexpr std::int64_t kTall = 40, kWide = 24;

struct Place {
  double y, x;
};

/// Where the pixels of a moved picture came from; those from outside are zeros.
class Origins {
 public:
  Origins(const Augmentation& augmentation, std::int64_t position) {
    Bytes bytes;
    for (std::int64_t y = 0; y < kTall; ++y) {
      for (std::int64_t x = 0; x < kWide; ++x) {
        bytes.push_back(static_cast<std::uint8_t>(5 * y + 10));
        bytes.push_back(static_cast<std::uint8_t>(9 * x + 10));
      }
    }
    moved_.resize(bytes.size());
    Bytes scratch(bytes.size());
    augmentation.apply(bytes.data(), moved_.data(), scratch.data(), {kTall, kWide, 2}, 0, 0,
                       position);
  }

  Place at(std::int64_t y, std::int64_t x) const {
    const std::uint8_t* pixel = &moved_[static_cast<std::size_t>((y * kWide + x) * 2)];
    return {(pixel[0] - 10) / 5., (pixel[1] - 10) / 9.};
  }

  /// Expects the map `from` wherever it leads to the picture's inside, to the rounding of bytes, of
  /// which maps are read, too.
  template <class Map>
  void expect(const Map& from) const {
    for (std::int64_t y = 0; y < kTall; ++y) {
      for (std::int64_t x = 0; x < kWide; ++x) {
        const Place place =
            from(static_cast<double>(y) - kMiddleY, static_cast<double>(x) - kMiddleX);
        if (place.y < 0 || place.y > kTall - 1 || place.x < 0 || place.x > kWide - 1) continue;
        ASSERT_NEAR(at(y, x).y, place.y, 0.4) << y << ", " << x;
        ASSERT_NEAR(at(y, x).x, place.x, 0.4) << y << ", " << x;
      }
    }
  }

  static constexpr double kMiddleY = (kTall - 1) / 2., kMiddleX = (kWide - 1) / 2.;

 private:
  Bytes moved_;
};

TEST(Augmentation, RotationTurnsAboutTheCentre) {
  double least = 1, most = -1;
  for (std::int64_t i = 0; i < 100; ++i) {
    const Origins origins(Augmentation().random_rotation(0.1), i);
    const Place right = origins.at(kTall / 2, kWide / 2 + 10),
                left = origins.at(kTall / 2, kWide / 2 - 10);
    const double angle = std::atan2(right.y - left.y, right.x - left.x);
    origins.expect([&](double v, double u) {
      return Place{Origins::kMiddleY + v * std::cos(angle) + u * std::sin(angle),
                   Origins::kMiddleX - v * std::sin(angle) + u * std::cos(angle)};
    });
    least = std::min(least, angle);
    most = std::max(most, angle);
  }
  const double limit = 0.1 * 2 * std::acos(-1.);
  EXPECT_NEAR(least, -limit, 0.1);
  EXPECT_NEAR(most, limit, 0.1);
}

TEST(Augmentation, ZoomKeepsTheCentreAndTheProportions) {
  double least = 2, most = 0;
  for (std::int64_t i = 0; i < 100; ++i) {
    const Origins origins(Augmentation().random_zoom(0.5), i);
    const double factor = (origins.at(kTall / 2 + 10, 0).y - origins.at(kTall / 2 - 10, 0).y) / 20;
    origins.expect([&](double v, double u) {
      return Place{Origins::kMiddleY + factor * v, Origins::kMiddleX + factor * u};
    });
    least = std::min(least, factor);
    most = std::max(most, factor);
  }
  EXPECT_NEAR(least, 0.5, 0.05);
  EXPECT_NEAR(most, 1.5, 0.05);
}

TEST(Augmentation, TranslationMovesByPartsOfHeightAndWidth) {
  double farthest_y = 0, farthest_x = 0;
  for (std::int64_t i = 0; i < 200; ++i) {
    const Origins origins(Augmentation().random_translation(0.25, 0.125), i);
    const Place middle = origins.at(kTall / 2, kWide / 2);
    const double dy = middle.y - kTall / 2, dx = middle.x - kWide / 2;
    origins.expect([&](double v, double u) {
      return Place{Origins::kMiddleY + v + dy, Origins::kMiddleX + u + dx};
    });
    farthest_y = std::max(farthest_y, std::abs(dy));
    farthest_x = std::max(farthest_x, std::abs(dx));
  }
  EXPECT_NEAR(farthest_y, 10, 0.5);
  EXPECT_NEAR(farthest_x, 3, 0.3);
}

TEST(Augmentation, CropsAreOfTheAreaAndStretchAskedFor) {
  double smallest = 1, tallest = 0, widest = 0;
  for (std::int64_t i = 0; i < 300; ++i) {
    const Origins origins(Augmentation().random_crop_and_resize(0.25, 1.5), i);
    const Place first = origins.at(5, 5), last = origins.at(kTall - 6, kWide - 6);
    const double tall = (last.y - first.y) / (kTall - 11), wide = (last.x - first.x) / (kWide - 11);
    const double top = first.y - 5.5 * tall + 0.5, left = first.x - 5.5 * wide + 0.5;
    EXPECT_GT(top, -0.4);
    EXPECT_LT(top + tall * kTall, kTall + 0.4);
    EXPECT_GT(left, -0.4);
    EXPECT_LT(left + wide * kWide, kWide + 0.4);
    origins.expect([&](double v, double u) {
      return Place{top - 0.5 + tall * (v + kTall / 2.), left - 0.5 + wide * (u + kWide / 2.)};
    });
    smallest = std::min(smallest, tall * wide);
    tallest = std::max(tallest, tall / wide);
    widest = std::max(widest, wide / tall);
  }
  EXPECT_NEAR(smallest, 0.25, 0.03);
  EXPECT_NEAR(tallest, 1.5, 0.05);
  EXPECT_NEAR(widest, 1.5, 0.05);
}

TEST(Augmentation, MovingByNothingChangesNothing) {
  for (const BorderFill fill : {BorderFill::zeros, BorderFill::reflect, BorderFill::nearest}) {
    EXPECT_EQ(augmented(Augmentation().random_rotation(0, fill), 3), picture());
    EXPECT_EQ(augmented(Augmentation().random_rotation(1, fill), 3) == picture(), false);
    EXPECT_EQ(augmented(Augmentation().random_zoom(0, fill), 3), picture());
    EXPECT_EQ(augmented(Augmentation().random_translation(0, 0, fill), 3), picture());
  }
  EXPECT_EQ(augmented(Augmentation().random_crop_and_resize(1, 1), 3), picture());
}

TEST(Augmentation, WhatComesInFromOutsideIsAsAskedFor) {
  const Bytes white(picture().size(), 250);
  const auto darkest = [&](BorderFill fill) {
    const Bytes moved = augmented(Augmentation().random_translation(1, 1, fill), 1, 0, 0, white);
    return *std::min_element(moved.begin(), moved.end());
  };
  EXPECT_EQ(darkest(BorderFill::zeros), 0);
  EXPECT_EQ(darkest(BorderFill::reflect), 250);
  EXPECT_EQ(darkest(BorderFill::nearest), 250);
  // Nearest repeats the border's pixels.
  const Bytes cropped = augmented(Augmentation().pad_and_crop(3, BorderFill::nearest), 4);
  const Shift shift = shift_of(cropped);
  ASSERT_NE(shift.dy, 0);
  for (std::int64_t y = 0; y < kHeight; ++y) {
    const std::int64_t from = std::clamp<std::int64_t>(y + shift.dy, 0, kHeight - 1);
    EXPECT_EQ(at(cropped, y, 0, 0), from + 1);
  }
}

TEST(Augmentation, TellsItsStepsUnlessOneIsTheProgramsOwn) {
  Augmentation augmentation;
  augmentation.random_flip(0.25).pad_and_crop(4, BorderFill::reflect).random_contrast(0.5);
  const std::vector<PictureStep> expected = {{PictureStep::Kind::flip, 0.25},
                                             {PictureStep::Kind::shift, 4, 1},
                                             {PictureStep::Kind::contrast, 0.5}};
  EXPECT_EQ(augmentation.built_in_steps().value(), expected);
  augmentation.add("mine", [](const std::uint8_t*, std::uint8_t*, const Shape&, PictureRandom&) {});
  EXPECT_FALSE(augmentation.built_in_steps().has_value());
}

TEST(Augmentation, CropIsAShiftPaddedWithZeros) {
  const Augmentation crop = Augmentation().pad_and_crop(3);
  std::set<std::pair<std::int64_t, std::int64_t>> shifts;
  for (std::int64_t i = 0; i < 1000; ++i) {
    const Bytes bytes = augmented(crop, i);
    const Shift shift = shift_of(bytes);
    ASSERT_LE(std::abs(shift.dy), 3);
    ASSERT_LE(std::abs(shift.dx), 3);
    shifts.insert({shift.dy, shift.dx});
    for (std::int64_t y = 0; y < kHeight; ++y) {
      for (std::int64_t x = 0; x < kWidth; ++x) {
        const std::int64_t from_y = y + shift.dy, from_x = x + shift.dx;
        const bool inside = from_y >= 0 && from_y < kHeight && from_x >= 0 && from_x < kWidth;
        ASSERT_EQ(at(bytes, y, x, 0), inside ? from_y + 1 : 0);
        ASSERT_EQ(at(bytes, y, x, 1), inside ? from_x + 1 : 0);
      }
    }
  }
  EXPECT_EQ(shifts.size(), 49u) << "every shift occurs";
}

TEST(Augmentation, CropCanMirrorAboutTheBorder) {
  const Augmentation crop = Augmentation().pad_and_crop(4, BorderFill::reflect);
  const auto mirrored = [](std::int64_t i, std::int64_t size) {
    return i < 0 ? -i : i >= size ? 2 * size - 2 - i : i;
  };
  for (std::int64_t i = 0; i < 200; ++i) {
    const Bytes bytes = augmented(crop, i);
    const Shift shift = shift_of(bytes);
    for (std::int64_t y = 0; y < kHeight; ++y) {
      for (std::int64_t x = 0; x < kWidth; ++x) {
        ASSERT_EQ(at(bytes, y, x, 0), mirrored(y + shift.dy, kHeight) + 1);
        ASSERT_EQ(at(bytes, y, x, 1), mirrored(x + shift.dx, kWidth) + 1);
      }
    }
  }
}

/// A wide picture, turned, looks far over its upper and lower borders.
TEST(Augmentation, MirrorsAsOftenAsItTakes) {
  constexpr std::int64_t kRows = 4, kColumns = 40;
  Bytes bytes;
  for (std::int64_t i = 0; i < kRows * kColumns; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(60 * (i / kColumns)));
  }
  Bytes moved(bytes.size()), scratch(bytes.size());
  for (std::int64_t place = -30; place < 30; ++place) {
    std::int64_t walked = 0, step = 1;  // to and fro between the borders
    for (std::int64_t i = 0; i < std::abs(place); ++i) {
      if (walked + step < 0 || walked + step >= kRows) step = -step;
      walked += step;
    }
    EXPECT_EQ(detail::border_place<std::int64_t>(place, kRows, 1), walked) << place;
  }
  const Augmentation turn = Augmentation().random_rotation(0.25);
  std::set<int> values;
  for (std::int64_t i = 0; i < 20; ++i) {
    turn.apply(bytes.data(), moved.data(), scratch.data(), {kRows, kColumns, 1}, 0, 0, i);
    values.insert(moved.front());
  }
  EXPECT_GT(values.size(), 10U) << "the corner is no smear of one row";
}

TEST(Augmentation, CropWithoutPaddingChangesNothing) {
  EXPECT_EQ(augmented(Augmentation().pad_and_crop(0), 5), picture());
}

TEST(Augmentation, PaddingMayExceedThePicture) {
  const Augmentation crop = Augmentation().pad_and_crop(100);
  for (std::int64_t i = 0; i < 50; ++i) EXPECT_EQ(augmented(crop, i).size(), picture().size());
}

TEST(Augmentation, CutoutFillsOneSquareAndNothingElse) {
  const Augmentation cutout = Augmentation().cutout(5, 9);
  std::set<int> areas;
  for (std::int64_t i = 0; i < 500; ++i) {
    const Bytes bytes = augmented(cutout, i);
    int area = 0;
    std::int64_t top = kHeight, bottom = -1, left = kWidth, right = -1;
    for (std::int64_t y = 0; y < kHeight; ++y) {
      for (std::int64_t x = 0; x < kWidth; ++x) {
        if (at(bytes, y, x, 2) == 200) {
          ASSERT_EQ(at(bytes, y, x, 0), y + 1);
          ASSERT_EQ(at(bytes, y, x, 1), x + 1);
          continue;
        }
        for (int c = 0; c < 3; ++c) ASSERT_EQ(at(bytes, y, x, c), 9);
        ++area;
        top = std::min(top, y), bottom = std::max(bottom, y);
        left = std::min(left, x), right = std::max(right, x);
      }
    }
    ASSERT_EQ(area, (bottom - top + 1) * (right - left + 1)) << "a full rectangle";
    ASSERT_GE(area, 3 * 3) << "its centre lies in the picture";
    ASSERT_LE(area, 5 * 5);
    areas.insert(area);
  }
  EXPECT_EQ(*areas.rbegin(), 25);
  EXPECT_EQ(*areas.begin(), 9);
}

TEST(Augmentation, ChoicesDependOnSeedEpochAndPositionOnly) {
  const Augmentation all = Augmentation().random_flip().pad_and_crop(4).cutout(3);
  int same_position = 0, same_epoch = 0, same_seed = 0;
  for (std::int64_t i = 0; i < 100; ++i) {
    const Bytes bytes = augmented(all, i, 1, 2);
    ASSERT_EQ(augmented(all, i, 1, 2), bytes);
    same_position += augmented(all, i + 1, 1, 2) == bytes;
    same_epoch += augmented(all, i, 1, 3) == bytes;
    same_seed += augmented(all, i, 2, 2) == bytes;
  }
  EXPECT_LT(same_position, 5);
  EXPECT_LT(same_epoch, 5);
  EXPECT_LT(same_seed, 5);
}

TEST(Augmentation, AFurtherStepLeavesTheChoicesOfTheOthers) {
  const Augmentation crop = Augmentation().pad_and_crop(4);
  const Augmentation both = Augmentation().pad_and_crop(4).random_flip(0);
  for (std::int64_t i = 0; i < 50; ++i) EXPECT_EQ(augmented(both, i), augmented(crop, i));
}

TEST(Augmentation, TakesTransformsOfTheUser) {
  Augmentation invert;
  invert.add("invert", [](const std::uint8_t* source, std::uint8_t* target, const Shape& shape,
                          PictureRandom&) {
    for (std::int64_t i = 0; i < shape.numel(); ++i) {
      target[i] = static_cast<std::uint8_t>(255 - source[i]);
    }
  });
  EXPECT_EQ(augmented(invert, 0)[0], 254);
  EXPECT_EQ(invert.str(), "invert");
  EXPECT_EQ(augmented(Augmentation(), 0), picture()) << "no steps, no change";
}

TEST(Augmentation, DescribesItself) {
  EXPECT_EQ(Augmentation().str(), "none");
  EXPECT_TRUE(Augmentation().empty());
  EXPECT_EQ(Augmentation().random_flip().pad_and_crop(4, BorderFill::reflect).cutout(8).str(),
            "random_flip(0.5), pad_and_crop(4, reflect), cutout(8, 0)");
}

TEST(Augmentation, RefusesBadParametersAndTensors) {
  expect_error(ErrorCode::invalid_argument, {"1.5 is not a probability"},
               [] { Augmentation().random_flip(1.5); });
  expect_error(ErrorCode::invalid_argument, {"pad_and_crop", "-1"},
               [] { Augmentation().pad_and_crop(-1); });
  expect_error(ErrorCode::invalid_argument, {"cutout", "0"}, [] { Augmentation().cutout(0); });
  expect_error(ErrorCode::invalid_argument, {"random_contrast", "between 0 and 1, not 1.5"},
               [] { Augmentation().random_contrast(1.5); });
  expect_error(ErrorCode::invalid_argument, {"random_rotation(2, reflect)", "turns"},
               [] { Augmentation().random_rotation(2); });
  expect_error(ErrorCode::invalid_argument, {"random_zoom(1, reflect)", "0.95"},
               [] { Augmentation().random_zoom(1); });
  expect_error(ErrorCode::invalid_argument, {"random_translation(0.5, -1, zeros)", "width"},
               [] { Augmentation().random_translation(0.5, -1, BorderFill::zeros); });
  expect_error(ErrorCode::invalid_argument, {"random_crop_and_resize(0, 1)", "area"},
               [] { Augmentation().random_crop_and_resize(0, 1); });
  expect_error(ErrorCode::invalid_argument, {"stretch", "not 0.5"},
               [] { Augmentation().random_crop_and_resize(0.5, 0.5); });
  expect_error(ErrorCode::invalid_argument, {"\"mine\" has no function"},
               [] { Augmentation().add("mine", nullptr); });
  const Augmentation flip = Augmentation().random_flip();
  expect_error(ErrorCode::invalid_argument, {"f32", "leave pixels as u8"}, [&] {
    flip.check(Tensor::zeros({4, 8, 8, 3}));
  });
  expect_error(ErrorCode::invalid_argument, {"(N, H, W, C)", "(4, 64)"}, [&] {
    flip.check(Tensor::zeros({4, 64}, DType::u8));
  });
  expect_error(ErrorCode::invalid_argument, {"pad_and_crop(8, reflect)", "9x9", "8x16"}, [] {
    Augmentation()
        .pad_and_crop(8, BorderFill::reflect)
        .check(Tensor::zeros({1, 8, 16, 3}, DType::u8));
  });
  expect_error(ErrorCode::invalid_argument, {"random_saturation(0.5)", "3 channels", "not 1"}, [] {
    Augmentation().random_saturation(0.5).check(Tensor::zeros({1, 8, 16, 1}, DType::u8));
  });
  expect_error(ErrorCode::invalid_argument, {"cutout(9, 0)", "9x9", "8x16"}, [] {
    Augmentation().cutout(9).check(Tensor::zeros({1, 8, 16, 3}, DType::u8));
  });
}

}  // namespace
}  // namespace fovea::test
