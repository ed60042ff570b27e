// Plots: lines and points where their values are, planes in the colours of theirs, pictures as
// text.
#include "fovea/plot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/report/markup.h"
#include "tests/support/expect_error.h"

namespace fovea::test {
namespace {

using enum ErrorCode;

std::string texts_of(const Picture& picture) {
  std::string all;
  for (const Element& element : MarkupParser(picture.svg, false).parse()) {
    if (element.name == "text") all += element.text + "\n";
  }
  return all;
}

/// The strokes of this colour: their paths' data.
std::vector<std::string> strokes(const Picture& picture, const std::string& color) {
  std::vector<std::string> paths;
  for (const Element& element : MarkupParser(picture.svg, false).parse()) {
    const auto stroke = element.attributes.find("stroke");
    if (element.name == "path" && stroke != element.attributes.end() && stroke->second == color) {
      paths.push_back(element.at("d"));
    }
  }
  return paths;
}

constexpr const char* kFirstColor = "#2a78d6";

TEST(Plot, LinesHaveNamesAndGaps) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Picture picture =
      draw_lines({{.name = "a <b>", .x = {0, 1, 2, 3, 4}, .y = {0, 1, nan, 3, 4}}},
                 {.title = "Title", .x_label = "across", .y_label = "up"});
  const std::string texts = texts_of(picture);
  for (const char* text : {"Title", "across", "up", "a <b>"}) {
    EXPECT_NE(texts.find(text), std::string::npos) << text << " is missing in\n" << texts;
  }
  const std::vector<std::string> lines = strokes(picture, kFirstColor);
  ASSERT_EQ(lines.size(), 2U) << "the line and its sample in the legend";
  EXPECT_EQ(std::count(lines[0].begin(), lines[0].end(), 'M'), 2) << "a gap begins a new part";
}

TEST(Plot, LinesPassWhereTheirValuesAre) {
  // From corner to corner: the ends are equally far from the frame's ends.
  const Picture picture = draw_lines({{.x = {0, 10}, .y = {-1, 1}}}, {.width = 600, .height = 400});
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  ASSERT_EQ(std::sscanf(strokes(picture, kFirstColor).at(0).c_str(), "M%lf %lfL%lf %lf", &x1, &y1,
                        &x2, &y2),
            4);
  EXPECT_LT(x1, x2);
  EXPECT_GT(y1, y2) << "larger values are higher up";
  const Picture half =
      draw_lines({{.x = {0, 5, 10}, .y = {-1, 0, 1}}}, {.width = 600, .height = 400});
  double x = 0, y = 0;
  ASSERT_EQ(std::sscanf(strokes(half, kFirstColor).at(0).c_str(), "M%*f %*fL%lf %lf", &x, &y), 2);
  EXPECT_NEAR(x, (x1 + x2) / 2, 0.02);
  EXPECT_NEAR(y, (y1 + y2) / 2, 0.02);
}

TEST(Plot, PlanesAreFullerWhereTheFunctionIsLarger) {
  if (!FOVEA_HAS_SVG || !FOVEA_HAS_PNG) GTEST_SKIP() << "needs librsvg and libpng";
  const Picture picture = draw_plane([](double x, double y) { return x + 2 * y; },
                                     {{.name = "way", .x = {-1, 1}, .y = {0, 0}}},
                                     {.levels = 30, .plot = {.width = 400, .height = 400}});
  const TemporaryFolder folder;
  write_picture(folder.file("plane.png"), picture, 1);
  const Tensor image = read_image(folder.file("plane.png"));
  const auto red = [&](std::int64_t x, std::int64_t y) { return image.item((y * 400 + x) * 3); };
  // Blue takes red away: least at the upper right corner of the plane, most at the lower left.
  EXPECT_LT(red(370, 50), red(370, 330));
  EXPECT_LT(red(370, 50), red(80, 50));
  EXPECT_LT(red(80, 50), red(80, 330)) << "y counts twice as much as x";
  EXPECT_GT(red(80, 330), 225);
  EXPECT_LT(red(370, 50), 60);
}

TEST(Plot, PicturesAreText) {
  const Tensor image = Tensor::from({2, 3}, {0, 7, 255, 30, 100, 5});
  EXPECT_EQ(image_text(image), "0   7   255\n30  100 5\n");
  EXPECT_EQ(image_text(image, 29), "001\n110\n");
  expect_error(invalid_argument, "to_grayscale", [] { image_text(Tensor::zeros({2, 2, 3})); });
}

TEST(Plot, SaysWhatIsWrong) {
  const auto zero = [](double, double) { return 0.0; };
  expect_error(invalid_argument, "2 values of x and 1 of y", [] {
    draw_lines({{.name = "a", .x = {1, 2}, .y = {1}}});
  });
  expect_error(invalid_argument, "no finite point", [] { draw_lines({}); });
  expect_error(invalid_argument, "too small",
               [] { draw_lines({{.x = {1}, .y = {1}}}, {.width = 100}); });
  expect_error(invalid_argument, "no extent", [&] { draw_plane(zero, {}, {.x = {1, 1}}); });
  expect_error(invalid_argument, "2 levels", [&] { draw_plane(zero, {}, {.levels = 1}); });
  expect_error(invalid_argument, "not finite anywhere",
               [] { draw_plane([](double, double) { return std::nan(""); }); });
}

}  // namespace
}  // namespace fovea::test
