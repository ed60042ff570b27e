#include "tests/simulated_gpu/cudnn/compute.h"

#include <cmath>

namespace simulated_gpu::cudnn {
namespace {

using Kind = Operation::Kind;

/// Calls visit(x's pixel, w's tap, y's pixel) for all three that meet, each the index of the
/// pixel's or the tap's first channel; for the filters of all groups at once.
template <class Visit>
void for_each_meeting(const Window& window, const Values& x, const Values& w, const Values& y,
                      const Visit& visit) {
  for (std::int64_t n = 0; n < y.sizes[0]; ++n) {
    for (std::int64_t h = 0; h < y.sizes[1]; ++h) {
      for (std::int64_t v = 0; v < y.sizes[2]; ++v) {
        for (std::int64_t r = 0; r < w.sizes[1]; ++r) {
          const std::int64_t row = h * window.stride[0] + r * window.dilation[0] - window.before[0];
          if (row < 0 || row >= x.sizes[1]) continue;
          for (std::int64_t s = 0; s < w.sizes[2]; ++s) {
            const std::int64_t column =
                v * window.stride[1] + s * window.dilation[1] - window.before[1];
            if (column < 0 || column >= x.sizes[2]) continue;
            visit(x.index(n, row, column, 0), w.index(0, r, s, 0), y.index(n, h, v, 0));
          }
        }
      }
    }
  }
}

/// y += x * w, dx += dy * w or dw += x * dy: of these three, the one that is not const.
template <class X, class W, class Y>
void convolve(const Operation& operation, X& x, W& w, Y& y) {
  const auto filters = static_cast<std::size_t>(w.sizes[0]);
  const auto channels = static_cast<std::size_t>(w.sizes[3]);  // of one group
  const std::size_t groups = static_cast<std::size_t>(x.sizes[3]) / channels;
  const std::size_t filter_size = w.elements.size() / filters;
  for_each_meeting(operation.window, x, w, y,
                   [&](std::size_t pixel, std::size_t tap, std::size_t result) {
                     for (std::size_t k = 0; k < filters; ++k) {
                       const std::size_t group = k / (filters / groups);
                       auto* const x_channels = x.elements.data() + pixel + group * channels;
                       auto* const w_channels = w.elements.data() + tap + k * filter_size;
                       auto& y_channel = y.elements[result + k];
                       if constexpr (!std::is_const_v<Y>) {
                         double sum = 0;
                         for (std::size_t c = 0; c < channels; ++c)
                           sum += x_channels[c] * w_channels[c];
                         y_channel += sum;
                       } else if constexpr (!std::is_const_v<X>) {
                         for (std::size_t c = 0; c < channels; ++c)
                           x_channels[c] += y_channel * w_channels[c];
                       } else {
                         for (std::size_t c = 0; c < channels; ++c)
                           w_channels[c] += y_channel * x_channels[c];
                       }
                     }
                   });
}

Values convolution(const Operation& operation, const Values& first, const Values& second) {
  Values output(operation.outputs[0]);
  if (operation.kind == Kind::forward) {
    convolve(operation, first, second, output);
  } else if (operation.kind == Kind::backward_data) {
    convolve(operation, output, second, first);
  } else {
    convolve(operation, first, output, second);
  }
  for (double& element : output.elements) element *= operation.alpha;
  return output;
}

double relu(const Pointwise& f, double x) {
  if (std::isnan(x)) return f.nan_passes ? x : f.lower;
  if (x <= f.lower) return f.lower + f.slope * (x - f.lower);
  return std::min(x, f.upper);
}

double pointwise(const Pointwise& f, double a, double b) {
  switch (f.mode) {
    case CUDNN_POINTWISE_ADD:
      return a + b;
    case CUDNN_POINTWISE_SUB:
      return a - b;
    case CUDNN_POINTWISE_MUL:
      return a * b;
    case CUDNN_POINTWISE_RELU_FWD:
      return relu(f, a);
    case CUDNN_POINTWISE_RELU_BWD:
      return a <= f.lower ? f.slope * b : a <= f.upper ? b : std::isnan(a) ? a : 0;
    default:
      return a;
  }
}

Values pointwise(const Operation& operation, const std::vector<const Values*>& inputs) {
  Values output(operation.outputs[0]);
  const Values& a = *inputs.front();
  const Values& b = *inputs.back();
  const auto within = [](std::int64_t i, std::int64_t size) { return size == 1 ? 0 : i; };
  std::size_t at = 0;
  for (std::int64_t n = 0; n < output.sizes[0]; ++n) {
    for (std::int64_t h = 0; h < output.sizes[1]; ++h) {
      for (std::int64_t w = 0; w < output.sizes[2]; ++w) {
        for (std::int64_t c = 0; c < output.sizes[3]; ++c, ++at) {
          const std::size_t other = b.index(within(n, b.sizes[0]), within(h, b.sizes[1]),
                                            within(w, b.sizes[2]), within(c, b.sizes[3]));
          output.elements[at] = pointwise(operation.pointwise, operation.alpha * a.elements[at],
                                          operation.beta * b.elements[other]);
        }
      }
    }
  }
  return output;
}

/// The sums over all pixels, per channel, of x and of x times y.
std::array<std::vector<double>, 2> channel_sums(const Values& x, const Values& y) {
  const auto channels = static_cast<std::size_t>(x.sizes[3]);
  std::array<std::vector<double>, 2> sums = {std::vector<double>(channels),
                                             std::vector<double>(channels)};
  for (std::size_t i = 0; i < x.elements.size(); ++i) {
    sums[0][i % channels] += x.elements[i];
    sums[1][i % channels] += x.elements[i] * y.elements[i];
  }
  return sums;
}

std::vector<Values> statistics(const Operation& operation, const Values& x) {
  std::vector<Values> outputs = {Values(operation.outputs[0]), Values(operation.outputs[1])};
  auto sums = channel_sums(x, x);
  for (std::size_t i = 0; i < 2; ++i) outputs[i].elements = std::move(sums[i]);
  return outputs;
}

/// With x' = (x - mean) / deviation, y = scale x' + bias: the gradients of scale and bias are the
/// sums of dy x' and dy, and dx = scale / deviation (dy - mean(dy) - x' mean(dy x')).
std::vector<Values> batch_norm_weights(const Operation& operation,
                                       const std::vector<const Values*>& inputs) {
  std::vector<Values> outputs;
  for (const Tensor& output : operation.outputs) outputs.emplace_back(output);
  const Values& x = *inputs[0];
  const auto sums = channel_sums(*inputs[1], x);
  const auto channels = static_cast<std::size_t>(x.sizes[3]);
  const auto count = static_cast<double>(x.elements.size() / channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const double mean = inputs[2]->elements[c];
    const double inverse = inputs[3]->elements[c];
    const double factor = inputs[4]->elements[c] * inverse;
    const double bias_gradient = sums[0][c];
    const double scale_gradient = (sums[1][c] - mean * sums[0][c]) * inverse;
    const double of_x = -factor * scale_gradient / count * inverse;
    const double results[] = {scale_gradient, bias_gradient, factor, of_x,
                              -factor * bias_gradient / count - of_x * mean};
    for (std::size_t i = 0; i < outputs.size(); ++i) outputs[i].elements[c] = results[i];
  }
  return outputs;
}

Values in_tf32(Values values) {
  for (double& element : values.elements) element = rounded_to_tf32(element);
  return values;
}

}  // namespace

std::vector<Values> compute(const Operation& operation, const std::vector<const Values*>& inputs,
                            bool tf32) {
  if (operation.is_convolution()) {
    if (!tf32) return {convolution(operation, *inputs[0], *inputs[1])};
    return {convolution(operation, in_tf32(*inputs[0]), in_tf32(*inputs[1]))};
  }
  if (operation.kind == Kind::statistics) return statistics(operation, *inputs[0]);
  if (operation.kind == Kind::batch_norm_weights) return batch_norm_weights(operation, inputs);
  return {pointwise(operation, inputs)};
}

}  // namespace simulated_gpu::cudnn
