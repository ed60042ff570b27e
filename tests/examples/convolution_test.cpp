// Convolutions, pools and filters by hand.
#include "tests/examples/examples.h"

namespace fovea::examples {
namespace {

/// A convolution with given filters, each a matrix, on a picture (H, W).
Tensor convolve(const Tensor& picture, const std::vector<Tensor>& filters,
                const Conv2DOptions& options = {}) {
  const std::int64_t height = picture.shape()[0], width = picture.shape()[1];
  const std::int64_t rows = filters[0].shape()[0], columns = filters[0].shape()[1];
  const auto count = static_cast<std::int64_t>(filters.size());
  Conv2DOptions without_bias = options;
  without_bias.use_bias = false;
  Model model = exact(
      Sequential{Input({height, width, 1}), Conv2D(count, Size2(rows, columns), without_bias)});
  std::vector<double> weights;
  for (const Tensor& filter : filters) {
    for (std::int64_t i = 0; i < filter.numel(); ++i) weights.push_back(filter.item(i));
  }
  model.set_weight("conv2d.weight", Tensor::from<double>({count, rows, columns, 1}, weights));
  return model.predict(picture.reshape({1, height, width, 1}));
}

TEST(Convolution, OfFiveByFive) {
  const Tensor picture =
      matrix({{1, 1, 1, 0, 0}, {0, 1, 1, 1, 0}, {0, 0, 1, 1, 1}, {0, 0, 1, 1, 0}, {0, 1, 1, 0, 0}});
  const Tensor filter = matrix({{1, 0, 1}, {0, 1, 0}, {1, 0, 1}});
  expect_values(convolve(picture, {filter}), matrix({{4, 3, 4}, {2, 4, 3}, {2, 3, 4}}), 0);
  const Tensor padded =
      matrix({{2, 2, 3, 1, 1}, {1, 4, 3, 4, 1}, {1, 2, 4, 3, 3}, {1, 2, 3, 4, 1}, {0, 2, 2, 1, 1}});
  expect_values(convolve(picture, {filter}, {.padding = "same"}), padded, 0);
  expect_values(filter_image(picture, filter), padded, 0);
}

const Tensor kSixBySix = matrix({{1, 0, 0, 0, 0, 1},
                                 {0, 1, 0, 0, 1, 0},
                                 {0, 0, 1, 1, 0, 0},
                                 {1, 0, 0, 0, 1, 0},
                                 {0, 1, 0, 0, 1, 0},
                                 {0, 0, 1, 0, 1, 0}});
const Tensor kDiagonal = matrix({{1, -1, -1}, {-1, 1, -1}, {-1, -1, 1}});
const Tensor kVertical = matrix({{-1, 1, -1}, {-1, 1, -1}, {-1, 1, -1}});
const Tensor kDiagonalMap =
    matrix({{3, -1, -3, -1}, {-3, 1, 0, -3}, {-3, -3, 0, 1}, {3, -2, -2, -1}});
const Tensor kVerticalMap =
    matrix({{-1, -1, -1, -1}, {-1, -1, -2, 1}, {-1, -1, -2, 1}, {-1, 0, -4, 3}});

TEST(Convolution, OfSixBySix) {
  expect_values(convolve(kSixBySix, {kDiagonal}), kDiagonalMap, 0);
  expect_values(convolve(kSixBySix, {kDiagonal}, {.strides = 2}), matrix({{3, -3}, {-3, 0}}), 0);
  expect_values(convolve(kSixBySix, {kVertical}), kVerticalMap, 0);
}

TEST(Convolution, OfTwoFiltersGivesTwoMaps) {
  const Tensor maps = convolve(kSixBySix, {kDiagonal, kVertical});
  ASSERT_EQ(maps.shape(), (Shape{1, 4, 4, 2}));  // channels are the last axis
  for (std::int64_t i = 0; i < 16; ++i) {
    EXPECT_EQ(maps.item(2 * i), kDiagonalMap.item(i));
    EXPECT_EQ(maps.item(2 * i + 1), kVerticalMap.item(i));
  }
}

TEST(Convolution, OfColoursSumsOverTheirChannels) {
  // The picture as its red and blue channel, and a filter of three channels: the maps add up.
  Model model = exact(Sequential{Input({6, 6, 3}), Conv2D(1, 3, {.use_bias = false})});
  Tensor picture = Tensor::zeros({1, 6, 6, 3}, DType::f64);
  for (std::int64_t i = 0; i < 36; ++i) {
    picture.data<double>()[3 * i] = picture.data<double>()[3 * i + 2] = kSixBySix.item(i);
  }
  Tensor filter = Tensor::full({1, 3, 3, 3}, 7, DType::f64);
  for (std::int64_t i = 0; i < 9; ++i) {
    filter.data<double>()[3 * i] = kDiagonal.item(i);
    filter.data<double>()[3 * i + 2] = kVertical.item(i);
  }
  model.set_weight("conv2d.weight", filter);
  const Tensor map = model.predict(picture);
  for (std::int64_t i = 0; i < 16; ++i) {
    EXPECT_EQ(map.item(i), kDiagonalMap.item(i) + kVerticalMap.item(i));
  }
}

TEST(Convolution, OfOnePatchIsASumOfProducts) {
  expect_values(convolve(matrix({{1, 2}, {3, 4}}), {matrix({{5, 6}, {7, 8}})}), vector({70}), 0);
}

TEST(EdgeFilters, SeeTheStepsThatTheyLookFor) {
  const Tensor vertical_step = matrix({{1, 1, 1, 2, 2, 2},
                                       {1, 1, 1, 2, 2, 2},
                                       {1, 1, 1, 2, 2, 2},
                                       {1, 1, 1, 2, 2, 2},
                                       {1, 1, 1, 2, 2, 2},
                                       {1, 1, 1, 2, 2, 2}});
  const Tensor horizontal_step = matrix({{1, 1, 1, 1, 1, 1},
                                         {1, 1, 1, 1, 1, 1},
                                         {1, 1, 1, 1, 1, 1},
                                         {2, 2, 2, 2, 2, 2},
                                         {2, 2, 2, 2, 2, 2},
                                         {2, 2, 2, 2, 2, 2}});
  const Tensor across = matrix({{-1, 0, 1}, {-1, 0, 1}, {-1, 0, 1}});
  const Tensor down = matrix({{-1, -1, -1}, {0, 0, 0}, {1, 1, 1}});
  const Tensor nothing = Tensor::zeros({4, 4}, DType::f64);
  expect_values(convolve(vertical_step, {across}),
                matrix({{0, 3, 3, 0}, {0, 3, 3, 0}, {0, 3, 3, 0}, {0, 3, 3, 0}}), 0);
  expect_values(convolve(horizontal_step, {across}), nothing, 0);
  expect_values(convolve(horizontal_step, {down}),
                matrix({{0, 0, 0, 0}, {3, 3, 3, 3}, {3, 3, 3, 3}, {0, 0, 0, 0}}), 0);
  expect_values(convolve(vertical_step, {down}), nothing, 0);
}

TEST(Pooling, OfTwoByTwo) {
  const Tensor picture =
      matrix({{12, 20, 30, 0}, {8, 12, 2, 0}, {34, 70, 37, 7}, {112, 100, 22, 12}})
          .reshape({4, 4, 1});
  expect_values(apply(MaxPool2D(2), picture), matrix({{20, 30}, {112, 37}}), 0);
  expect_values(apply(AvgPool2D(2), picture), matrix({{13, 8}, {79, 19.5}}), 0);
  expect_values(apply(MinPool2D(2), picture), matrix({{8, 0}, {34, 7}}), 0);
}

TEST(CurveDetector, AnswersToItsCurveOnly) {
  const Tensor curve = matrix({{0, 0, 0, 0, 0, 30, 0},
                               {0, 0, 0, 0, 30, 0, 0},
                               {0, 0, 0, 30, 0, 0, 0},
                               {0, 0, 0, 30, 0, 0, 0},
                               {0, 0, 0, 30, 0, 0, 0},
                               {0, 0, 0, 30, 0, 0, 0},
                               {0, 0, 0, 0, 0, 0, 0}});
  // Four cells of the curve are fully lit, one is dim, one dark.
  const Tensor like_it = matrix({{0, 0, 0, 0, 0, 0, 30},
                                 {0, 0, 0, 0, 50, 50, 50},
                                 {0, 0, 0, 20, 50, 0, 0},
                                 {0, 0, 0, 50, 50, 0, 0},
                                 {0, 0, 0, 50, 50, 0, 0},
                                 {0, 0, 0, 50, 50, 0, 0},
                                 {0, 0, 0, 50, 50, 0, 0}});
  const Tensor elsewhere = matrix({{0, 0, 0, 0, 0, 0, 0},
                                   {0, 40, 0, 0, 0, 0, 0},
                                   {40, 0, 40, 0, 0, 0, 0},
                                   {40, 20, 0, 0, 0, 0, 0},
                                   {0, 50, 0, 0, 0, 0, 0},
                                   {0, 0, 50, 0, 0, 0, 0},
                                   {25, 25, 0, 50, 0, 0, 0}});
  EXPECT_EQ(convolve(like_it, {curve}).item(), 6600);  // 50 * 30 four times, 20 * 30 once
  EXPECT_EQ(convolve(elsewhere, {curve}).item(), 0);
}

TEST(CosineConvolution, ComparesDirections) {
  const Tensor picture = matrix({{1, 1, 1, 0, 0.5},
                                 {0.5, 0.5, 0, 0.5, 0},
                                 {0, 0, 1, 1, 1},
                                 {1, 0.5, 0.5, 0.5, 0.5},
                                 {0, 1, 0, 1, 0}});
  const Tensor filter = matrix({{1, 1, 1}, {0.5, 0.5, 0.5}, {0, 0, 0}});
  expect_values(cosine_filter_image(picture, filter),
                matrix({{.327, .414, .327, .316, .183},
                        {.816, .852, .609, .426, .245},
                        {.390, .447, .573, .516, .467},
                        {.258, .552, .652, .889, .690},
                        {.689, .816, .778, .781, .632}}),
                5e-4);
  // One patch by hand: normalised, then multiplied by the normalised filter.
  const Tensor patch = matrix({{1, 1, 1}, {.5, .5, 0}, {0, 0, 1}});
  EXPECT_NEAR(cosine_filter_image(patch, filter, {.padding = "valid"}).item(), .852, 5e-4);
  const Tensor by_hand = matrix({{.471, .471, .471}, {.236, .236, 0}, {0, 0, .471}});
  const Tensor filter_by_hand = matrix({{.516, .516, .516}, {.258, .258, .258}, {0, 0, 0}});
  EXPECT_NEAR(convolve(by_hand, {filter_by_hand}).item(), .852, 2e-3);  // of three digits each
  const Tensor dark = Tensor::zeros({3, 3}, DType::f64);
  expect_values(cosine_filter_image(dark, filter), dark, 0);
}

TEST(ImageFilters, AreTheWellKnownOnes) {
  const Tensor picture = matrix({{10, 10, 10, 10}, {10, 40, 40, 10}, {10, 40, 40, 10}});
  using image_filters::blur;
  using image_filters::edges;
  using image_filters::emboss;
  using image_filters::sharpen;
  const ImageFilterOptions inside{.padding = "valid"};
  expect_values(filter_image(picture, sharpen(), inside), vector({100, 100}), 1e-12);
  expect_values(filter_image(picture, edges(), inside), vector({-60, -60}), 1e-12);
  expect_values(filter_image(picture, blur(), inside), vector({210 / 9., 210 / 9.}), 1e-5);
  expect_values(filter_image(picture, emboss(), inside), vector({160, 40}), 1e-12);
  // All but the Laplacian keep a plain picture as bright as it is.
  const Tensor plain = Tensor::full({3, 3}, 7, DType::u8);
  EXPECT_NEAR(filter_image(plain, sharpen(), inside).item(), 7, 1e-12);
  EXPECT_NEAR(filter_image(plain, blur(), inside).item(), 7, 1e-5);
  EXPECT_NEAR(filter_image(plain, emboss(), inside).item(), 7, 1e-12);
  EXPECT_NEAR(filter_image(plain, edges(), inside).item(), 0, 1e-12);
}

TEST(ImageFilters, TakeColoursAndBytesAndStrides) {
  Tensor picture({4, 6, 3}, DType::u8);
  for (std::int64_t i = 0; i < picture.numel(); ++i) {
    picture.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * i % 251);
  }
  const Tensor filtered = filter_image(picture, image_filters::sharpen(), {.strides = {2, 3}});
  ASSERT_EQ(filtered.shape(), (Shape{2, 2, 3}));
  // Each channel as a convolution of that channel alone.
  for (std::int64_t channel = 0; channel < 3; ++channel) {
    Tensor alone({4, 6}, DType::f64);
    for (std::int64_t i = 0; i < 24; ++i) {
      alone.data<double>()[i] = picture.item(3 * i + channel);
    }
    const Tensor expected = convolve(alone, {image_filters::sharpen().to(DType::f64)},
                                     {.strides = {2, 3}, .padding = "same"});
    for (std::int64_t i = 0; i < 4; ++i)
      EXPECT_EQ(filtered.item(3 * i + channel), expected.item(i));
  }
}

TEST(ImageFilters, SayWhatTheyCannotFilter) {
  const auto error_of = [](const Tensor& picture, const Tensor& filter) -> std::string {
    try {
      cosine_filter_image(picture, filter, {.padding = "valid"});
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  const Tensor picture = Tensor::zeros({4, 4}), filter = image_filters::blur();
  EXPECT_EQ(error_of(Tensor::zeros({1, 4, 4, 1}), filter),
            "a picture to filter is (H, W) or (H, W, C), not (1, 4, 4, 1)");
  EXPECT_EQ(error_of(picture, Tensor::zeros({3, 3, 1})),
            "a filter is (height, width), not (3, 3, 1)");
  EXPECT_EQ(error_of(picture, Tensor::zeros({3, 3})),
            "a filter of zeros has no direction to compare a picture with");
  EXPECT_NE(error_of(Tensor::zeros({2, 2}), filter), "nothing was thrown");
}

}  // namespace
}  // namespace fovea::examples
