// Files of pictures: SVG as it is, PNG as librsvg draws it.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "fovea/image.h"
#include "fovea/report.h"
#include "tests/io/io_test_support.h"
#include "tests/support/expect_error.h"

namespace fovea {
namespace {

const Picture kRedLeft = {
    R"(<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="20" height="10" )"
    R"(fill="#ffffff"/><rect width="10" height="10" fill="#ff0000"/></svg>)",
    20, 10};

TEST(Picture, IsWrittenAsSvg) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.SVG");
  write_picture(path, kRedLeft);
  std::ifstream in(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), kRedLeft.svg);
}

TEST(Picture, IsDrawnAsPng) {
  if (!FOVEA_HAS_SVG || !FOVEA_HAS_PNG) GTEST_SKIP() << "needs librsvg and libpng";
  const TemporaryFolder folder;
  const std::string path = folder.file("a.png");
  write_picture(path, kRedLeft, 3);
  const Tensor image = read_image(path);
  ASSERT_EQ(image.shape(), Shape({30, 60, 3}));
  const auto* pixels = image.data<std::uint8_t>();
  const std::int64_t row = 15 * 60;
  EXPECT_EQ(pixels[3 * (row + 29)], 255);
  EXPECT_EQ(pixels[3 * (row + 29) + 1], 0);
  EXPECT_EQ(pixels[3 * (row + 31) + 1], 255);
}

TEST(Picture, SaysWhatIsWrong) {
  using enum ErrorCode;
  using test::expect_error;
  const TemporaryFolder folder;
  expect_error(invalid_argument, "must end in .svg or .png",
               [&] { write_picture(folder.file("a.gif"), kRedLeft); });
  expect_error(invalid_argument, "0.1 to 10",
               [&] { write_picture(folder.file("a.png"), kRedLeft, 0); });
  expect_error(io, "a.svg", [&] { write_picture(folder.file("no/a.svg"), kRedLeft); });
  if (FOVEA_HAS_SVG) {
    expect_error(invalid_argument, "librsvg cannot read", [&] {
      write_picture(folder.file("a.png"), {"no svg", 1, 1});
    });
    const Picture tall = {R"(<svg xmlns="http://www.w3.org/2000/svg" width="1" height="20000"/>)",
                          1, 20000};
    expect_error(invalid_argument, "2 x 40000 pixels is too large for PNG",
                 [&] { write_picture(folder.file("a.png"), tall); });
    EXPECT_NO_THROW(write_picture(folder.file("a.png"), tall, 1));
  }
}

}  // namespace
}  // namespace fovea
