// Batch normalization as plain loops. Statistics are sums in double, the variance in a second pass
// around the mean, so that neither large batches nor means far from zero cost digits.
#include "fovea/ops/norm.h"

#include <algorithm>
#include <cmath>

#include "host/cpu/parallel.h"
#include "host/cpu/reference/columns.h"
#include "host/cpu/reference/kernels.h"

namespace fovea::cpu {
namespace {

constexpr std::int64_t kWidth = ColumnBlock::kWidth;

/// y = (x - mean) scale + offset for the columns of a block. The mean is taken off first: folded
/// into the offset, one far from zero would cost digits.
template <class T>
struct Affine {
  T mean[kWidth], scale[kWidth], offset[kWidth];

  Affine(const ColumnBlock& block, double epsilon, const T* gamma, const T* beta, const T* means,
         const T* var) {
    for (std::int64_t c = 0; c < block.width; ++c) {
      const std::int64_t at = block.first + c;
      mean[c] = means[at];
      scale[c] = static_cast<T>(double{gamma[at]} / std::sqrt(double{var[at]} + epsilon));
      offset[c] = beta[at];
    }
  }
  T operator()(T x, std::int64_t c) const { return (x - mean[c]) * scale[c] + offset[c]; }
};

/// The mean and the biased variance of each column of a block; 0 of no rows.
template <class T>
void statistics(const ColumnBlock& block, const T* x, T* mean, T* var) {
  const double share = block.rows == 0 ? 0 : 1 / static_cast<double>(block.rows);
  double means[kWidth] = {};
  block.for_each_row([&](std::int64_t at) {
    for (std::int64_t c = 0; c < block.width; ++c) means[c] += double{x[at + c]};
  });
  for (double& value : means) value *= share;
  double squares[kWidth] = {};
  block.for_each_row([&](std::int64_t at) {
    for (std::int64_t c = 0; c < block.width; ++c) {
      const double difference = double{x[at + c]} - means[c];
      squares[c] += difference * difference;
    }
  });
  for (std::int64_t c = 0; c < block.width; ++c) {
    mean[block.first + c] = static_cast<T>(means[c]);
    var[block.first + c] = static_cast<T>(squares[c] * share);
  }
}

template <class T>
T relu(T x) {
  return std::max(x, T{0});  // in this order, a NaN stays one
}

/// y = finish(batch norm of x, index), a block of columns at a time.
template <class T, class Finish>
void normalize_batch(double epsilon, const KernelContext& context, const Finish& finish) {
  const T* x = context.input<T>(0);
  T* y = context.output<T>(0);
  T* mean = context.output<T>(1);
  T* var = context.output<T>(2);
  for_each_column_block(context.threads(), context.input_shape(0), [&](const ColumnBlock& block) {
    statistics(block, x, mean, var);
    const Affine<T> affine(block, epsilon, context.input<T>(1), context.input<T>(2), mean, var);
    block.for_each_row([&](std::int64_t at) {
      for (std::int64_t c = 0; c < block.width; ++c) {
        y[at + c] = finish(affine(x[at + c], c), at + c);
      }
    });
  });
}

template <class T>
void batch_norm(const ops::BatchNorm& op, const KernelContext& context) {
  normalize_batch<T>(op.epsilon, context, [](T value, std::int64_t) { return value; });
}

template <class T>
void batch_norm_relu(const ops::BatchNormAct& op, const KernelContext& context) {
  if (op.residual) {
    const T* residual = context.input<T>(5);
    normalize_batch<T>(op.epsilon, context,
                       [=](T value, std::int64_t at) { return relu(value + residual[at]); });
  } else {
    normalize_batch<T>(op.epsilon, context, [](T value, std::int64_t) { return relu(value); });
  }
}

template <class T>
void batch_norm_inference(const ops::BatchNormInference& op, const KernelContext& context) {
  const T* x = context.input<T>(0);
  T* y = context.output<T>(0);
  for_each_column_block(context.threads(), context.input_shape(0), [&](const ColumnBlock& block) {
    const Affine<T> affine(block, op.epsilon, context.input<T>(1), context.input<T>(2),
                           context.input<T>(3), context.input<T>(4));
    block.for_each_row([&](std::int64_t at) {
      for (std::int64_t c = 0; c < block.width; ++c) {
        y[at + c] = affine(x[at + c], c);
      }
    });
  });
}

/// What the backward passes read and write.
template <class T>
struct Backward {
  const T *dy, *x, *gamma, *mean, *var;
  T *dx, *dgamma, *dbeta;
  double epsilon;
  bool constant_statistics;  ///< the batch's own statistics depend on x, given ones do not
};

/// With x^ = (x - mean) / sqrt(var + epsilon): dbeta = sum dy, dgamma = sum dy x^, and
/// dx = gamma / sqrt(var + epsilon) (dy - dbeta / rows - x^ dgamma / rows), where the last two
/// terms are the statistics' share.
template <class T>
void backward_block(const Backward<T>& pass, const ColumnBlock& block) {
  double sums[kWidth] = {}, products[kWidth] = {}, means[kWidth], inverses[kWidth];
  for (std::int64_t c = 0; c < block.width; ++c) {
    means[c] = double{pass.mean[block.first + c]};
    inverses[c] = 1 / std::sqrt(double{pass.var[block.first + c]} + pass.epsilon);
  }
  block.for_each_row([&](std::int64_t at) {
    for (std::int64_t c = 0; c < block.width; ++c) {
      const double dy = double{pass.dy[at + c]};
      sums[c] += dy;
      products[c] += dy * (double{pass.x[at + c]} - means[c]);
    }
  });
  // dx = factor dy + slope (x - mean) + offset.
  T factor[kWidth], slope[kWidth], offset[kWidth], mean[kWidth];
  const double share =
      pass.constant_statistics || block.rows == 0 ? 0 : 1 / static_cast<double>(block.rows);
  for (std::int64_t c = 0; c < block.width; ++c) {
    const double scale = double{pass.gamma[block.first + c]} * inverses[c];
    factor[c] = static_cast<T>(scale);
    slope[c] = static_cast<T>(-scale * inverses[c] * inverses[c] * products[c] * share);
    offset[c] = static_cast<T>(-scale * sums[c] * share);
    mean[c] = pass.mean[block.first + c];
    pass.dgamma[block.first + c] = static_cast<T>(products[c] * inverses[c]);
    pass.dbeta[block.first + c] = static_cast<T>(sums[c]);
  }
  block.for_each_row([&](std::int64_t at) {
    for (std::int64_t c = 0; c < block.width; ++c) {
      pass.dx[at + c] =
          factor[c] * pass.dy[at + c] + slope[c] * (pass.x[at + c] - mean[c]) + offset[c];
    }
  });
}

template <class T>
void differentiate_norm(double epsilon, bool constant_statistics, const KernelContext& context) {
  const Backward<T> pass{context.input<T>(0),  context.input<T>(1),  context.input<T>(2),
                         context.input<T>(3),  context.input<T>(4),  context.output<T>(0),
                         context.output<T>(1), context.output<T>(2), epsilon,
                         constant_statistics};
  for_each_column_block(context.threads(), context.input_shape(1),
                        [&](const ColumnBlock& block) { backward_block(pass, block); });
}

template <class T>
void batch_norm_backward(const ops::BatchNormBackward& op, const KernelContext& context) {
  differentiate_norm<T>(op.epsilon, false, context);
}

template <class T>
void batch_norm_inference_backward(const ops::BatchNormInferenceBackward& op,
                                   const KernelContext& context) {
  differentiate_norm<T>(op.epsilon, true, context);
}

template <class T>
void batch_norm_relu_backward(const ops::BatchNormActBackward& op, const KernelContext& context) {
  const T* dy = context.input<T>(0);
  const T* saved = context.input<T>(1);
  T* d = context.output<T>(0);
  const Backward<T> pass{d,
                         context.input<T>(2),
                         context.input<T>(3),
                         context.input<T>(4),
                         context.input<T>(5),
                         context.output<T>(1),
                         context.output<T>(2),
                         context.output<T>(3),
                         op.epsilon,
                         false};
  for_each_column_block(context.threads(), context.input_shape(0), [&](const ColumnBlock& block) {
    block.for_each_row([&](std::int64_t at) {
      for (std::int64_t c = 0; c < block.width; ++c) {
        d[at + c] = saved[at + c] > T{0} ? dy[at + c] : T{0};
      }
    });
    backward_block(pass, block);
  });
}

template <class T>
void fold_batch_norm(const ops::FoldBatchNorm& op, const KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  const T* w = context.input<T>(0);
  const T* gamma = context.input<T>(1);
  const T* beta = context.input<T>(2);
  const T* mean = context.input<T>(3);
  const T* var = context.input<T>(4);
  const T* bias = context.input_count() > 5 ? context.input<T>(5) : nullptr;
  T* folded_w = context.output<T>(0);
  T* folded_bias = context.output<T>(1);
  const std::int64_t filters = shape[0];
  const std::int64_t size = shape.drop_front().numel();
  for (std::int64_t k = 0; k < filters; ++k) {
    const double factor = double{gamma[k]} / std::sqrt(double{var[k]} + op.epsilon);
    const double shift = (bias ? double{bias[k]} : 0) - double{mean[k]};
    folded_bias[k] = static_cast<T>(double{beta[k]} + shift * factor);
    for (std::int64_t i = 0; i < size; ++i) {
      folded_w[k * size + i] = static_cast<T>(double{w[k * size + i]} * factor);
    }
  }
}

/// The fused kernels' factory: they know relu alone, the one that batch norm is followed by.
template <class DerivedOp>
auto with_relu(ReferenceKernel<DerivedOp> f32, ReferenceKernel<DerivedOp> f64) {
  return [=](const DerivedOp& op, const LowerRequest& request) -> LowerResult {
    if (op.activation.kind != Activation::Kind::relu) return Decline{"only relu is fused"};
    return reference(f32, f64)(op, request);
  };
}

}  // namespace

void add_reference_norm(KernelTable& table) {
  table.add<ops::BatchNorm>("reference", reference(batch_norm<float>, batch_norm<double>));
  table.add<ops::BatchNormBackward>(
      "reference", reference(batch_norm_backward<float>, batch_norm_backward<double>));
  table.add<ops::BatchNormInference>(
      "reference", reference(batch_norm_inference<float>, batch_norm_inference<double>));
  table.add<ops::BatchNormInferenceBackward>(
      "reference",
      reference(batch_norm_inference_backward<float>, batch_norm_inference_backward<double>));
  table.add<ops::BatchNormAct>("reference",
                               with_relu(batch_norm_relu<float>, batch_norm_relu<double>));
  table.add<ops::BatchNormActBackward>(
      "reference", with_relu(batch_norm_relu_backward<float>, batch_norm_relu_backward<double>));
  table.add<ops::FoldBatchNorm>("reference",
                                reference(fold_batch_norm<float>, fold_batch_norm<double>));
}

}  // namespace fovea::cpu
