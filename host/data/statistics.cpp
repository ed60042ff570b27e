// Statistics of data sets, on any device.
#include "fovea/ops/statistics.h"

#include <algorithm>
#include <cmath>

#include "fovea/data.h"
#include "host/graph/run_op.h"

namespace fovea {

ChannelStatistics channel_statistics(const Tensor& x, const std::string& device) {
  FOVEA_REQUIRE(x.defined() && x.numel() > 0 && x.shape().rank() > 0, invalid_argument,
                "channel statistics of an empty tensor do not exist");
  FOVEA_REQUIRE(x.dtype() == DType::u8 || x.dtype() == DType::f32, invalid_argument,
                "channel statistics need u8 or f32 data, not ", dtype_name(x.dtype()));
  const std::vector<Tensor> moments = run_on(device, ops::ChannelMoments{}, std::vector{x});
  const double scale = x.dtype() == DType::u8 ? 255 : 1;
  const double count = static_cast<double>(x.numel()) / static_cast<double>(x.shape().c());
  ChannelStatistics statistics;
  for (std::int64_t c = 0; c < x.shape().c(); ++c) {
    const double mean = moments[0].item(c) / count;
    const double variance = std::max(0.0, moments[1].item(c) / count - mean * mean);
    statistics.mean.push_back(static_cast<float>(mean / scale));
    statistics.stddev.push_back(static_cast<float>(std::sqrt(variance) / scale));
  }
  return statistics;
}

std::vector<std::int64_t> class_counts(const Tensor& labels, const std::string& device) {
  constexpr std::int32_t kMostClasses = 1 << 24;
  FOVEA_REQUIRE(labels.defined() && labels.shape().rank() == 1 && labels.dtype() == DType::i32,
                shape_mismatch, "classes are counted of labels, i32 (N,)");
  const auto values = labels.span<std::int32_t>();
  FOVEA_REQUIRE(!values.empty(), invalid_argument, "there are no labels to count");
  const auto [least, largest] = std::minmax_element(values.begin(), values.end());
  for (const std::int32_t label : {*least, *largest}) {
    FOVEA_REQUIRE(label >= 0 && label < kMostClasses, invalid_argument, "labels to count are 0 to ",
                  kMostClasses - 1, ", not ", label);
  }
  ops::CountLabels count;
  count.classes = *largest + 1;
  const Tensor counts = run_on(device, count, std::vector{labels}).front();
  const auto numbers = counts.span<std::int64_t>();
  return {numbers.begin(), numbers.end()};
}

std::map<int, double> balanced_class_weight(const Tensor& labels, const std::string& device) {
  const std::vector<std::int64_t> counts = class_counts(labels, device);
  const auto classes = counts.size() - static_cast<std::size_t>(std::count(
                                           counts.begin(), counts.end(), std::int64_t{0}));
  std::map<int, double> weights;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0) continue;
    weights[static_cast<int>(c)] = static_cast<double>(labels.numel()) /
                                   static_cast<double>(classes) / static_cast<double>(counts[c]);
  }
  return weights;
}

}  // namespace fovea
