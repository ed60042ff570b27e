// Filters and feature maps: the pixels are the model's own numbers.
#include <gtest/gtest.h>

#include <cmath>

#include "fovea/layers.h"
#include "fovea/models.h"
#include "tests/report/markup.h"
#include "tests/support/expect_error.h"

namespace fovea {
namespace {

using test::Element;

Model make_model() {
  const Sequential layers{Input({4, 6, 3}),
                          Conv2D(5, 2, {.name = "first"}),
                          Conv2D(2, 1, {.use_bias = false, .name = "signs"}),
                          Flatten("flat"),
                          Dense(7, {.name = "units"}),
                          Dense(3, {.activation = "softmax", .name = "classes"})};
  return Model(Network(layers), {.device = "cpu", .class_names = {"cat", "dog", "<ship>"}});
}

/// The pictures within a drawing, in their order.
std::vector<Element> images_of(const Picture& picture) {
  std::vector<Element> images;
  for (const Element& element : test::parse_svg(picture)) {
    if (element.name == "image") images.push_back(element);
  }
  return images;
}

/// The color in the middle of a pixel of a tile.
test::Color tile_pixel(const Tensor& sheet, std::int64_t columns, std::int64_t rows,
                       std::int64_t tile, Shape size, std::int64_t y, std::int64_t x) {
  const double scale_y = double(sheet.shape()[0]) / double(rows * size[0]);
  const double scale_x = double(sheet.shape()[1]) / double(columns * size[1]);
  return test::pixel(sheet, (double(tile % columns * size[1] + x) + 0.5) * scale_x,
                     (double(tile / columns * size[0] + y) + 0.5) * scale_y);
}

TEST(DrawFilters, ColorsAreTheWeights) {
  if (!FOVEA_HAS_PNG) GTEST_SKIP() << "needs libpng";
  const Model model = make_model();
  const Picture picture = draw_filters(model, "first");
  const std::vector<Element> images = images_of(picture);
  ASSERT_EQ(images.size(), 1U);
  const Tensor sheet = test::decode_uri(images[0].at("href"));
  ASSERT_EQ(sheet.shape()[1], 5 * sheet.shape()[0]);  // one row of square tiles
  const Tensor weight = model.weight("first.weight");
  for (std::int64_t filter = 0; filter < 5; ++filter) {
    const float* w = weight.data<float>() + filter * 12;
    float largest = 0;
    for (int i = 0; i < 12; ++i) largest = std::max(largest, std::fabs(w[i]));
    for (std::int64_t i = 0; i < 4; ++i) {
      const test::Color color = tile_pixel(sheet, 5, 1, filter, {2, 2}, i / 2, i % 2);
      for (std::size_t c = 0; c < 3; ++c) {
        EXPECT_NEAR(color[c], 127.5 + 127.5 * w[3 * i + std::int64_t(c)] / largest, 1.01);
      }
    }
  }
  const auto elements = test::parse_svg(picture);
  EXPECT_TRUE(test::has_text(elements, "Filters of first"));
  EXPECT_NE(picture.svg.find("all 5 filters of 2 × 2"), std::string::npos);
}

TEST(DrawFilters, ManyChannelsAreSideBySide) {
  if (!FOVEA_HAS_PNG) GTEST_SKIP() << "needs libpng";
  const Model model = make_model();
  const Picture picture = draw_filters(model, "signs", {.max_filters = 1, .max_channels = 4});
  const Tensor sheet = test::decode_uri(images_of(picture).at(0).at("href"));
  const Tensor weight = model.weight("signs.weight");
  float largest = 0;
  for (int c = 0; c < 5; ++c) largest = std::max(largest, std::fabs(weight.data<float>()[c]));
  for (std::int64_t c = 0; c < 4; ++c) {
    const test::Color color = tile_pixel(sheet, 4, 1, c, {1, 1}, 0, 0);
    EXPECT_NEAR(color[0], 127.5 + 127.5 * weight.data<float>()[c] / largest, 1.01);
  }
  EXPECT_NE(picture.svg.find("the first 1 of 2 filters"), std::string::npos);
  EXPECT_NE(picture.svg.find("the first 4 of 5 input channels"), std::string::npos);
}

TEST(DrawFilters, DenseLayersLookAtPictures) {
  if (!FOVEA_HAS_PNG) GTEST_SKIP() << "needs libpng";
  const Sequential layers{Input({2, 3, 1}), Flatten(), Dense(1, {.name = "dense"})};
  Model model{Network(layers)};
  model.set_weight("dense.weight", Tensor::from({6, 1}, {1, -1, 0, 0.5, 0, 0}));
  const Tensor sheet = test::decode_uri(images_of(draw_filters(model, "dense")).at(0).at("href"));
  const int wanted[] = {255, 0, 127, 191, 127, 127};
  for (std::int64_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(tile_pixel(sheet, 1, 1, 0, {2, 3}, i / 3, i % 3)[0], wanted[i], 1) << i;
  }
}

TEST(DrawFilters, SaysWhatIsWrong) {
  using enum ErrorCode;
  const Model model = make_model();
  test::expect_error(invalid_argument, "did you mean 'first'",
                     [&] { draw_filters(model, "frist"); });
  test::expect_error(invalid_argument, "'flat' (Flatten) has no kernels to draw; these have them: ",
                     [&] { draw_filters(model, "flat"); });
  test::expect_error(invalid_argument, "at least 1",
                     [&] { draw_filters(model, "first", {.max_filters = 0}); });
}

TEST(DrawFeatureMaps, MapsAreTheLayersOutput) {
  if (!FOVEA_HAS_PNG) GTEST_SKIP() << "needs libpng";
  const Sequential layers{Input({3, 4, 1}), Conv2D(2, 1, {.name = "signs"})};
  Model model{Network(layers)};
  model.set_weight("signs.weight", Tensor::from({2, 1, 1, 1}, {1, -1}));
  Tensor sample({3, 4, 1}, DType::f32);
  for (int i = 0; i < 12; ++i) sample.data<float>()[i] = static_cast<float>(i) / 11;
  const std::vector<Element> images = images_of(draw_feature_maps(model, sample, "signs"));
  ASSERT_EQ(images.size(), 2U);  // the sample, the maps
  const Tensor shown = test::decode_uri(images[0].at("href"));
  const Tensor maps = test::decode_uri(images[1].at("href"));
  for (std::int64_t i = 0; i < 12; ++i) {
    const double wanted = 255.0 * double(i) / 11;
    EXPECT_NEAR(tile_pixel(shown, 1, 1, 0, {3, 4}, i / 4, i % 4)[0], wanted, 1);
    EXPECT_NEAR(tile_pixel(maps, 2, 1, 0, {3, 4}, i / 4, i % 4)[0], wanted, 1);
    EXPECT_NEAR(tile_pixel(maps, 2, 1, 1, {3, 4}, i / 4, i % 4)[0], 255 - wanted, 1);
  }
}

TEST(DrawFeatureMaps, TheLastLayersBarsHaveNames) {
  if (!FOVEA_HAS_PNG) GTEST_SKIP() << "needs libpng";
  Model model = make_model();
  const Tensor sample = Tensor::full({4, 6, 3}, 0.5);
  const auto elements = test::parse_svg(draw_feature_maps(model, sample, "classes"));
  const auto bars = test::of_class(elements, "fv-bar");
  ASSERT_EQ(bars.size(), 3U);
  const Tensor probabilities = model.predict(add_batch_axis(sample));
  std::vector<double> sorted;
  for (int i = 0; i < 3; ++i) sorted.push_back(probabilities.item(i));
  std::sort(sorted.rbegin(), sorted.rend());
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(bars[i].number("width") / bars[0].number("width"), sorted[i] / sorted[0], 0.01);
  }
  for (const char* name : {"cat", "dog", "<ship>"}) EXPECT_TRUE(test::has_text(elements, name));
  // Other layers' units have none.
  const auto units = test::parse_svg(draw_feature_maps(model, sample, "units"));
  EXPECT_TRUE(test::has_text(units, "7 units"));
  EXPECT_EQ(test::of_class(units, "fv-bar").size(), 7U);
}

TEST(DrawFeatureMaps, TakesEveryLayerOfAZooNetwork) {
  if (!FOVEA_HAS_PNG) GTEST_SKIP() << "needs libpng";
  for (const char* name : {"mnist_cnn", "lenet5", "iris_small"}) {
    Model model(make_network(name));
    const Tensor sample = Tensor::full(model.network().inputs()[0].shape, 0.25);
    for (const LayerRecord& layer : model.network().layers()) {
      const Picture picture = draw_feature_maps(model, sample, layer.name);
      EXPECT_NO_THROW(test::parse_svg(picture)) << name << " " << layer.name;
      EXPECT_LT(picture.svg.size(), 300000U) << name << " " << layer.name;
    }
  }
}

TEST(DrawFeatureMaps, MakesLargeMapsSmaller) {
  if (!FOVEA_HAS_PNG) GTEST_SKIP() << "needs libpng";
  const Sequential layers{Input({300, 200, 3}), Conv2D(8, 3, {.name = "conv"})};
  Model model{Network(layers)};
  const Picture picture =
      draw_feature_maps(model, Tensor::zeros({300, 200, 3}, DType::u8), "conv", {.max_maps = 4});
  EXPECT_NE(picture.svg.find("the first 4 maps"), std::string::npos);
  EXPECT_LT(test::decode_uri(images_of(picture).at(1).at("href")).shape()[1], 4 * 64 + 1);
}

TEST(DrawFeatureMaps, SaysWhatIsWrong) {
  using enum ErrorCode;
  Model model = make_model();
  const Tensor sample = Tensor::zeros({4, 6, 3});
  test::expect_error(invalid_argument, "did you mean 'signs'",
                     [&] { draw_feature_maps(model, sample, "sings"); });
  test::expect_error(shape_mismatch, "is (4, 6, 3), not (6, 4, 3)", [&] {
    draw_feature_maps(model, Tensor::zeros({6, 4, 3}), "first");
  });
  test::expect_error(invalid_argument, "no sample",
                     [&] { draw_feature_maps(model, Tensor(), "first"); });
  test::expect_error(invalid_argument, "at least 1",
                     [&] { draw_feature_maps(model, sample, "first", {.max_maps = 0}); });
}

}  // namespace
}  // namespace fovea
