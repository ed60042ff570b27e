#include "host/report/tensorboard/pictures.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>
#include <vector>

#include "fovea/error.h"
#include "fovea/metrics.h"
#include "host/report/order.h"

namespace fovea::report {
namespace {

constexpr std::int64_t kMaps = 64;
constexpr std::int64_t kMistakes = 16;
constexpr std::uint8_t kGap = 128;  // the grey of what lies between tiles

/// Tiles (H, W, 1 or 3) in rows of about as many as there are rows, enlarged to 32 pixels or more.
Tensor side_by_side(const std::vector<Tensor>& tiles) {
  const std::int64_t height = tiles.front().shape()[0], width = tiles.front().shape()[1];
  const std::int64_t channels = tiles.front().shape()[2];
  const std::int64_t zoom = std::max<std::int64_t>(1, 32 / std::max(height, width));
  const auto columns =
      static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(tiles.size()))));
  const std::int64_t rows = (std::ssize(tiles) + columns - 1) / columns;
  const std::int64_t row_step = height * zoom + 2, column_step = width * zoom + 2;
  Tensor picture =
      Tensor::full({rows * row_step, columns * column_step, channels}, kGap, DType::u8);
  std::uint8_t* to = picture.data<std::uint8_t>();
  for (std::int64_t t = 0; t < std::ssize(tiles); ++t) {
    const auto* from = tiles[static_cast<std::size_t>(t)].data<std::uint8_t>();
    for (std::int64_t y = 0; y < height * zoom; ++y) {
      for (std::int64_t x = 0; x < width * zoom; ++x) {
        const std::int64_t row = t / columns * row_step + 1 + y;
        const std::int64_t column = t % columns * column_step + 1 + x;
        std::copy_n(from + (y / zoom * width + x / zoom) * channels, channels,
                    to + (row * columns * column_step + column) * channels);
      }
    }
  }
  return picture;
}

std::uint8_t level(double part) {
  return static_cast<std::uint8_t>(std::lround(255 * std::clamp(part, 0.0, 1.0)));
}

double largest_magnitude(std::span<const float> values) {
  double largest = 1e-30;
  for (const float value : values) largest = std::max(largest, std::abs(double{value}));
  return largest;
}

/// Sample n of u8 or floating pictures (N, H, W, 1 or 3) or (N, H, W); floating ones are from 0 to
/// 255 or, where none exceeds 1, from 0 to 1.
Tensor picture_of(const Tensor& x, std::int64_t n) {
  const Shape& shape = x.shape();
  const std::int64_t channels = shape.rank() == 4 ? shape.c() : 1;
  Tensor picture = Tensor::zeros({shape.h(), shape.w(), channels}, DType::u8);
  const Tensor sample = x.slice(n, n + 1).to(DType::f32);
  const double white =
      x.dtype() == DType::u8 || largest_magnitude(sample.span<float>()) > 1 ? 255 : 1;
  for (std::int64_t i = 0; i < picture.numel(); ++i) {
    picture.data<std::uint8_t>()[i] = level(sample.item(i) / white);
  }
  return picture;
}

std::string class_name(const Dataset& data, std::int32_t label) {
  const auto index = static_cast<std::size_t>(label);
  return index < data.class_names.size() ? data.class_names[index] : std::to_string(label);
}

}  // namespace

Tensor filters_picture(const Tensor& weight) {
  const Tensor values = weight.to(DType::f32);
  const Shape& shape = values.shape();
  const std::int64_t depth = shape.c();
  const std::int64_t channels = depth == 3 ? 3 : 1;
  const std::int64_t together = depth / channels;  // weights that make one byte
  std::vector<double> means;
  const float* from = values.data<float>();
  for (std::int64_t i = 0; i < values.numel(); i += together) {
    means.push_back(std::accumulate(from + i, from + i + together, 0.0) /
                    static_cast<double>(together));
  }
  double largest = 1e-30;
  for (const double mean : means) largest = std::max(largest, std::abs(mean));
  std::vector<Tensor> tiles;
  const std::int64_t tile = shape.h() * shape.w() * channels;
  for (std::int64_t f = 0; f < std::min(shape.n(), kMaps); ++f) {
    Tensor& picture = tiles.emplace_back(Shape{shape.h(), shape.w(), channels}, DType::u8);
    for (std::int64_t i = 0; i < tile; ++i) {
      const double mean = means[static_cast<std::size_t>(f * tile + i)];
      picture.data<std::uint8_t>()[i] = level(0.5 + 0.5 * mean / largest);
    }
  }
  return side_by_side(tiles);
}

Tensor maps_picture(const Tensor& maps) {
  const Tensor values = maps.to(DType::f32);
  const Shape& shape = values.shape();
  const std::int64_t cells = shape.h() * shape.w();
  std::vector<Tensor> tiles;
  for (std::int64_t c = 0; c < std::min(shape.c(), kMaps); ++c) {
    const float* from = values.data<float>() + c;
    double low = *from, high = *from;
    for (std::int64_t i = 0; i < cells; ++i) {
      low = std::min(low, double{from[i * shape.c()]});
      high = std::max(high, double{from[i * shape.c()]});
    }
    Tensor& picture = tiles.emplace_back(Shape{shape.h(), shape.w(), 1}, DType::u8);
    for (std::int64_t i = 0; i < cells; ++i) {
      picture.data<std::uint8_t>()[i] =
          high > low ? level((from[i * shape.c()] - low) / (high - low)) : 0;
    }
  }
  return side_by_side(tiles);
}

std::optional<Mistakes> worst_mistakes(Model& model, const Dataset& data) {
  const Tensor outputs = model.predict(data.x).to(DType::f32);
  const Tensor predicted = predicted_labels(outputs);
  struct Mistake {
    std::int64_t sample;
    std::int32_t said;
    float confidence;
  };
  std::vector<Mistake> mistakes;
  const std::int64_t classes = outputs.numel() / outputs.shape().n();
  for (std::int64_t n = 0; n < data.x.shape().n(); ++n) {
    const std::int32_t said = predicted.data<std::int32_t>()[n];
    if (said == data.y.data<std::int32_t>()[n]) continue;
    const float* row = outputs.data<float>() + n * classes;
    const float confidence = classes > 1 ? row[said] : said == 1 ? *row : 1 - *row;
    mistakes.push_back({n, said, confidence});
  }
  if (mistakes.empty()) return std::nullopt;
  std::stable_sort(mistakes.begin(), mistakes.end(), [](const Mistake& a, const Mistake& b) {
    return larger_first(a.confidence, b.confidence);
  });
  if (std::ssize(mistakes) > kMistakes) mistakes.resize(kMistakes);
  std::vector<Tensor> tiles;
  std::ostringstream text;
  text << "| | sample | is | taken for | probability |\n|---|---|---|---|---|\n";
  for (const Mistake& mistake : mistakes) {
    tiles.push_back(picture_of(data.x, mistake.sample));
    text << "| " << tiles.size() << " | " << mistake.sample << " | "
         << class_name(data, data.y.data<std::int32_t>()[mistake.sample]) << " | "
         << class_name(data, mistake.said) << " | " << mistake.confidence << " |\n";
  }
  return Mistakes{side_by_side(tiles), text.str()};
}

}  // namespace fovea::report
