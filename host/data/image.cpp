// Sizes and colours of pictures in memory.
#include "fovea/image.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "fovea/error.h"

namespace fovea {
namespace {

/// The old pixels that make up a new one along one axis, and how much each counts.
struct Taps {
  std::int64_t first = 0;
  std::vector<double> weights;
};

Taps nearest_tap(std::int64_t i, std::int64_t old_size, std::int64_t new_size) {
  return {(2 * i + 1) * old_size / (2 * new_size), {1.0}};
}

Taps bilinear_taps(std::int64_t i, std::int64_t old_size, std::int64_t new_size, bool antialias) {
  const double scale = static_cast<double>(old_size) / static_cast<double>(new_size);
  const double radius = antialias ? std::max(1.0, scale) : 1.0;
  const double centre = (static_cast<double>(i) + 0.5) * scale;
  const auto first = static_cast<std::int64_t>(std::floor(centre - radius));
  const auto last = static_cast<std::int64_t>(std::ceil(centre + radius));
  Taps taps;
  taps.first = std::max<std::int64_t>(first, 0);
  double sum = 0;
  for (std::int64_t j = taps.first; j < std::min(last, old_size); ++j) {
    const double distance = std::abs(static_cast<double>(j) + 0.5 - centre);
    taps.weights.push_back(std::max(0.0, 1.0 - distance / radius));
    sum += taps.weights.back();
  }
  for (double& weight : taps.weights) weight /= sum;
  return taps;
}

std::vector<Taps> all_taps(std::int64_t old_size, std::int64_t new_size,
                           const ResizeOptions& options) {
  std::vector<Taps> taps;
  for (std::int64_t i = 0; i < new_size; ++i) {
    taps.push_back(options.method == ResizeMethod::nearest
                       ? nearest_tap(i, old_size, new_size)
                       : bilinear_taps(i, old_size, new_size, options.antialias));
  }
  return taps;
}

/// Resizes the middle axis of (outer, taps' old size, inner) values.
void resize_axis(const float* source, float* target, std::int64_t outer, std::int64_t old_size,
                 std::int64_t inner, const std::vector<Taps>& taps) {
  std::vector<double> sums(static_cast<std::size_t>(inner));
  for (std::int64_t o = 0; o < outer; ++o) {
    for (const Taps& tap : taps) {
      std::fill(sums.begin(), sums.end(), 0.0);
      const float* row = source + (o * old_size + tap.first) * inner;
      for (const double weight : tap.weights) {
        for (double& sum : sums) sum += weight * double{*row++};
      }
      target = std::transform(sums.begin(), sums.end(), target,
                              [](double sum) { return static_cast<float>(sum); });
    }
  }
}

/// f32 numbers as u8, rounded.
Tensor rounded(const Tensor& values) {
  Tensor bytes(values.shape(), DType::u8);
  std::transform(values.span<float>().begin(), values.span<float>().end(),
                 bytes.data<std::uint8_t>(),
                 [](float value) { return static_cast<std::uint8_t>(std::lround(value)); });
  return bytes;
}

void check_type(const Tensor& image, const char* who) {
  FOVEA_REQUIRE(image.defined() && (image.dtype() == DType::u8 || image.dtype() == DType::f32),
                invalid_argument, who, " takes pictures of u8 or f32, not ",
                image.defined() ? dtype_name(image.dtype()) : "an empty tensor");
}

}  // namespace

Tensor resize_image(const Tensor& image, Size2 size, const ResizeOptions& options) {
  check_type(image, "resize_image");
  const Shape& shape = image.shape();
  const bool batch = shape.rank() == 4;
  FOVEA_REQUIRE((batch || shape.rank() == 3) && image.numel() > 0, invalid_argument,
                "resize_image takes (H, W, C) or (N, H, W, C), not ", shape);
  FOVEA_REQUIRE(size.h >= 1 && size.w >= 1, invalid_argument, "resize_image: a size of ", size.h,
                " x ", size.w, " pixels is too small");
  const std::int64_t count = batch ? shape[0] : 1;
  const std::int64_t height = shape.dim(-3);
  const std::int64_t width = shape.dim(-2);
  const std::int64_t channels = shape.c();
  const Tensor source = image.to(DType::f32);
  Tensor wide({count, height, size.w, channels}, DType::f32);
  resize_axis(source.data<float>(), wide.data<float>(), count * height, width, channels,
              all_taps(width, size.w, options));
  Shape new_shape = shape;
  new_shape.set(shape.rank() - 3, size.h);
  new_shape.set(shape.rank() - 2, size.w);
  Tensor result(new_shape, DType::f32);
  resize_axis(wide.data<float>(), result.data<float>(), count, height, size.w * channels,
              all_taps(height, size.h, options));
  return image.dtype() == DType::u8 ? rounded(result) : result;
}

Tensor to_grayscale(const Tensor& image) {
  check_type(image, "to_grayscale");
  Shape shape = image.shape();
  FOVEA_REQUIRE(shape.rank() >= 1 && (shape.c() == 1 || shape.c() == 3), invalid_argument,
                "to_grayscale takes pictures of 1 or 3 channels, (..., 1) or (..., 3), not ",
                shape);
  if (shape.c() == 1) return image;
  shape.set(shape.rank() - 1, 1);
  const Tensor source = image.to(DType::f32);
  const float* pixel = source.data<float>();
  Tensor grey(shape, DType::f32);
  for (float& value : grey.span<float>()) {
    value = static_cast<float>(0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]);
    pixel += 3;
  }
  return image.dtype() == DType::u8 ? rounded(grey) : grey;
}

Tensor add_batch_axis(const Tensor& sample) {
  FOVEA_REQUIRE(sample.defined(), invalid_argument, "add_batch_axis needs a sample");
  return sample.reshape(sample.shape().prepend(1));
}

}  // namespace fovea
