// Convolutions on CUDA.
#include <algorithm>
#include <type_traits>

#include "cuda/bind.h"
#include "fovea/ops/conv.h"
#include "kernels/conv.h"

namespace fovea::cuda {
namespace {

using kernels::ConvShape;

/// What the kernels need to know, from the op and the shapes of x and w.
ConvShape shape_of(const ops::ConvAttributes& op, const Shape& x, const Shape& w) {
  const WindowGeometry window = op.geometry({x.h(), x.w()}, {w[1], w[2]});
  return {.images = x.n(),
          .height = x.h(),
          .width = x.w(),
          .channels = x.c(),
          .out_height = window.output.h,
          .out_width = window.output.w,
          .filters = w[0],
          .kernel_height = w[1],
          .kernel_width = w[2],
          .groups = op.groups,
          .stride_height = op.stride.h,
          .stride_width = op.stride.w,
          .dilation_height = op.dilation.h,
          .dilation_width = op.dilation.w,
          .pad_top = window.pad_top,
          .pad_left = window.pad_left};
}

/// For each pass, from a LowerRequest or a KernelContext: where x's and w's shapes are found.
ConvShape shape_of(const ops::Conv2d& op, std::span<const ValueType> inputs,
                   std::span<const ValueType>) {
  return shape_of(op, inputs[0].shape, inputs[1].shape);
}
ConvShape shape_of(const ops::Conv2dBiasAct& op, std::span<const ValueType> inputs,
                   std::span<const ValueType>) {
  return shape_of(op, inputs[0].shape, inputs[1].shape);
}
ConvShape shape_of(const ops::Conv2dBackwardData& op, std::span<const ValueType> inputs,
                   std::span<const ValueType> outputs) {
  return shape_of(op, outputs[0].shape, inputs[1].shape);
}
ConvShape shape_of(const ops::Conv2dBackwardFilter& op, std::span<const ValueType> inputs,
                   std::span<const ValueType> outputs) {
  return shape_of(op, inputs[0].shape, outputs[0].shape);
}
ConvShape shape_of(const ops::Conv2dBackwardFilterBias& op, std::span<const ValueType> inputs,
                   std::span<const ValueType> outputs) {
  return shape_of(op, inputs[0].shape, outputs[0].shape);
}

/// One pass as one of the ways computes it: the op's geometry is worked out once, when it is
/// lowered. `Run` is called as run(op, shape, context), `Declines` as declines(shape, dtype).
template <class DerivedOp, class Run, class Declines, class WorkspaceBytes>
auto bind_pass(Run run, Declines declines, WorkspaceBytes workspace_bytes) {
  return [=](const DerivedOp& op, const LowerRequest& request) -> LowerResult {
    std::string by_type = declines_by_type(request);
    if (!by_type.empty()) return Decline{std::move(by_type)};
    const ConvShape shape = shape_of(op, request.inputs, request.outputs);
    if (const char* reason = declines(shape, request.inputs[0].dtype)) return Decline{reason};
    Lowering lowering;
    lowering.kernel = make_kernel([op, shape, run](const KernelContext& context) {
      check(run(op, shape, context), DerivedOp::kName);
    });
    if constexpr (std::is_same_v<DerivedOp, ops::Conv2dBiasAct>) {
      if (op.residual) lowering.in_place = {{0, 3}};
    }
    lowering.workspace_bytes = workspace_bytes(shape);
    return lowering;
  };
}

kernels::Epilogue epilogue_of(const ops::Conv2d&, const KernelContext&) { return {}; }
kernels::Epilogue epilogue_of(const ops::Conv2dBiasAct& op, const KernelContext& context) {
  return {.bias = context.input(2),
          .residual = op.residual ? context.input(3) : nullptr,
          .function = function_of(op.activation)};
}

std::int64_t no_workspace(const ConvShape&) { return 0; }

const char* direct_declines(const ConvShape& shape, DType) {
  return kernels::conv_direct_declines(shape);
}

// direct

template <class DerivedOp>
cudaError_t forward_direct(const DerivedOp& op, const ConvShape& shape,
                           const KernelContext& context) {
  return kernels::conv_forward_direct(stream_of(context), shape, context.input_type(0).dtype,
                                      context.input(0), context.input(1), epilogue_of(op, context),
                                      context.output(0));
}

cudaError_t backward_data_direct(const ops::Conv2dBackwardData&, const ConvShape& shape,
                                 const KernelContext& context) {
  return kernels::conv_backward_data_direct(stream_of(context), shape, context.input_type(0).dtype,
                                            context.input(0), context.input(1), context.output(0));
}

template <class DerivedOp>
cudaError_t backward_filter_direct(const DerivedOp&, const ConvShape& shape,
                                   const KernelContext& context) {
  return kernels::conv_backward_filter_direct(
      stream_of(context), shape, context.input_type(0).dtype, context.input(0), context.input(1),
      context.output(0), context.workspace());
}

/// dW by `run`, then db; one after the other, they share the workspace.
template <class Run>
auto with_bias(Run run) {
  return [run](const ops::Conv2dBackwardFilterBias& op, const ConvShape& shape,
               const KernelContext& context) {
    const cudaError_t status = run(op, shape, context);
    if (status != cudaSuccess) return status;
    return kernels::conv_backward_bias(stream_of(context), shape, context.input_type(1).dtype,
                                       context.input(1), context.output(1), context.workspace());
  };
}

template <class WorkspaceBytes>
auto with_bias_bytes(WorkspaceBytes filter_bytes) {
  return [filter_bytes](const ConvShape& shape) {
    return std::max(filter_bytes(shape), kernels::conv_backward_bias_workspace_bytes(shape));
  };
}

void bind_direct(KernelTable& table) {
  using Filter = ops::Conv2dBackwardFilter;
  using FilterBias = ops::Conv2dBackwardFilterBias;
  const auto filter_bytes = kernels::conv_backward_filter_direct_workspace_bytes;
  table.add<ops::Conv2d>(
      "direct", bind_pass<ops::Conv2d>(forward_direct<ops::Conv2d>, direct_declines, no_workspace));
  table.add<ops::Conv2dBiasAct>(
      "direct", bind_pass<ops::Conv2dBiasAct>(forward_direct<ops::Conv2dBiasAct>, direct_declines,
                                              no_workspace));
  table.add<ops::Conv2dBackwardData>(
      "direct",
      bind_pass<ops::Conv2dBackwardData>(backward_data_direct, direct_declines, no_workspace));
  table.add<Filter>(
      "direct", bind_pass<Filter>(backward_filter_direct<Filter>, direct_declines, filter_bytes));
  table.add<FilterBias>("direct",
                        bind_pass<FilterBias>(with_bias(backward_filter_direct<FilterBias>),
                                              direct_declines, with_bias_bytes(filter_bytes)));
}

}  // namespace

void bind_conv(KernelTable& table) { bind_direct(table); }

}  // namespace fovea::cuda
