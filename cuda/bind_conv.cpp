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
/// lowered. `Run` is called as run(way, op, shape, context), `WorkspaceBytes` as
/// workspace_bytes(way, shape).
template <class Way, kernels::ConvPass kPass, class DerivedOp, class Run, class WorkspaceBytes>
auto bind_pass(Run run, WorkspaceBytes workspace_bytes) {
  return [=](const DerivedOp& op, const LowerRequest& request) -> LowerResult {
    std::string by_type = declines_by_type(request);
    if (!by_type.empty()) return Decline{std::move(by_type)};
    const ConvShape shape = shape_of(op, request.inputs, request.outputs);
    if (const char* reason = Way::template kDeclines<kPass>(shape)) return Decline{reason};
    const std::vector<Way> ways = Way::variants(shape, kPass, request.inputs[0].dtype);
    const auto variant = static_cast<std::size_t>(request.variant);
    if (variant >= ways.size()) return Decline{"there is no such variant"};
    const Way way = ways[variant];
    Lowering lowering;
    lowering.kernel = make_kernel([op, shape, way, run](const KernelContext& context) {
      check(run(way, op, shape, context), DerivedOp::kName);
    });
    if constexpr (std::is_same_v<DerivedOp, ops::Conv2dBiasAct>) {
      if (op.residual) lowering.in_place = {{0, 3}};
    }
    lowering.workspace_bytes = workspace_bytes(way, shape);
    lowering.variants = static_cast<int>(ways.size());
    return lowering;
  };
}

kernels::Epilogue epilogue_of(const ops::Conv2d&, const KernelContext&) { return {}; }
kernels::Epilogue epilogue_of(const ops::Conv2dBiasAct& op, const KernelContext& context) {
  return {.bias = context.input(2),
          .residual = op.residual ? context.input(3) : nullptr,
          .function = function_of(op.activation)};
}

/// A way without variants.
template <class Way>
struct OneVariant {
  static std::vector<Way> variants(const ConvShape&, kernels::ConvPass, DType) { return {Way{}}; }
};

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
struct Direct : OneVariant<Direct> {
  static constexpr const char* kName = "direct";
  template <kernels::ConvPass kPass>
  static constexpr auto kDeclines = direct_declines;
  static std::int64_t filter_bytes(const ConvShape& shape) {
    return kernels::conv_backward_filter_direct_workspace_bytes(shape);
  }

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
  kernels::GemmChoice choice;

  static std::vector<ImplicitGemm> variants(const ConvShape& shape, kernels::ConvPass pass,
                                            DType dtype) {
    std::vector<ImplicitGemm> ways;
    for (const auto& choice : kernels::conv_implicit_gemm_choices(shape, pass, dtype)) {
      ways.push_back({choice});
    }
    return ways;
  }
  std::int64_t filter_bytes(const ConvShape& shape) const {
    return kernels::conv_backward_filter_implicit_gemm_workspace_bytes(shape, choice);
  }
  cudaError_t forward(const ConvShape& shape, const KernelContext& context,
                      const kernels::Epilogue& epilogue) const {
    return kernels::conv_forward_implicit_gemm(
        stream_of(context), shape, context.input_type(0).dtype, context.allow_tf32(), choice,
        context.input(0), context.input(1), epilogue, context.output(0));
  }
  cudaError_t backward_data(const ConvShape& shape, const KernelContext& context) const {
    return kernels::conv_backward_data_implicit_gemm(
        stream_of(context), shape, context.input_type(0).dtype, context.allow_tf32(), choice,
        context.input(0), context.input(1), context.output(0));
  }
  cudaError_t backward_filter(const ConvShape& shape, const KernelContext& context) const {
    return kernels::conv_backward_filter_implicit_gemm(
        stream_of(context), shape, context.input_type(0).dtype, context.allow_tf32(), choice,
        context.input(0), context.input(1), context.output(0), context.workspace());
  }
};

struct Depthwise : OneVariant<Depthwise> {
  static constexpr const char* kName = "depthwise";
  template <kernels::ConvPass kPass>
  static constexpr auto kDeclines = depthwise_declines;
  static std::int64_t filter_bytes(const ConvShape& shape) {
    return kernels::conv_backward_filter_depthwise_workspace_bytes(shape);
  }

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
struct FirstLayer : OneVariant<FirstLayer> {
  static constexpr const char* kName = "first_layer";
  template <kernels::ConvPass kPass>
  static constexpr auto kDeclines = first_layer_declines;
  static std::int64_t filter_bytes(const ConvShape& shape) {
    return kernels::conv_backward_filter_first_layer_workspace_bytes(shape);
  }

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

template <class Way>
std::int64_t no_workspace(const Way&, const ConvShape&) {
  return 0;
}

template <class Way>
void bind_forward(KernelTable& table) {
  constexpr auto kPass = kernels::ConvPass::forward;
  const auto run = [](const Way& way, const auto& op, const ConvShape& shape,
                      const KernelContext& context) {
    return way.forward(shape, context, epilogue_of(op, context));
  };
  table.add<ops::Conv2d>(Way::kName, bind_pass<Way, kPass, ops::Conv2d>(run, no_workspace<Way>));
  table.add<ops::Conv2dBiasAct>(Way::kName,
                                bind_pass<Way, kPass, ops::Conv2dBiasAct>(run, no_workspace<Way>));
}

template <class Way>
void bind_backward_data(KernelTable& table) {
  using Op = ops::Conv2dBackwardData;
  const auto run = [](const Way& way, const Op&, const ConvShape& shape,
                      const KernelContext& context) { return way.backward_data(shape, context); };
  table.add<Op>(Way::kName,
                bind_pass<Way, kernels::ConvPass::backward_data, Op>(run, no_workspace<Way>));
}

template <class Way>
void bind_backward_filter(KernelTable& table) {
  constexpr auto kPass = kernels::ConvPass::backward_filter;
  using Op = ops::Conv2dBackwardFilter;
  using OpWithBias = ops::Conv2dBackwardFilterBias;
  const auto run = [](const Way& way, const Op&, const ConvShape& shape,
                      const KernelContext& context) { return way.backward_filter(shape, context); };
  const auto bytes = [](const Way& way, const ConvShape& shape) { return way.filter_bytes(shape); };
  // dW, then db; one after the other, they share the workspace.
  const auto run_with_bias = [](const Way& way, const OpWithBias&, const ConvShape& shape,
                                const KernelContext& context) {
    const cudaError_t status = way.backward_filter(shape, context);
    if (status != cudaSuccess) return status;
    return kernels::bias_grad(stream_of(context), context.input_type(1).dtype, context.input(1),
                              context.output(1), shape.output_pixels(), shape.filters,
                              context.workspace());
  };
  const auto bytes_with_bias = [](const Way& way, const ConvShape& shape) {
    return std::max(way.filter_bytes(shape),
                    kernels::bias_grad_workspace_bytes(shape.output_pixels(), shape.filters));
  };
  table.add<Op>(Way::kName, bind_pass<Way, kPass, Op>(run, bytes));
  table.add<OpWithBias>(Way::kName,
                        bind_pass<Way, kPass, OpWithBias>(run_with_bias, bytes_with_bias));
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
