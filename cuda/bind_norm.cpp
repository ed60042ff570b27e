// Batch normalization on CUDA.
#include "cuda/bind.h"
#include "fovea/ops/norm.h"
#include "kernels/batch_norm.h"

namespace fovea::cuda {
namespace {

kernels::BatchNormShape shape_of(const ValueType& x) {
  const std::int64_t channels = x.shape.c();
  return {x.dtype, x.shape.numel() / channels, channels};
}

/// The statistics of x, then f(batch norm + residual).
cudaError_t normalize(double epsilon, kernels::ActivationFunction function, const void* residual,
                      const KernelContext& context) {
  const kernels::BatchNormShape shape = shape_of(context.input_type(0));
  auto* mean = context.output<float>(1);
  auto* var = context.output<float>(2);
  const cudaError_t status = kernels::batch_norm_statistics(
      stream_of(context), shape, context.input(0), context.workspace(), mean, var);
  if (status != cudaSuccess) return status;
  return kernels::batch_norm_apply(
      stream_of(context), shape, context.input(0), residual,
      {context.input<float>(1), context.input<float>(2), mean, var, static_cast<float>(epsilon)},
      function, context.output(0));
}

cudaError_t batch_norm(const ops::BatchNorm& op, const KernelContext& context) {
  return normalize(op.epsilon, {}, nullptr, context);
}

cudaError_t batch_norm_act(const ops::BatchNormAct& op, const KernelContext& context) {
  return normalize(op.epsilon, function_of(op.activation), op.residual ? context.input(5) : nullptr,
                   context);
}

cudaError_t batch_norm_inference(const ops::BatchNormInference& op, const KernelContext& context) {
  return kernels::batch_norm_apply(
      stream_of(context), shape_of(context.input_type(0)), context.input(0), nullptr,
      {context.input<float>(1), context.input<float>(2), context.input<float>(3),
       context.input<float>(4), static_cast<float>(op.epsilon)},
      {}, context.output(0));
}

/// From (dy, x, gamma, mean, var) to (dx, dgamma, dbeta).
cudaError_t differentiate(double epsilon, bool constant_statistics, const KernelContext& context) {
  kernels::BatchNormGradients pass{};
  pass.dy = context.input(0);
  pass.x = context.input(1);
  pass.gamma = context.input<float>(2);
  pass.mean = context.input<float>(3);
  pass.var = context.input<float>(4);
  pass.epsilon = static_cast<float>(epsilon);
  pass.constant_statistics = constant_statistics;
  pass.dx = context.output(0);
  pass.dgamma = context.output<float>(1);
  pass.dbeta = context.output<float>(2);
  return kernels::batch_norm_backward(stream_of(context), shape_of(context.input_type(1)),
                                      context.workspace(), pass);
}

cudaError_t batch_norm_backward(const ops::BatchNormBackward& op, const KernelContext& context) {
  return differentiate(op.epsilon, false, context);
}

cudaError_t batch_norm_inference_backward(const ops::BatchNormInferenceBackward& op,
                                          const KernelContext& context) {
  return differentiate(op.epsilon, true, context);
}

cudaError_t batch_norm_act_backward(const ops::BatchNormActBackward& op,
                                    const KernelContext& context) {
  kernels::BatchNormGradients pass{};
  pass.dy = context.input(0);
  pass.saved = context.input(1);
  pass.x = context.input(2);
  pass.gamma = context.input<float>(3);
  pass.mean = context.input<float>(4);
  pass.var = context.input<float>(5);
  pass.epsilon = static_cast<float>(op.epsilon);
  pass.function = function_of(op.activation);
  pass.d = context.output(0);
  pass.dx = context.output(1);
  pass.dgamma = context.output<float>(2);
  pass.dbeta = context.output<float>(3);
  return kernels::batch_norm_backward(stream_of(context), shape_of(context.input_type(2)),
                                      context.workspace(), pass);
}

cudaError_t fold_batch_norm(const ops::FoldBatchNorm& op, const KernelContext& context) {
  const ValueType& w = context.input_type(0);
  const std::int64_t filters = w.shape[0];
  return kernels::fold_batch_norm(
      stream_of(context), w.dtype, context.input(0),
      context.input_count() > 5 ? context.input(5) : nullptr,
      {context.input<float>(1), context.input<float>(2), context.input<float>(3),
       context.input<float>(4), static_cast<float>(op.epsilon)},
      context.output(0), context.output(1), filters, w.shape.numel() / filters);
}

/// Scratch memory where x is this input.
template <class NormOp, int kX>
std::int64_t workspace_bytes(const NormOp&, const LowerRequest& request) {
  return kernels::batch_norm_workspace_bytes(shape_of(request.inputs[kX]));
}

}  // namespace

void bind_norm(KernelTable& table) {
  using namespace ops;
  table.add<BatchNorm>("cuda",
                       bind<BatchNorm>(batch_norm, {{{0, 0}}, workspace_bytes<BatchNorm, 0>}));
  table.add<BatchNormBackward>(
      "cuda", bind<BatchNormBackward>(batch_norm_backward,
                                      {{{0, 0}, {0, 1}}, workspace_bytes<BatchNormBackward, 1>}));
  table.add<BatchNormInference>("cuda", bind<BatchNormInference>(batch_norm_inference, {{{0, 0}}}));
  table.add<BatchNormInferenceBackward>(
      "cuda", bind<BatchNormInferenceBackward>(
                  batch_norm_inference_backward,
                  {{{0, 0}, {0, 1}}, workspace_bytes<BatchNormInferenceBackward, 1>}));
  table.add<BatchNormAct>(
      "cuda", bind<BatchNormAct>(batch_norm_act, {{{0, 0}}, workspace_bytes<BatchNormAct, 0>}));
  table.add<BatchNormActBackward>(
      "cuda", bind<BatchNormActBackward>(
                  batch_norm_act_backward,
                  {{{0, 0}, {0, 1}, {1, 2}}, workspace_bytes<BatchNormActBackward, 2>}));
  table.add<FoldBatchNorm>("cuda", bind<FoldBatchNorm>(fold_batch_norm, {{{0, 0}}}));
}

}  // namespace fovea::cuda
