#include "host/train/sample_weights.h"

#include <algorithm>
#include <cmath>

namespace fovea {

void add_sample_weights(Arrays& data, const Tensor& weights) {
  if (!weights.defined()) return;
  const std::int64_t samples = data.inputs.front().shape()[0];
  FOVEA_REQUIRE(weights.shape() == Shape({samples}), shape_mismatch, "sample_weight has shape ",
                weights.shape(), ", but there are ", samples,
                " samples; give one weight for each, (", samples, ",)");
  const Tensor values = weights.to(DType::f64);
  for (std::int64_t n = 0; n < samples; ++n) {
    const double weight = values.data<double>()[n];
    FOVEA_REQUIRE(std::isfinite(weight) && weight >= 0, invalid_argument, "the weight of sample ",
                  n, " is ", weight, "; weights are finite numbers >= 0");
  }
  data.targets.push_back(weights.to(DType::f32));
}

Tensor weights_of_classes(const Network& network, const Tensor& targets,
                          const std::map<int, double>& class_weight) {
  FOVEA_REQUIRE(network.outputs().size() == 1, invalid_argument,
                "class_weight is for networks with one output; give sample_weight instead");
  const std::int64_t classes = std::max<std::int64_t>(network.outputs().front().shape.numel(), 2);
  for (const auto& [label, weight] : class_weight) {
    FOVEA_REQUIRE(label >= 0 && label < classes, invalid_argument, "class_weight has class ", label,
                  ", but the network has ", classes, " classes, numbered from 0");
  }
  const Tensor values = targets.to(DType::f64);
  const std::int64_t samples = targets.shape()[0];
  const std::int64_t columns = targets.numel() / std::max<std::int64_t>(samples, 1);
  Tensor weights({samples}, DType::f32);
  for (std::int64_t n = 0; n < samples; ++n) {
    const double* row = values.data<double>() + n * columns;
    const auto label = columns == 1 ? static_cast<int>(std::lround(row[0]))
                                    : static_cast<int>(std::max_element(row, row + columns) - row);
    const auto found = class_weight.find(label);
    weights.data<float>()[n] =
        found == class_weight.end() ? 1.0F : static_cast<float>(found->second);
  }
  return weights;
}

}  // namespace fovea
