// Batch norm, dropout, and the preprocessing layers.
#include <cmath>

#include "fovea/layers.h"
#include "fovea/ops/basic.h"
#include "fovea/ops/norm.h"
#include "host/layers/checks.h"

namespace fovea {

BatchNorm::BatchNorm(BatchNormOptions options)
    : LayerBase(options.name), options_(std::move(options)) {
  FOVEA_REQUIRE(options_.momentum >= 0 && options_.momentum <= 1, invalid_argument,
                "BatchNormalization: momentum is in [0, 1], not ", options_.momentum);
  FOVEA_REQUIRE(options_.epsilon > 0, invalid_argument,
                "BatchNormalization: epsilon must be > 0, not ", options_.epsilon);
}

Value BatchNorm::build(Builder& b, Value x) const {
  if (b.shape(x).rank() < 2) {
    detail::fail_shape(b, *this, x, "(N, ..., C)", "add an axis for the channels");
  }
  detail::require_floating(b, *this, x);
  const Shape channels{b.shape(x).c()};
  ops::BatchNorm norm;
  norm.epsilon = options_.epsilon;
  norm.momentum = options_.momentum;
  const Value gamma = b.parameter("gamma", channels, ones());
  const Value beta = b.parameter("beta", channels, zeros());
  const Value mean = b.state("running_mean", channels, 0);
  const Value variance = b.state("running_var", channels, 1);
  return b.add(norm, {x, gamma, beta, mean, variance});
}

Dropout::Dropout(double rate, std::string name) : LayerBase(std::move(name)), rate_(rate) {
  FOVEA_REQUIRE(rate >= 0 && rate < 1, invalid_argument, "Dropout: the rate is in [0, 1), not ",
                rate);
}

Value Dropout::build(Builder& b, Value x) const {
  detail::require_floating(b, *this, x);
  if (rate_ == 0) return x;
  ops::Dropout dropout;
  dropout.rate = rate_;
  dropout.stream = b.random_stream();
  const Value seed = b.random_seed();
  const Value step = b.step_counter();
  return b.add(dropout, {x, seed, step});
}

Value Rescaling::build(Builder& b, Value x) const {
  ops::Rescale rescale;
  rescale.scale = {scale_};
  rescale.offset = {offset_};
  rescale.dtype = b.dtype();
  return b.add(rescale, {x});
}

Normalization::Normalization(std::vector<double> mean, std::vector<double> variance,
                             std::string name)
    : LayerBase(std::move(name)), mean_(std::move(mean)), variance_(std::move(variance)) {
  FOVEA_REQUIRE(!mean_.empty() && mean_.size() == variance_.size(), invalid_argument,
                "Normalization needs as many means as variances, not ", mean_.size(), " and ",
                variance_.size());
  for (double variance_value : variance_) {
    FOVEA_REQUIRE(variance_value > 0 && std::isfinite(variance_value), invalid_argument,
                  "Normalization: a variance must be > 0, not ", variance_value,
                  "; a channel without variation carries nothing, so leave it out");
  }
}

Value Normalization::build(Builder& b, Value x) const {
  const Shape& shape = b.shape(x);
  if (mean_.size() > 1 && (shape.rank() < 2 || shape.c() != std::ssize(mean_))) {
    detail::fail_shape(b, *this, x, "one mean and variance per channel",
                       "it was given " + std::to_string(mean_.size()));
  }
  ops::Rescale rescale;
  rescale.scale.clear();
  rescale.offset.clear();
  for (std::size_t c = 0; c < mean_.size(); ++c) {
    const double scale = 1 / std::sqrt(variance_[c]);
    rescale.scale.push_back(scale);
    rescale.offset.push_back(-mean_[c] * scale);
  }
  rescale.dtype = b.dtype();
  return b.add(rescale, {x});
}

}  // namespace fovea
