// Activations as plain loops.
#include "fovea/ops/activation.h"

#include <cmath>
#include <numbers>

#include "host/cpu/reference/elements.h"
#include "host/cpu/reference/kernels.h"

namespace fovea::cpu {
namespace {

/// The standard normal distribution function; erfc keeps its digits far to the left.
template <class T>
T normal_cdf(T x) {
  return T{0.5} * std::erfc(-x * (std::numbers::sqrt2_v<T> / 2));
}

template <class T>
T normal_density(T x) {
  return std::exp(-x * x / 2) * (std::numbers::inv_sqrtpi_v<T> / std::numbers::sqrt2_v<T>);
}

/// y = f(x). A NaN passes through every one of them, so that it is found where it arose.
template <class T>
void activate(const ops::Activate& op, const KernelContext& context) {
  const T* x = context.input<T>(0);
  T* y = context.output<T>(0);
  const T alpha = static_cast<T>(op.activation.alpha);
  const auto map = [&](auto f) {
    for_each_element(context.threads(), context.output_shape(0).numel(),
                     [=](std::int64_t i) { y[i] = f(x[i]); });
  };
  using Kind = Activation::Kind;
  switch (op.activation.kind) {
    case Kind::identity:
      return map([](T v) { return v; });
    case Kind::relu:
      return map([](T v) { return v < 0 ? T{0} : v; });
    case Kind::leaky_relu:
      return map([alpha](T v) { return v < 0 ? alpha * v : v; });
    case Kind::elu:
      return map([alpha](T v) { return v < 0 ? alpha * std::expm1(v) : v; });
    case Kind::sigmoid:
      return map([](T v) { return sigmoid(v); });
    case Kind::tanh:
      return map([](T v) { return std::tanh(v); });
    case Kind::gelu:
      return map([](T v) { return v * normal_cdf(v); });
    case Kind::silu:
      return map([](T v) { return v * sigmoid(v); });
    case Kind::step:
      return map([](T v) { return v > 0 ? T{1} : v <= 0 ? T{0} : v; });
    case Kind::selu:
      return map([](T v) {
        return static_cast<T>(ops::kSeluScale) *
               (v < 0 ? static_cast<T>(ops::kSeluAlpha) * std::expm1(v) : v);
      });
    case Kind::softplus:
      return map([](T v) { return std::max(v, T{0}) + std::log1p(std::exp(-std::abs(v))); });
    case Kind::hard_swish:
      return map([](T v) { return v <= -3 ? T{0} : v >= 3 ? v : v * (v + 3) / 6; });
  }
}

/// dx = dy f', where f' is had from y = f(x) or, for those that save it, from x.
template <class T>
void activate_backward(const ops::ActivateBackward& op, const KernelContext& context) {
  const T* dy = context.input<T>(0);
  const T* saved = context.input<T>(1);
  T* dx = context.output<T>(0);
  const T alpha = static_cast<T>(op.activation.alpha);
  const auto map = [&](auto derivative) {
    for_each_element(context.threads(), context.output_shape(0).numel(),
                     [=](std::int64_t i) { dx[i] = dy[i] * derivative(saved[i]); });
  };
  using Kind = Activation::Kind;
  switch (op.activation.kind) {
    case Kind::identity:
      return map([](T) { return T{1}; });
    case Kind::relu:
      return map([](T y) { return y > 0 ? T{1} : T{0}; });
    case Kind::leaky_relu:
      return map([alpha](T y) { return y > 0 ? T{1} : alpha; });
    case Kind::elu:
      return map([alpha](T y) { return y > 0 ? T{1} : y + alpha; });
    case Kind::sigmoid:
      return map([](T y) { return y * (1 - y); });
    case Kind::tanh:
      return map([](T y) { return 1 - y * y; });
    case Kind::gelu:
      return map([](T x) { return normal_cdf(x) + x * normal_density(x); });
    case Kind::silu:
      return map([](T x) {
        const T s = sigmoid(x);
        return s * (1 + x * (1 - s));
      });
    case Kind::step:
      return map([](T) { return T{0}; });
    case Kind::selu:
      return map([](T y) {
        const T scale = static_cast<T>(ops::kSeluScale);
        return y > 0 ? scale : y + scale * static_cast<T>(ops::kSeluAlpha);
      });
    case Kind::softplus:
      return map([](T y) { return -std::expm1(-y); });
    case Kind::hard_swish:
      return map([](T x) { return x <= -3 ? T{0} : x >= 3 ? T{1} : (2 * x + 3) / 6; });
  }
}

template <class T>
void softmax(const ops::Softmax&, const KernelContext& context) {
  const std::int64_t columns = context.input_shape(0).c();
  const std::int64_t rows = context.input_shape(0).numel() / columns;
  for_each_row(context.threads(), rows, columns, [&](std::int64_t row) {
    const std::int64_t offset = row * columns;
    const T* x = context.input<T>(0) + offset;
    T* y = context.output<T>(0) + offset;
    const T largest = *std::max_element(x, x + columns);
    double sum = 0;
    for (std::int64_t c = 0; c < columns; ++c) {
      y[c] = std::exp(x[c] - largest);
      sum += static_cast<double>(y[c]);
    }
    const T inverse = static_cast<T>(1 / sum);
    for (std::int64_t c = 0; c < columns; ++c) y[c] *= inverse;
  });
}

template <class T>
void softmax_backward(const ops::SoftmaxBackward&, const KernelContext& context) {
  const std::int64_t columns = context.input_shape(0).c();
  const std::int64_t rows = context.input_shape(0).numel() / columns;
  for_each_row(context.threads(), rows, columns, [&](std::int64_t row) {
    const std::int64_t offset = row * columns;
    const T* dy = context.input<T>(0) + offset;
    const T* y = context.input<T>(1) + offset;
    T* dx = context.output<T>(0) + offset;
    const T inner = static_cast<T>(
        sum_elements(0, columns, [=](std::int64_t c) { return double{dy[c]} * double{y[c]}; }));
    for (std::int64_t c = 0; c < columns; ++c) dx[c] = y[c] * (dy[c] - inner);
  });
}

}  // namespace

void add_reference_activation(KernelTable& table) {
  table.add<ops::Activate>("reference", reference(activate<float>, activate<double>, {{{0, 0}}}));
  table.add<ops::ActivateBackward>(
      "reference",
      reference(activate_backward<float>, activate_backward<double>, {{{0, 0}, {0, 1}}}));
  table.add<ops::Softmax>("reference", reference(softmax<float>, softmax<double>, {{{0, 0}}}));
  table.add<ops::SoftmaxBackward>(
      "reference",
      reference(softmax_backward<float>, softmax_backward<double>, {{{0, 0}, {0, 1}}}));
}

}  // namespace fovea::cpu
