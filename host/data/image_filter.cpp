#include "fovea/image_filter.h"

#include <cmath>

namespace fovea {
namespace {

/// What a patch of a picture and the filter on it come to.
struct Sums {
  double product = 0;       ///< sum of patch times filter
  double patch_square = 0;  ///< sum of patch^2
};

void require_filter(const Tensor& filter) {
  FOVEA_REQUIRE(filter.shape().rank() == 2, shape_mismatch, "a filter is (height, width), not ",
                filter.shape());
}

/// One place of a filter on one channel of a picture (H, W, C); cells outside the picture are 0.
Sums sums_at(const Tensor& picture, const Tensor& filter, std::int64_t top, std::int64_t left,
             std::int64_t channel) {
  const std::int64_t height = picture.shape()[0], width = picture.shape()[1];
  const std::int64_t channels = picture.shape()[2];
  const std::int64_t columns = filter.shape()[1];
  Sums sums;
  for (std::int64_t r = 0; r < filter.shape()[0]; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      const std::int64_t y = top + r, x = left + c;
      if (y < 0 || y >= height || x < 0 || x >= width) continue;
      const double value = picture.data<double>()[(y * width + x) * channels + channel];
      sums.product += value * filter.data<double>()[r * columns + c];
      sums.patch_square += value * value;
    }
  }
  return sums;
}

/// `combine` makes a number of each place's sums.
template <class Combine>
Tensor slide(const Tensor& image, const Tensor& filter, const ImageFilterOptions& options,
             const Combine& combine) {
  const Shape& shape = image.shape();
  FOVEA_REQUIRE(shape.rank() == 2 || shape.rank() == 3, shape_mismatch,
                "a picture to filter is (H, W) or (H, W, C), not ", shape);
  const std::int64_t channels = shape.rank() == 3 ? shape[2] : 1;
  const WindowGeometry window =
      resolve_window(Size2(shape[0], shape[1]), Size2(filter.shape()[0], filter.shape()[1]),
                     options.strides, 1, options.padding.get());
  const Shape all{window.output.h, window.output.w, channels};
  const Tensor picture = image.to(DType::f64).reshape({shape[0], shape[1], channels});
  const Tensor weights = filter.to(DType::f64);
  Tensor result(all, DType::f64);
  double* next = result.data<double>();
  for (std::int64_t i = 0; i < window.output.h; ++i) {
    for (std::int64_t j = 0; j < window.output.w; ++j) {
      for (std::int64_t channel = 0; channel < channels; ++channel) {
        *next++ = combine(sums_at(picture, weights, i * window.stride.h - window.pad_top,
                                  j * window.stride.w - window.pad_left, channel));
      }
    }
  }
  return shape.rank() == 3 ? result : result.reshape({window.output.h, window.output.w});
}

}  // namespace

namespace image_filters {

Tensor sharpen() { return Tensor::from({3, 3}, {0, -1, 0, -1, 5, -1, 0, -1, 0}); }
Tensor edges() { return Tensor::from({3, 3}, {0, 1, 0, 1, -4, 1, 0, 1, 0}); }
Tensor blur() { return Tensor::full({3, 3}, 1.0 / 9); }
Tensor emboss() { return Tensor::from({3, 3}, {-2, -1, 0, -1, 1, 1, 0, 1, 2}); }

}  // namespace image_filters

Tensor filter_image(const Tensor& image, const Tensor& filter, const ImageFilterOptions& options) {
  require_filter(filter);
  return slide(image, filter, options, [](const Sums& sums) { return sums.product; });
}

Tensor cosine_filter_image(const Tensor& image, const Tensor& filter,
                           const ImageFilterOptions& options) {
  require_filter(filter);
  double square = 0;
  for (std::int64_t i = 0; i < filter.numel(); ++i) square += filter.item(i) * filter.item(i);
  FOVEA_REQUIRE(square > 0, invalid_argument,
                "a filter of zeros has no direction to compare a picture with");
  return slide(image, filter, options, [&](const Sums& sums) {
    return sums.patch_square == 0 ? 0 : sums.product / std::sqrt(sums.patch_square * square);
  });
}

}  // namespace fovea
