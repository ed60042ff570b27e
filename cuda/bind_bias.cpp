// Biases on CUDA.
#include "cuda/bind.h"
#include "fovea/ops/matmul.h"
#include "kernels/bias.h"

namespace fovea::cuda {
namespace {

/// The product of all axes but the last; the last axis may be empty.
std::int64_t row_count(const Shape& shape) {
  std::int64_t rows = 1;
  for (int axis = 0; axis + 1 < shape.rank(); ++axis) rows *= shape[axis];
  return rows;
}

cudaError_t add_bias(const ops::AddBias&, const KernelContext& context) {
  const ValueType& x = context.input_type(0);
  return kernels::add_bias(stream_of(context), x.dtype, context.input(0), context.input(1),
                           context.output(0), row_count(x.shape), x.shape.c());
}

cudaError_t bias_grad(const ops::BiasGrad&, const KernelContext& context) {
  const ValueType& dy = context.input_type(0);
  return kernels::bias_grad(stream_of(context), dy.dtype, context.input(0), context.output(0),
                            row_count(dy.shape), dy.shape.c(), context.workspace());
}

std::int64_t bias_grad_workspace(const ops::BiasGrad&, const LowerRequest& request) {
  const Shape& dy = request.inputs[0].shape;
  return kernels::bias_grad_workspace_bytes(row_count(dy), dy.c());
}

}  // namespace

void bind_bias(KernelTable& table) {
  table.add<ops::AddBias>("cuda", bind<ops::AddBias>(add_bias, {{{0, 0}}}));
  table.add<ops::BiasGrad>("cuda", bind<ops::BiasGrad>(bias_grad, {{}, bias_grad_workspace}));
}

}  // namespace fovea::cuda
