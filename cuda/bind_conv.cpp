// Convolutions on CUDA.
#include <algorithm>
#include <type_traits>

#include "cuda/bind.h"
#include "fovea/ops/conv.h"
#include "kernels/bias.h"
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
/// lowered. `Run` is called as run(op, shape, context), `Declines` as declines(shape).
template <class DerivedOp, class Run, class Declines, class WorkspaceBytes>
auto bind_pass(Run run, Declines declines, WorkspaceBytes workspace_bytes) {
  return [=](const DerivedOp& op, const LowerRequest& request) -> LowerResult {
    std::string by_type = declines_by_type(request);
    if (!by_type.empty()) return Decline{std::move(by_type)};
    const ConvShape shape = shape_of(op, request.inputs, request.outputs);
    if (const char* reason = declines(shape)) return Decline{reason};
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

const char* direct_declines(const ConvShape& shape) { return kernels::conv_direct_declines(shape); }
const char* depthwise_declines(const ConvShape& shape) {
  return kernels::conv_depthwise_declines(shape);
}
const char* first_layer_declines(const ConvShape& shape) {
  return kernels::conv_first_layer_declines(shape);
}

template <kernels::ConvPass kPass>
const char* gemm_declines(const ConvShape& shape) {
  return kernels::conv_implicit_gemm_declines(shape, kPass);
}

/// The launchers of the passes, by one way.
struct Direct {
  static constexpr const char* kName = "direct";
  template <kernels::ConvPass kPass>
  static constexpr auto kDeclines = direct_declines;
  static constexpr auto kFilterBytes = kernels::conv_backward_filter_direct_workspace_bytes;

  static cudaError_t forward(const ConvShape& shape, const KernelContext& context,
                             const kernels::Epilogue& epilogue) {
    return kernels::conv_forward_direct(stream_of(context), shape, context.input_type(0).dtype,
                                        context.input(0), context.input(1), epilogue,
                                        context.output(0));
  }
  static cudaError_t backward_data(const ConvShape& shape, const KernelContext& context) {
    return kernels::conv_backward_data_direct(stream_of(context), shape,
                                              context.input_type(0).dtype, context.input(0),
                                              context.input(1), context.output(0));
  }
  static cudaError_t backward_filter(const ConvShape& shape, const KernelContext& context) {
    return kernels::conv_backward_filter_direct(
        stream_of(context), shape, context.input_type(0).dtype, context.input(0), context.input(1),
        context.output(0), context.workspace());
  }
};

struct ImplicitGemm {
  static constexpr const char* kName = "implicit_gemm";
  template <kernels::ConvPass kPass>
  static constexpr auto kDeclines = gemm_declines<kPass>;
  static constexpr auto kFilterBytes = kernels::conv_backward_filter_implicit_gemm_workspace_bytes;

  static cudaError_t forward(const ConvShape& shape, const KernelContext& context,
                             const kernels::Epilogue& epilogue) {
    return kernels::conv_forward_implicit_gemm(
        stream_of(context), shape, context.input_type(0).dtype, context.allow_tf32(),
        context.input(0), context.input(1), epilogue, context.output(0));
  }
  static cudaError_t backward_data(const ConvShape& shape, const KernelContext& context) {
    return kernels::conv_backward_data_implicit_gemm(
        stream_of(context), shape, context.input_type(0).dtype, context.allow_tf32(),
        context.input(0), context.input(1), context.output(0));
  }
  static cudaError_t backward_filter(const ConvShape& shape, const KernelContext& context) {
    return kernels::conv_backward_filter_implicit_gemm(
        stream_of(context), shape, context.input_type(0).dtype, context.allow_tf32(),
        context.input(0), context.input(1), context.output(0), context.workspace());
  }
};

struct Depthwise {
  static constexpr const char* kName = "depthwise";
  template <kernels::ConvPass kPass>
  static constexpr auto kDeclines = depthwise_declines;
  static constexpr auto kFilterBytes = kernels::conv_backward_filter_depthwise_workspace_bytes;

  static cudaError_t forward(const ConvShape& shape, const KernelContext& context,
                             const kernels::Epilogue& epilogue) {
    return kernels::conv_forward_depthwise(stream_of(context), shape, context.input_type(0).dtype,
                                           context.input(0), context.input(1), epilogue,
                                           context.output(0));
  }
  static cudaError_t backward_data(const ConvShape& shape, const KernelContext& context) {
    return kernels::conv_backward_data_depthwise(stream_of(context), shape,
                                                 context.input_type(0).dtype, context.input(0),
                                                 context.input(1), context.output(0));
  }
  static cudaError_t backward_filter(const ConvShape& shape, const KernelContext& context) {
    return kernels::conv_backward_filter_depthwise(
        stream_of(context), shape, context.input_type(0).dtype, context.input(0), context.input(1),
        context.output(0), context.workspace());
  }
};

/// There is no backward data: a network's first layer needs none.
struct FirstLayer {
  static constexpr const char* kName = "first_layer";
  template <kernels::ConvPass kPass>
  static constexpr auto kDeclines = first_layer_declines;
  static constexpr auto kFilterBytes = kernels::conv_backward_filter_first_layer_workspace_bytes;

  static cudaError_t forward(const ConvShape& shape, const KernelContext& context,
                             const kernels::Epilogue& epilogue) {
    return kernels::conv_forward_first_layer(stream_of(context), shape, context.input_type(0).dtype,
                                             context.input(0), context.input(1), epilogue,
                                             context.output(0));
  }
  static cudaError_t backward_filter(const ConvShape& shape, const KernelContext& context) {
    return kernels::conv_backward_filter_first_layer(
        stream_of(context), shape, context.input_type(0).dtype, context.input(0), context.input(1),
        context.output(0), context.workspace());
  }
};

/// dW, then db; one after the other, they share the workspace.
template <class Way>
cudaError_t backward_filter_bias(const ConvShape& shape, const KernelContext& context) {
  const cudaError_t status = Way::backward_filter(shape, context);
  if (status != cudaSuccess) return status;
  return kernels::bias_grad(stream_of(context), context.input_type(1).dtype, context.input(1),
                            context.output(1), shape.output_pixels(), shape.filters,
                            context.workspace());
}

template <class Way>
void bind_forward(KernelTable& table) {
  const auto forward = [](const auto& op, const ConvShape& shape, const KernelContext& context) {
    return Way::forward(shape, context, epilogue_of(op, context));
  };
  constexpr auto kDeclines = Way::template kDeclines<kernels::ConvPass::forward>;
  table.add<ops::Conv2d>(Way::kName, bind_pass<ops::Conv2d>(forward, kDeclines, no_workspace));
  table.add<ops::Conv2dBiasAct>(Way::kName,
                                bind_pass<ops::Conv2dBiasAct>(forward, kDeclines, no_workspace));
}

template <class Way>
void bind_backward_data(KernelTable& table) {
  const auto backward_data = [](const auto&, const ConvShape& shape, const KernelContext& context) {
    return Way::backward_data(shape, context);
  };
  constexpr auto kDeclines = Way::template kDeclines<kernels::ConvPass::backward_data>;
  table.add<ops::Conv2dBackwardData>(
      Way::kName, bind_pass<ops::Conv2dBackwardData>(backward_data, kDeclines, no_workspace));
}

template <class Way>
void bind_backward_filter(KernelTable& table) {
  const auto backward_filter = [](const auto&, const ConvShape& shape,
                                  const KernelContext& context) {
    return Way::backward_filter(shape, context);
  };
  const auto with_bias = [](const auto&, const ConvShape& shape, const KernelContext& context) {
    return backward_filter_bias<Way>(shape, context);
  };
  const auto with_bias_bytes = [](const ConvShape& shape) {
    return std::max(Way::kFilterBytes(shape),
                    kernels::bias_grad_workspace_bytes(shape.output_pixels(), shape.filters));
  };
  constexpr auto kDeclines = Way::template kDeclines<kernels::ConvPass::backward_filter>;
  table.add<ops::Conv2dBackwardFilter>(
      Way::kName,
      bind_pass<ops::Conv2dBackwardFilter>(backward_filter, kDeclines, +Way::kFilterBytes));
  table.add<ops::Conv2dBackwardFilterBias>(
      Way::kName, bind_pass<ops::Conv2dBackwardFilterBias>(with_bias, kDeclines, with_bias_bytes));
}

template <class Way>
void bind_all_passes(KernelTable& table) {
  bind_forward<Way>(table);
  bind_backward_data<Way>(table);
  bind_backward_filter<Way>(table);
}

}  // namespace

void bind_conv(KernelTable& table) {
  bind_all_passes<Depthwise>(table);
  bind_forward<FirstLayer>(table);
  bind_backward_filter<FirstLayer>(table);
  bind_all_passes<ImplicitGemm>(table);
  bind_all_passes<Direct>(table);
}

}  // namespace fovea::cuda
