// The samples of a 3-D page, and what the library computes for them.
#include <algorithm>
#include <cmath>
#include <random>

#include "fovea/fields.h"
#include "fovea/image.h"
#include "host/report/page_text.h"
#include "host/report/view/view_data.h"

namespace fovea::report {
namespace {

constexpr std::int64_t kStoredMaps = 32;
constexpr std::int64_t kStoredSide = 56;
constexpr std::size_t kStoredBytes = 30'000'000;  // as text, of all samples

/// One sample of noise: pixels from 0 to white, or numbers from -1 to 1.
Tensor noise(const Shape& shape, double white) {
  std::mt19937 random(1);
  Tensor sample = Tensor::zeros(shape.prepend(1));
  const bool picture = shape.rank() >= 2;
  for (float& value : sample.span<float>()) {
    const double uniform = static_cast<double>(random()) / 4294967296.0;
    value = static_cast<float>(picture ? white * uniform : 2 * uniform - 1);
  }
  return sample;
}

/// The first channels of a picture (1, H, W, C).
Tensor first_channels(const Tensor& x, std::int64_t count) {
  const std::int64_t channels = x.shape().c();
  if (channels <= count) return x;
  Tensor y = Tensor::zeros({1, x.shape().h(), x.shape().w(), count});
  const float* from = x.data<float>();
  float* to = y.data<float>();
  for (std::int64_t i = 0; i < x.shape().h() * x.shape().w(); ++i) {
    std::copy_n(from + i * channels, count, to + i * count);
  }
  return y;
}

/// At most kStoredMaps maps of kStoredSide cells a side; what is no picture stays as it is.
Tensor reduced(const Tensor& x) {
  if (x.shape().rank() != 4) return x;
  Tensor maps = first_channels(x, kStoredMaps);
  const std::int64_t height = std::min(maps.shape().h(), kStoredSide);
  const std::int64_t width = std::min(maps.shape().w(), kStoredSide);
  if (height == maps.shape().h() && width == maps.shape().w()) return maps;
  return resize_image(maps, {height, width}, {.antialias = true});
}

/// Values in 8 bits: low + byte (high - low) / 255. What is not finite counts as low.
Json quantized(const Tensor& values) {
  float low = 0;
  float high = 0;
  for (const float value : values.span<float>()) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  std::vector<std::uint8_t> bytes;
  bytes.reserve(static_cast<std::size_t>(values.numel()));
  for (const float value : values.span<float>()) {
    const float part = high > low && std::isfinite(value) ? (value - low) / (high - low) : 0;
    bytes.push_back(static_cast<std::uint8_t>(std::lround(255 * part)));
  }
  return Json::Object{{"shape", to_json(values.shape())},
                      {"low", double{low}},
                      {"high", double{high}},
                      {"data", base64(bytes.data(), bytes.size())}};
}

/// Whether another sample fits, after `count` of them that took so many bytes.
bool fits(std::size_t bytes, std::int64_t count) {
  return count == 0 || bytes + bytes / static_cast<std::size_t>(count) <= kStoredBytes;
}

}  // namespace

std::vector<Tensor> view_inputs(const Network& network, const ViewOptions& options, double white) {
  std::vector<Tensor> inputs = options.inputs;
  if (inputs.empty() && options.samples.x.defined()) inputs.push_back(options.samples.x);
  if (inputs.empty()) {
    for (const InputSpec& input : network.inputs()) inputs.push_back(noise(input.shape, white));
    return inputs;
  }
  FOVEA_REQUIRE(inputs.size() == network.inputs().size(), shape_mismatch, "the samples have ",
                inputs.size(), " inputs, but the network has ", network.inputs().size(),
                "; give one tensor for each in ViewOptions::inputs");
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const InputSpec& input = network.inputs()[i];
    Tensor& x = inputs[i];
    FOVEA_REQUIRE(x.shape().rank() >= 1 && x.shape().n() >= 1 &&
                      x.shape().n() == inputs.front().shape().n() &&
                      x.numel() == x.shape().n() * input.shape.numel(),
                  shape_mismatch, "the samples for input '", input.name, "' have shape ", x.shape(),
                  ", which is not a sample or more of ", input.shape);
    x = x.slice(0, std::min(x.shape().n(), kViewSamples));
    if (x.dtype() != DType::u8) x = x.to(DType::f32);
  }
  return inputs;
}

Json stored_activations(Model& model, const std::vector<Tensor>& inputs,
                        const std::vector<std::string>& paths) {
  Json samples = Json::array();
  std::size_t bytes = 0;  // of the samples so far
  const std::int64_t count = inputs.front().shape().n();
  for (std::int64_t n = 0; n < count && fits(bytes, n); ++n) {
    std::vector<Tensor> sample;
    sample.reserve(inputs.size());
    for (const Tensor& input : inputs) sample.push_back(input.slice(n, n + 1));
    const std::map<std::string, Tensor> values = model.probe(sample, paths);
    Json layers = Json::object();
    for (const std::string& path : paths) {
      Json stored = quantized(reduced(values.at(path).to(DType::f32)));
      bytes += stored.at("data").as_string().size();
      layers.set(path, std::move(stored));
    }
    samples.push(std::move(layers));
  }
  return samples;
}

}  // namespace fovea::report
