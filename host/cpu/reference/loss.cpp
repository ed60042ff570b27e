// Losses and metrics as plain loops over samples.
#include "fovea/ops/loss.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "host/cpu/reference/elements.h"
#include "host/cpu/reference/kernels.h"

namespace fovea::cpu {
namespace {

// ---- Labels ----

/// One label per sample, seen as a row of zeros with a one. A label outside [0, classes) is a row
/// of NaNs, which makes the loss NaN instead of quietly leaving the sample out.
template <class T>
struct SparseLabels {
  const std::int32_t* labels;
  std::int64_t classes;

  T at(std::int64_t sample, std::int64_t c) const {
    const std::int32_t label = labels[sample];
    if (label < 0 || label >= classes) return std::numeric_limits<T>::quiet_NaN();
    return label == c ? T{1} : T{0};
  }
  std::int64_t largest(std::int64_t sample) const { return labels[sample]; }
};

std::int64_t first_largest(const auto* row, std::int64_t size) {
  return std::max_element(row, row + size) - row;
}

/// A row of targets per sample.
template <class T>
struct DenseLabels {
  const T* labels;
  std::int64_t classes;

  T at(std::int64_t sample, std::int64_t c) const { return labels[sample * classes + c]; }
  std::int64_t largest(std::int64_t sample) const {
    return first_largest(labels + sample * classes, classes);
  }
};

/// Calls body(labels) with input `index`, seen as rows of so many classes.
template <class T, class Body>
void with_labels(const KernelContext& context, std::size_t index, std::int64_t classes,
                 const Body& body) {
  if (context.input_type(index).dtype == DType::i32) {
    body(SparseLabels<T>{context.input<std::int32_t>(index), classes});
  } else {
    body(DenseLabels<T>{context.input<T>(index), classes});
  }
}

/// A target t made less certain: t (1 - s) + s / classes.
template <class T>
struct Smoothing {
  T kept, added;

  Smoothing(double smoothing, std::int64_t classes)
      : kept(static_cast<T>(1 - smoothing)),
        added(static_cast<T>(smoothing / static_cast<double>(classes))) {}
  T operator()(T target) const { return target * kept + added; }
};

// ---- Softmax and cross-entropy in one ----

/// losses = sum t (log sum e^z - z) with z = x - max; terms with t = 0 are left out, so that a
/// logit of -inf may stand for an impossible class.
template <class T>
void softmax_cross_entropy(const ops::SoftmaxCrossEntropy& op, const KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  const std::int64_t classes = shape[1];
  const Smoothing<T> smooth(op.label_smoothing, classes);
  with_labels<T>(context, 1, classes, [&](auto labels) {
    for_each_row(context.threads(), shape[0], classes, [&](std::int64_t n) {
      const T* x = context.input<T>(0) + n * classes;
      T* p = context.output<T>(1) + n * classes;
      const T largest = *std::max_element(x, x + classes);
      double sum = 0;
      for (std::int64_t c = 0; c < classes; ++c) {
        p[c] = std::exp(x[c] - largest);
        sum += static_cast<double>(p[c]);
      }
      const T inverse = static_cast<T>(1 / sum);
      const double log_sum = std::log(sum);
      double loss = 0;
      for (std::int64_t c = 0; c < classes; ++c) {
        p[c] *= inverse;
        const T t = smooth(labels.at(n, c));
        if (t != 0) loss += double{t} * (log_sum - double{x[c] - largest});
      }
      context.output<T>(0)[n] = static_cast<T>(loss);
    });
  });
}

template <class T>
void softmax_cross_entropy_backward(const ops::SoftmaxCrossEntropyBackward& op,
                                    const KernelContext& context) {
  const Shape& shape = context.input_shape(1);
  const std::int64_t classes = shape[1];
  const Smoothing<T> smooth(op.label_smoothing, classes);
  with_labels<T>(context, 2, classes, [&](auto labels) {
    for_each_row(context.threads(), shape[0], classes, [&](std::int64_t n) {
      const T dloss = context.input<T>(0)[n];
      const T* p = context.input<T>(1) + n * classes;
      T* dx = context.output<T>(0) + n * classes;
      double sum = 0;
      for (std::int64_t c = 0; c < classes; ++c) sum += double{smooth(labels.at(n, c))};
      const T total = static_cast<T>(sum);
      for (std::int64_t c = 0; c < classes; ++c) {
        dx[c] = dloss * (p[c] * total - smooth(labels.at(n, c)));
      }
    });
  });
}

// ---- Losses of one prediction against one target ----

/// Keras's bounds of a probability whose logarithm is taken.
template <class T>
struct ProbabilityRange {
  T lowest = static_cast<T>(1e-7);
  T highest = 1 - lowest;

