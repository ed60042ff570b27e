// Activations on CUDA.
#include "cuda/bind.h"
#include "fovea/ops/activation.h"
#include "kernels/activation.h"

namespace fovea::cuda {
namespace {

cudaError_t activate(const ops::Activate& op, const KernelContext& context) {
  const ValueType& type = context.input_type(0);
  return kernels::activation_forward(stream_of(context), function_of(op.activation), type.dtype,
                                     context.input(0), context.output(0), type.shape.numel());
}

cudaError_t activate_backward(const ops::ActivateBackward& op, const KernelContext& context) {
  const ValueType& type = context.input_type(0);
  return kernels::activation_backward(stream_of(context), function_of(op.activation), type.dtype,
                                      context.input(0), context.input(1), context.output(0),
                                      type.shape.numel());
}

cudaError_t softmax(const ops::Softmax&, const KernelContext& context) {
  const ValueType& type = context.input_type(0);
  const std::int64_t columns = type.shape.c();
  return kernels::softmax_forward(stream_of(context), type.dtype, context.input(0),
                                  context.output(0), type.shape.numel() / columns, columns);
}

cudaError_t softmax_backward(const ops::SoftmaxBackward&, const KernelContext& context) {
  const ValueType& type = context.input_type(0);
  const std::int64_t columns = type.shape.c();
  return kernels::softmax_backward(stream_of(context), type.dtype, context.input(0),
                                   context.input(1), context.output(0),
                                   type.shape.numel() / columns, columns);
}

}  // namespace

void bind_activation(KernelTable& table) {
  table.add<ops::Activate>("cuda", bind<ops::Activate>(activate, {{{0, 0}}}));
  table.add<ops::ActivateBackward>(
      "cuda", bind<ops::ActivateBackward>(activate_backward, {{{0, 0}, {0, 1}}}));
  table.add<ops::Softmax>("cuda", bind<ops::Softmax>(softmax, {{{0, 0}}}));
  table.add<ops::SoftmaxBackward>("cuda",
                                  bind<ops::SoftmaxBackward>(softmax_backward, {{{0, 0}, {0, 1}}}));
}

}  // namespace fovea::cuda
