// Pooling on CUDA.
#include "cuda/bind.h"
#include "fovea/ops/pool.h"
#include "kernels/pool.h"

namespace fovea::cuda {
namespace {

/// `x` is the input's shape, or its gradient's.
kernels::PoolShape pool_shape(const ops::PoolAttributes& attributes, const Shape& x) {
  const WindowGeometry window = attributes.geometry({x.h(), x.w()});
  kernels::PoolShape shape;
  shape.images = x.n();
  shape.channels = x.c();
  shape.input_h = window.input.h;
  shape.input_w = window.input.w;
  shape.output_h = window.output.h;
  shape.output_w = window.output.w;
  shape.kernel_h = window.kernel.h;
  shape.kernel_w = window.kernel.w;
  shape.stride_h = window.stride.h;
  shape.stride_w = window.stride.w;
  shape.pad_top = window.pad_top;
  shape.pad_left = window.pad_left;
  return shape;
}

cudaError_t max_pool(const ops::MaxPool2d& op, const KernelContext& context) {
  const ValueType& x = context.input_type(0);
  return kernels::max_pool_forward(stream_of(context), x.dtype, context.output_type(1).dtype,
                                   pool_shape(op, x.shape), context.input(0), context.output(0),
                                   context.output(1));
}

cudaError_t min_pool(const ops::MinPool2d& op, const KernelContext& context) {
  const ValueType& x = context.input_type(0);
  return kernels::min_pool_forward(stream_of(context), x.dtype, context.output_type(1).dtype,
                                   pool_shape(op, x.shape), context.input(0), context.output(0),
                                   context.output(1));
}

cudaError_t max_pool_backward(const ops::MaxPool2dBackward& op, const KernelContext& context) {
  const ValueType& dx = context.output_type(0);
  return kernels::max_pool_backward(stream_of(context), dx.dtype, context.input_type(1).dtype,
                                    pool_shape(op, dx.shape), context.input(0), context.input(1),
                                    context.output(0));
}

cudaError_t avg_pool(const ops::AvgPool2d& op, const KernelContext& context) {
  const ValueType& x = context.input_type(0);
  return kernels::avg_pool_forward(stream_of(context), x.dtype, pool_shape(op, x.shape),
                                   context.input(0), context.output(0));
}

cudaError_t avg_pool_backward(const ops::AvgPool2dBackward& op, const KernelContext& context) {
  const ValueType& dx = context.output_type(0);
  return kernels::avg_pool_backward(stream_of(context), dx.dtype, pool_shape(op, dx.shape),
                                    context.input(0), context.output(0));
}

cudaError_t global_avg_pool(const ops::GlobalAvgPool&, const KernelContext& context) {
  const auto& [x, dtype] = context.input_type(0);
  return kernels::global_avg_pool_forward(stream_of(context), dtype, context.input(0),
                                          context.output(0), x.n(), x.h() * x.w(), x.c());
}

cudaError_t global_avg_pool_backward(const ops::GlobalAvgPoolBackward&,
                                     const KernelContext& context) {
  const auto& [dx, dtype] = context.output_type(0);
  return kernels::global_avg_pool_backward(stream_of(context), dtype, context.input(0),
                                           context.output(0), dx.n(), dx.h() * dx.w(), dx.c());
}

}  // namespace

void bind_pool(KernelTable& table) {
  table.add<ops::MaxPool2d>("cuda", bind<ops::MaxPool2d>(max_pool));
  table.add<ops::MinPool2d>("cuda", bind<ops::MinPool2d>(min_pool));
  table.add<ops::MaxPool2dBackward>("cuda", bind<ops::MaxPool2dBackward>(max_pool_backward));
  table.add<ops::AvgPool2d>("cuda", bind<ops::AvgPool2d>(avg_pool));
  table.add<ops::AvgPool2dBackward>("cuda", bind<ops::AvgPool2dBackward>(avg_pool_backward));
  table.add<ops::GlobalAvgPool>("cuda", bind<ops::GlobalAvgPool>(global_avg_pool));
  table.add<ops::GlobalAvgPoolBackward>("cuda",
                                        bind<ops::GlobalAvgPoolBackward>(global_avg_pool_backward));
}

}  // namespace fovea::cuda