  T clip(T p) const { return p < lowest ? lowest : p > highest ? highest : p; }
  bool inside(T p) const { return p >= lowest && p <= highest; }
  /// Clipped to [1e-7, 1].
  T raised(T p) const { return p < lowest ? lowest : p > 1 ? T{1} : p; }
};

/// 1 for yes, -1 for no, whether no is told by 0 or by -1.
template <class T>
T sign_of_target(T target) {
  return target > 0 ? T{1} : T{-1};
}

/// What the hinges take to some power: how much p misses of the margin on its target's side. NaN
/// stays NaN.
template <class T>
T shortfall(T margin, T p, T target) {
  const T missing = margin - sign_of_target(target) * p;
  return missing < 0 ? T{0} : missing;
}

/// losses[n] = the mean of loss(p, t) over the sample.
template <class T, class Loss>
void average_samples(const KernelContext& context, const Loss& loss) {
  const Shape& shape = context.input_shape(0);
  const std::int64_t size = shape.drop_front().numel();
  for_each_row(context.threads(), shape[0], size, [&](std::int64_t n) {
    const T* p = context.input<T>(0) + n * size;
    const T* t = context.input<T>(1) + n * size;
    const double sum = sum_elements(0, size, [=](std::int64_t i) { return loss(p[i], t[i]); });
    context.output<T>(0)[n] = static_cast<T>(sum / static_cast<double>(size));
  });
}

/// dp = dlosses[n] / size derivative(p, t).
template <class T, class Derivative>
void differentiate_samples(const KernelContext& context, const Derivative& derivative) {
  const Shape& shape = context.input_shape(1);
  const std::int64_t size = shape.drop_front().numel();
  for_each_row(context.threads(), shape[0], size, [&](std::int64_t n) {
    const T share = context.input<T>(0)[n] / static_cast<T>(size);
    const T* p = context.input<T>(1) + n * size;
    const T* t = context.input<T>(2) + n * size;
    T* dp = context.output<T>(0) + n * size;
    for (std::int64_t i = 0; i < size; ++i) dp[i] = share * derivative(p[i], t[i]);
  });
}

/// -sum t log clip(p / sum p) over each row of the last axis.
template <class T>
void cross_entropy(const ops::PointwiseLoss& op, const KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  const std::int64_t size = shape.drop_front().numel();
  const std::int64_t classes = shape.c();
  const std::int64_t rows = size / classes;
  const Smoothing<T> smooth(op.label_smoothing, classes);
  const ProbabilityRange<T> range;
  for_each_row(context.threads(), shape[0], size, [&](std::int64_t n) {
    double loss = 0;
    for (std::int64_t first = n * size; first < (n + 1) * size; first += classes) {
      const T* p = context.input<T>(0) + first;
      const T* t = context.input<T>(1) + first;
      const T total =
          static_cast<T>(sum_elements(0, classes, [=](std::int64_t c) { return p[c]; }));
      for (std::int64_t c = 0; c < classes; ++c) {
        loss -= double{smooth(t[c]) * std::log(range.clip(p[c] / total))};
      }
    }
    context.output<T>(0)[n] = static_cast<T>(loss / static_cast<double>(rows));
  });
}

/// With q = p / total and g = dloss / dq: dp = (g - sum g q) / total. Clipped q have g = 0.
template <class T>
void cross_entropy_backward(const ops::PointwiseLossBackward& op, const KernelContext& context) {
  const Shape& shape = context.input_shape(1);
  const std::int64_t size = shape.drop_front().numel();
  const std::int64_t classes = shape.c();
  const std::int64_t rows = size / classes;
  const Smoothing<T> smooth(op.label_smoothing, classes);
  const ProbabilityRange<T> range;
  for_each_row(context.threads(), shape[0], size, [&](std::int64_t n) {
    const T share = context.input<T>(0)[n] / static_cast<T>(rows);
    for (std::int64_t first = n * size; first < (n + 1) * size; first += classes) {
      const T* p = context.input<T>(1) + first;
      const T* t = context.input<T>(2) + first;
      T* dp = context.output<T>(0) + first;
      const T total =
          static_cast<T>(sum_elements(0, classes, [=](std::int64_t c) { return p[c]; }));
      double inner = 0;
      for (std::int64_t c = 0; c < classes; ++c) {
        const T q = p[c] / total;
        dp[c] = range.inside(q) ? -smooth(t[c]) / q : T{0};
        inner += double{dp[c]} * double{q};
      }
      for (std::int64_t c = 0; c < classes; ++c) {
        dp[c] = share * (dp[c] - static_cast<T>(inner)) / total;
      }
    }
  });
}

template <class T>
void pointwise_loss(const ops::PointwiseLoss& op, const KernelContext& context) {
  const T delta = static_cast<T>(op.delta);
  const Smoothing<T> smooth(op.label_smoothing, 2);
  const ProbabilityRange<T> range;
  using Kind = ops::PointwiseLoss::Kind;
  switch (op.kind) {
    case Kind::squared:
      return average_samples<T>(context, [](T p, T t) { return (p - t) * (p - t); });
    case Kind::absolute:
      return average_samples<T>(context, [](T p, T t) { return std::abs(p - t); });
    case Kind::huber:
      return average_samples<T>(context, [delta](T p, T t) {
        const T error = std::abs(p - t);
        return error <= delta ? error * error / 2 : delta * (error - delta / 2);
      });
    case Kind::sigmoid_cross_entropy:
      return average_samples<T>(context, [smooth](T p, T t) {
        return (p < 0 ? T{0} : p) - p * smooth(t) + std::log1p(std::exp(-std::abs(p)));
      });
    case Kind::binary_cross_entropy:
      return average_samples<T>(context, [smooth, range](T p, T t) {
        const T q = range.clip(p);
        const T target = smooth(t);
        return -(target * std::log(q) + (1 - target) * std::log(1 - q));
      });
    case Kind::cross_entropy:
      return cross_entropy<T>(op, context);
    case Kind::hinge:
      return average_samples<T>(context, [delta](T p, T t) { return shortfall(delta, p, t); });
    case Kind::squared_hinge:
      return average_samples<T>(context, [delta](T p, T t) {
        const T missing = shortfall(delta, p, t);
        return missing * missing;
      });
    case Kind::cubed_hinge:
      return average_samples<T>(context, [delta](T p, T t) {
        const T missing = shortfall(delta, p, t);
        return missing * missing * missing;
      });
    case Kind::squared_log:
      return average_samples<T>(context, [range](T p, T t) {
        const T logarithm = t * std::log(range.clip(p));
        return logarithm * logarithm;
      });
    case Kind::kl_divergence:
      return average_samples<T>(context, [range](T p, T t) {
        return range.raised(t) * std::log(range.raised(t) / range.raised(p));
      });
    case Kind::log_cosh:
      return average_samples<T>(context, [](T p, T t) {
        const T error = std::abs(p - t);
        return error + std::log1p(std::exp(-2 * error)) - std::numbers::ln2_v<T>;
      });
    case Kind::poisson:
      return average_samples<T>(context,
                                [range](T p, T t) { return p - t * std::log(p + range.lowest); });
  }
}

template <class T>
void pointwise_loss_backward(const ops::PointwiseLossBackward& op, const KernelContext& context) {
  const T delta = static_cast<T>(op.delta);
  const Smoothing<T> smooth(op.label_smoothing, 2);
  const ProbabilityRange<T> range;
  using Kind = ops::PointwiseLoss::Kind;
  switch (op.kind) {
    case Kind::squared:
      return differentiate_samples<T>(context, [](T p, T t) { return 2 * (p - t); });
    case Kind::absolute:
      return differentiate_samples<T>(context, [](T p, T t) {
        return p > t ? T{1} : p < t ? T{-1} : T{0};
      });
    case Kind::huber:
      return differentiate_samples<T>(context, [delta](T p, T t) {
        const T error = p - t;
        return error > delta ? delta : error < -delta ? -delta : error;
      });
    case Kind::sigmoid_cross_entropy:
      return differentiate_samples<T>(context,
                                      [smooth](T p, T t) { return sigmoid(p) - smooth(t); });
    case Kind::binary_cross_entropy:
      return differentiate_samples<T>(context, [smooth, range](T p, T t) {
        const T target = smooth(t);
        return range.inside(p) ? (1 - target) / (1 - p) - target / p : T{0};
      });
    case Kind::cross_entropy:
      return cross_entropy_backward<T>(op, context);
    case Kind::hinge:
      return differentiate_samples<T>(context, [delta](T p, T t) {
        return shortfall(delta, p, t) > 0 ? -sign_of_target(t) : T{0};
      });
    case Kind::squared_hinge:
      return differentiate_samples<T>(
          context, [delta](T p, T t) { return -2 * sign_of_target(t) * shortfall(delta, p, t); });
    case Kind::cubed_hinge:
      return differentiate_samples<T>(context, [delta](T p, T t) {
        const T missing = shortfall(delta, p, t);
        return -3 * sign_of_target(t) * missing * missing;
      });
    case Kind::squared_log:
      return differentiate_samples<T>(context, [range](T p, T t) {
        return range.inside(p) ? 2 * t * t * std::log(p) / p : T{0};
      });
    case Kind::kl_divergence:
      return differentiate_samples<T>(context, [range](T p, T t) {
        return p >= range.lowest && p <= 1 ? -range.raised(t) / p : T{0};
      });
    case Kind::log_cosh:
      return differentiate_samples<T>(context, [](T p, T t) { return std::tanh(p - t); });
    case Kind::poisson:
      return differentiate_samples<T>(context,
                                      [range](T p, T t) { return 1 - t / (p + range.lowest); });
  }
}

// ---- Labels and metrics ----

template <class T>
void one_hot(const ops::OneHot& op, const KernelContext& context) {
  const SparseLabels<T> labels{context.input<std::int32_t>(0), op.classes};
  for_each_row(context.threads(), context.input_shape(0)[0], op.classes, [&](std::int64_t n) {
    T* row = context.output<T>(0) + n * op.classes;
    for (std::int64_t c = 0; c < op.classes; ++c) row[c] = labels.at(n, c);
  });
}

template <class T>
void accuracy_of_classes(const KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  const std::int64_t classes = shape[1];
  with_labels<T>(context, 1, classes, [&](auto labels) {
    for_each_row(context.threads(), shape[0], classes, [&](std::int64_t n) {
      const std::int64_t best = first_largest(context.input<T>(0) + n * classes, classes);
      context.output<T>(0)[n] = best == labels.largest(n) ? T{1} : T{0};
    });
  });
}

/// Whether fewer than k predictions are larger than the right class's.
template <class T>
void accuracy_of_top(std::int64_t k, const KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  const std::int64_t classes = shape[1];
  with_labels<T>(context, 1, classes, [&](auto labels) {
    for_each_row(context.threads(), shape[0], classes, [&](std::int64_t n) {
      const T* p = context.input<T>(0) + n * classes;
      const std::int64_t right = labels.largest(n);
      const T wanted =
          right >= 0 && right < classes ? p[right] : std::numeric_limits<T>::quiet_NaN();
      const auto larger = std::count_if(p, p + classes, [=](T other) { return other > wanted; });
      context.output<T>(0)[n] = !std::isnan(wanted) && larger < k ? T{1} : T{0};
    });
  });
}

/// Every column is a yes-or-no question of its own.
template <class T, class Label>
void accuracy_of_answers(T threshold, const Label* labels, const KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  const std::int64_t answers = shape[1];
  for_each_row(context.threads(), shape[0], answers, [&](std::int64_t n) {
    std::int64_t right = 0;
    for (std::int64_t i = n * answers; i < (n + 1) * answers; ++i) {
      const bool expected = static_cast<double>(labels[i]) > 0.5;
      right += (context.input<T>(0)[i] > threshold) == expected ? 1 : 0;
    }
    context.output<T>(0)[n] = static_cast<T>(right) / static_cast<T>(answers);
  });
}

template <class T>
void accuracy(const ops::Accuracy& op, const KernelContext& context) {
  if (op.top_k > 0) return accuracy_of_top<T>(op.top_k, context);
  const bool single = context.input_shape(0)[1] == 1;
  if (!op.binary && !single) return accuracy_of_classes<T>(context);
  const T threshold = static_cast<T>(op.threshold);
  if (context.input_type(1).dtype == DType::i32) {
    accuracy_of_answers<T>(threshold, context.input<std::int32_t>(1), context);
  } else {
    accuracy_of_answers<T>(threshold, context.input<T>(1), context);
  }
}

template <class T>
void sum_above(const ops::SumAbove& op, const KernelContext& context) {
  const T* scores = context.input<T>(0);
  const T* values = context.input<T>(1);
  const std::int64_t count = context.input_shape(0)[0];
  const T highest = static_cast<T>(op.thresholds - 1);
  for_each_row(context.threads(), op.thresholds, count, [&](std::int64_t k) {
    const T threshold = static_cast<T>(k);
    double sum = 0;
    for (std::int64_t n = 0; n < count; ++n) {
      if (k == 0 || scores[n] * highest > threshold) sum += double{values[n]};
    }
    context.output<T>(0)[k] = static_cast<T>(sum);
  });
}

}  // namespace

void add_reference_loss(KernelTable& table) {
  table.add<ops::SoftmaxCrossEntropy>(
      "reference", reference(softmax_cross_entropy<float>, softmax_cross_entropy<double>));
  table.add<ops::SoftmaxCrossEntropyBackward>(
      "reference",
      reference(softmax_cross_entropy_backward<float>, softmax_cross_entropy_backward<double>));
  table.add<ops::PointwiseLoss>("reference",
                                reference(pointwise_loss<float>, pointwise_loss<double>));
  table.add<ops::PointwiseLossBackward>(
      "reference", reference(pointwise_loss_backward<float>, pointwise_loss_backward<double>));
  table.add<ops::OneHot>("reference", reference(one_hot<float>, one_hot<double>));
  table.add<ops::Accuracy>("reference", reference(accuracy<float>, accuracy<double>));
  table.add<ops::SumAbove>("reference", reference(sum_above<float>, sum_above<double>));
}

}  // namespace fovea::cpu
