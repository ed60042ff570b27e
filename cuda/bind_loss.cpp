// Losses and metrics on CUDA.
#include "cuda/bind.h"
#include "fovea/ops/loss.h"
#include "kernels/loss.h"

namespace fovea::cuda {
namespace {

// ---- Classes ----

kernels::ClassShape class_shape(const ValueType& predictions, const ValueType& labels) {
  return {predictions.dtype, predictions.shape[0], predictions.shape[1],
          labels.dtype == DType::i32};
}

cudaError_t softmax_cross_entropy(const ops::SoftmaxCrossEntropy& op,
                                  const KernelContext& context) {
  return kernels::softmax_cross_entropy(
      stream_of(context), class_shape(context.input_type(0), context.input_type(1)),
      op.label_smoothing, context.input(0), context.input(1), context.output(0), context.output(1));
}

cudaError_t softmax_cross_entropy_backward(const ops::SoftmaxCrossEntropyBackward& op,
                                           const KernelContext& context) {
  return kernels::softmax_cross_entropy_backward(
      stream_of(context), class_shape(context.input_type(1), context.input_type(2)),
      op.label_smoothing, context.input(0), context.input(1), context.input(2), context.output(0));
}

cudaError_t one_hot(const ops::OneHot& op, const KernelContext& context) {
  return kernels::one_hot(stream_of(context), op.dtype, context.input<std::int32_t>(0),
                          context.output(0), context.input_shape(0)[0], op.classes);
}

// ---- One prediction against one target ----

kernels::SampleShape sample_shape(const ValueType& predictions) {
  return {predictions.dtype, predictions.shape[0], predictions.shape.drop_front().numel(),
          predictions.shape.rank() > 1 ? predictions.shape.c() : 1};
}

template <class DerivedOp>
kernels::PointwiseFunction function_of(const DerivedOp& op) {
  using Kind = ops::PointwiseLoss::Kind;
  using kernels::PointwiseKind;
  const auto kind = [&] {
    switch (op.kind) {
      case Kind::squared:
        return PointwiseKind::squared;
      case Kind::absolute:
        return PointwiseKind::absolute;
      case Kind::huber:
        return PointwiseKind::huber;
      case Kind::sigmoid_cross_entropy:
        return PointwiseKind::sigmoid_cross_entropy;
      case Kind::binary_cross_entropy:
        return PointwiseKind::binary_cross_entropy;
      case Kind::cross_entropy:
        return PointwiseKind::cross_entropy;
      case Kind::hinge:
        return PointwiseKind::hinge;
      case Kind::squared_hinge:
        return PointwiseKind::squared_hinge;
      case Kind::cubed_hinge:
        return PointwiseKind::cubed_hinge;
      case Kind::squared_log:
        return PointwiseKind::squared_log;
      case Kind::kl_divergence:
        return PointwiseKind::kl_divergence;
      case Kind::log_cosh:
        return PointwiseKind::log_cosh;
      case Kind::poisson:
        return PointwiseKind::poisson;
    }
    return PointwiseKind::squared;
  };
  return {kind(), static_cast<float>(op.delta), op.label_smoothing};
}

cudaError_t pointwise_loss(const ops::PointwiseLoss& op, const KernelContext& context) {
  return kernels::pointwise_loss(stream_of(context), sample_shape(context.input_type(0)),
                                 function_of(op), context.input(0), context.input(1),
                                 context.output(0), context.workspace());
}

cudaError_t pointwise_loss_backward(const ops::PointwiseLossBackward& op,
                                    const KernelContext& context) {
  return kernels::pointwise_loss_backward(stream_of(context), sample_shape(context.input_type(1)),
                                          function_of(op), context.input(0), context.input(1),
                                          context.input(2), context.output(0));
}

// ---- Whole rows ----

kernels::RowLossKind kind_of(ops::RowLoss::Kind kind) {
  using Kind = ops::RowLoss::Kind;
  switch (kind) {
    case Kind::chebyshev:
      return kernels::RowLossKind::chebyshev;
    case Kind::tanimoto:
      return kernels::RowLossKind::tanimoto;
    case Kind::cauchy_schwarz:
      return kernels::RowLossKind::cauchy_schwarz;
    case Kind::cosine_similarity:
      return kernels::RowLossKind::cosine_similarity;
    case Kind::categorical_hinge:
      return kernels::RowLossKind::categorical_hinge;
  }
  return kernels::RowLossKind::chebyshev;
}

cudaError_t row_loss(const ops::RowLoss& op, const KernelContext& context) {
  const ValueType& type = context.input_type(0);
  return kernels::row_loss(stream_of(context), kind_of(op.kind), type.dtype, type.shape[0],
                           type.shape[1], context.input(0), context.input(1), context.output(0));
}

cudaError_t row_loss_backward(const ops::RowLossBackward& op, const KernelContext& context) {
  const ValueType& type = context.input_type(1);
  return kernels::row_loss_backward(stream_of(context), kind_of(op.kind), type.dtype, type.shape[0],
                                    type.shape[1], context.input(0), context.input(1),
                                    context.input(2), context.output(0));
}

// ---- Metrics ----

/// As many partial sums as a loss of these predictions needs.
template <class DerivedOp>
std::int64_t sum_bytes(const DerivedOp&, const LowerRequest& request) {
  return kernels::pointwise_loss_workspace_bytes(sample_shape(request.inputs[0]));
}

cudaError_t accuracy(const ops::Accuracy& op, const KernelContext& context) {
  const auto shape = class_shape(context.input_type(0), context.input_type(1));
  if (op.top_k > 0) {
    return kernels::accuracy_of_top(stream_of(context), shape, op.top_k, context.input(0),
                                    context.input(1), context.output(0));
  }
  if (!op.binary && shape.classes > 1) {
    return kernels::accuracy_of_classes(stream_of(context), shape, context.input(0),
                                        context.input(1), context.output(0));
  }
  return kernels::accuracy_of_answers(stream_of(context), shape, static_cast<float>(op.threshold),
                                      context.input(0), context.input(1), context.output(0),
                                      context.workspace());
}

cudaError_t sum_above(const ops::SumAbove& op, const KernelContext& context) {
  return kernels::sum_above(stream_of(context), context.input_type(0).dtype, op.thresholds,
                            context.input_shape(0)[0], context.input(0), context.input(1),
                            context.output(0));
}

}  // namespace

void bind_loss(KernelTable& table) {
  table.add<ops::SoftmaxCrossEntropy>(
      "cuda", bind<ops::SoftmaxCrossEntropy>(softmax_cross_entropy, {{{1, 0}}}));
  table.add<ops::SoftmaxCrossEntropyBackward>(
      "cuda", bind<ops::SoftmaxCrossEntropyBackward>(softmax_cross_entropy_backward, {{{0, 1}}}));
  table.add<ops::PointwiseLoss>(
      "cuda", bind<ops::PointwiseLoss>(pointwise_loss, {{}, sum_bytes<ops::PointwiseLoss>}));
  table.add<ops::PointwiseLossBackward>(
      "cuda", bind<ops::PointwiseLossBackward>(pointwise_loss_backward, {{{0, 1}, {0, 2}}}));
  table.add<ops::RowLoss>("cuda", bind<ops::RowLoss>(row_loss));
  table.add<ops::RowLossBackward>("cuda", bind<ops::RowLossBackward>(row_loss_backward));
  table.add<ops::OneHot>("cuda", bind<ops::OneHot>(one_hot));
  table.add<ops::Accuracy>("cuda", bind<ops::Accuracy>(accuracy, {{}, sum_bytes<ops::Accuracy>}));
  table.add<ops::SumAbove>("cuda", bind<ops::SumAbove>(sum_above));
}

}  // namespace fovea::cuda
