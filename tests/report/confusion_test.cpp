// The heat map of a confusion matrix.
#include <gtest/gtest.h>

#include "tests/report/markup.h"
#include "tests/support/expect_error.h"

namespace fovea {
namespace {

const std::vector<std::string> kNames = {"cat", "dog", "<ship>"};

Tensor make_matrix() {
  return Tensor::from<std::int64_t>({3, 3}, {70, 20, 10, 5, 85, 10, 0, 3, 897});
}

TEST(DrawConfusionMatrix, HasCountsAndNames) {
  const auto elements = test::parse_svg(draw_confusion_matrix(make_matrix(), kNames));
  for (const char* text : {"70", "20", "10", "5", "85", "0", "3", "897", "cat", "dog", "<ship>",
                           "true class", "predicted class", "Confusion matrix"}) {
    EXPECT_TRUE(test::has_text(elements, text)) << text;
  }
  const auto shares =
      test::parse_svg(draw_confusion_matrix(make_matrix(), kNames, {.shares = true}));
  for (const char* text : {"70", "20", "99.7", "0.3"}) {
    EXPECT_TRUE(test::has_text(shares, text)) << text;
  }
}

TEST(DrawConfusionMatrix, FullerColoursAreLargerCounts) {
  FOVEA_NEEDS_PIXELS();
  const Tensor matrix = make_matrix();
  const Picture picture = draw_confusion_matrix(matrix, kNames);
  const auto group = test::of_class(test::parse_svg(picture), "fv-matrix").at(0);
  const Tensor image = test::rasterize(picture);
  std::vector<std::pair<double, int>> by_count;
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 3; ++column) {
      // Beside the number.
      const double cell = group.number("data-cell");
      const test::Color color = test::pixel(image, group.number("data-left") + column * cell + 4,
                                            group.number("data-top") + row * cell + 4);
      by_count.emplace_back(matrix.item(3 * row + column), color[0] + color[1] + color[2]);
    }
  }
  std::sort(by_count.begin(), by_count.end());
  for (std::size_t i = 1; i < by_count.size(); ++i) {
    if (by_count[i].first == by_count[i - 1].first) {
      EXPECT_EQ(by_count[i].second, by_count[i - 1].second);
    } else {
      EXPECT_LT(by_count[i].second, by_count[i - 1].second) << by_count[i].first;
    }
  }
  EXPECT_EQ(by_count.front().second, 3 * 255);  // nothing is white
}

TEST(DrawConfusionMatrix, TakesAHundredClasses) {
  Tensor matrix = Tensor::zeros({100, 100}, DType::i64);
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) {
    matrix.data<std::int64_t>()[101 * i] = 50 + i;
    matrix.data<std::int64_t>()[100 * i + 3] += i;
    names.push_back("a class with quite a long name " + std::to_string(i));
  }
  const Picture picture = draw_confusion_matrix(matrix, names);
  EXPECT_NO_THROW(test::parse_svg(picture));
  EXPECT_LT(picture.svg.size(), 60000U);
  EXPECT_LT(picture.width, 1200);
}

TEST(DrawConfusionMatrix, TakesNothingButZeros) {
  EXPECT_NO_THROW(test::parse_svg(draw_confusion_matrix(Tensor::zeros({2, 2}, DType::i64))));
  EXPECT_NO_THROW(test::parse_svg(
      draw_confusion_matrix(Tensor::zeros({1, 1}, DType::i64), {}, {.shares = true})));
}

TEST(DrawConfusionMatrix, SaysWhatIsWrong) {
  using enum ErrorCode;
  test::expect_error(shape_mismatch, "(classes, classes), not (2, 3)", [] {
    draw_confusion_matrix(Tensor::zeros({2, 3}, DType::i64));
  });
  test::expect_error(invalid_argument, "3 class names for 2 classes", [] {
    draw_confusion_matrix(Tensor::zeros({2, 2}, DType::i64), kNames);
  });
  test::expect_error(invalid_argument, "no negative counts", [] {
    draw_confusion_matrix(Tensor::from<std::int64_t>({1, 1}, {-1}));
  });
}

}  // namespace
}  // namespace fovea
