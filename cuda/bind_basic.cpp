// Arithmetic, shapes, reductions and random masks on CUDA.
#include <limits>

#include "cuda/bind.h"
#include "fovea/ops/basic.h"
#include "fovea/ops/transpose.h"
#include "kernels/arithmetic.h"
#include "kernels/dropout.h"
#include "kernels/reduction.h"
#include "kernels/strided_copy.h"
#include "kernels/transpose.h"

namespace fovea::cuda {
namespace {

// ---- Arithmetic ----

cudaError_t add(const ops::Add&, const KernelContext& context) {
  const ValueType& type = context.output_type(0);
  return kernels::add(stream_of(context), type.dtype, context.input(0), context.input(1),
                      context.output(0), type.shape.numel());
}

cudaError_t multiply(const ops::Multiply&, const KernelContext& context) {
  const ValueType& type = context.output_type(0);
  return kernels::multiply(stream_of(context), type.dtype, context.input(0), context.input(1),
                           context.output(0), type.shape.numel());
}

cudaError_t scale(const ops::Scale& op, const KernelContext& context) {
  const ValueType& type = context.output_type(0);
  return kernels::scale(stream_of(context), type.dtype, static_cast<float>(op.factor),
                        context.input(0), context.output(0), type.shape.numel());
}

cudaError_t rescale(const ops::Rescale& op, const KernelContext& context) {
  const ValueType& x = context.input_type(0);
  const auto channels = static_cast<std::int64_t>(op.scale.size());
  return kernels::rescale(stream_of(context), x.dtype, op.dtype, context.input(0),
                          context.output(0), x.shape.numel() / channels, channels, op.scale,
                          op.offset);
}

/// x may be of any type that infer() lets through.
std::string declines_rescale(const ops::Rescale&, const LowerRequest& request) {
  return declines_by_type({{}, request.outputs, {}, {}, {}, request.threads});
}

cudaError_t broadcast(const ops::Broadcast& op, const KernelContext& context) {
  const ValueType& type = context.output_type(0);
  return kernels::broadcast(stream_of(context), type.dtype, static_cast<float>(op.factor),
                            context.input(0), context.output(0), type.shape.numel());
}

cudaError_t weight_penalty_backward(const ops::WeightPenaltyBackward& op,
                                    const KernelContext& context) {
  const ValueType& type = context.output_type(0);
  return kernels::weight_penalty_backward(stream_of(context), type.dtype, static_cast<float>(op.l1),
                                          static_cast<float>(op.l2), context.input(0),
                                          context.input(1), context.output(0), type.shape.numel());
}

// ---- Shapes: bytes are copied, whatever their type ----

/// A tensor seen along one axis: so many rows, each of this many bytes, which the axes from this
/// one on make up; one cell of the axis is `cell_bytes` of them.
struct AxisRows {
  std::int64_t rows = 1, row_bytes = 0, cell_bytes = 0;

  AxisRows(const ValueType& type, int axis) {
    for (int i = 0; i < axis; ++i) rows *= type.shape[i];
    cell_bytes =
        type.shape.drop_front(axis + 1).numel() * static_cast<std::int64_t>(dtype_size(type.dtype));
    row_bytes = type.shape[axis] * cell_bytes;
  }
};

cudaError_t concat(const ops::Concat& op, const KernelContext& context) {
  const AxisRows y(context.output_type(0), op.axis);
  auto* to = context.output<char>(0);
  for (std::size_t i = 0; i < context.input_count(); ++i) {
    kernels::RowCopy copy;
    copy.rows = y.rows;
    copy.size = copy.from_stride = context.input_shape(i)[op.axis] * y.cell_bytes;
    copy.from = context.input(i);
    copy.to_stride = y.row_bytes;
    copy.to = to;
    const cudaError_t status = kernels::copy_rows(stream_of(context), copy);
    if (status != cudaSuccess) return status;
    to += copy.size;
  }
  return cudaSuccess;
}

cudaError_t slice(const ops::Slice& op, const KernelContext& context) {
  const AxisRows x(context.input_type(0), op.axis);
  const AxisRows y(context.output_type(0), op.axis);
  kernels::RowCopy copy;
  copy.rows = y.rows;
  copy.from = context.input<char>(0) + op.begin * x.cell_bytes;
  copy.from_stride = x.row_bytes;
  copy.to = context.output(0);
  copy.size = copy.to_stride = y.row_bytes;
  return kernels::copy_rows(stream_of(context), copy);
}

cudaError_t pad(const ops::Pad& op, const KernelContext& context) {
  const AxisRows x(context.input_type(0), op.axis);
  kernels::RowCopy copy;
  copy.rows = x.rows;
  copy.from = context.input(0);
  copy.size = copy.from_stride = x.row_bytes;
  copy.to = context.output(0);
  copy.zeros_before = op.before * x.cell_bytes;
  copy.zeros_after = op.after * x.cell_bytes;
  copy.to_stride = copy.zeros_before + copy.size + copy.zeros_after;
  return kernels::copy_rows(stream_of(context), copy);
}

cudaError_t transpose(const ops::Transpose& op, const KernelContext& context) {
  const ops::TransposedAxes axes = ops::transposed_axes(context.input_shape(0), op.order);
  return kernels::transpose(stream_of(context), axes.sizes, axes.strides,
                            static_cast<std::int64_t>(dtype_size(context.input_type(0).dtype)),
                            context.input(0), context.output(0));
}

std::string declines_transpose(const ops::Transpose&, const LowerRequest& request) {
  const std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (request.inputs[0].shape.drop_front().numel() <= most) return {};
  return "a sample has more than 2^31 - 1 elements";
}

template <class DerivedOp>
BindOptions<DerivedOp> any_type() {
  return {{}, nullptr, [](const DerivedOp&, const LowerRequest&) { return std::string(); }};
}

// ---- Random masks ----

cudaError_t dropout(const ops::Dropout& op, const KernelContext& context) {
  const ValueType& type = context.output_type(0);
  return kernels::dropout(stream_of(context), type.dtype, op.rate, op.stream, context.input(0),
                          context.input<std::int64_t>(1), context.input<std::int64_t>(2),
                          context.output(0), type.shape.numel());
}

// ---- Reductions to one number ----

cudaError_t mean(const ops::Mean&, const KernelContext& context) {
  const ValueType& type = context.input_type(0);
  return kernels::mean(stream_of(context), type.dtype, context.input(0), context.output(0),
                       type.shape.numel(), context.workspace());
}

cudaError_t weight_penalty(const ops::WeightPenalty& op, const KernelContext& context) {
  const ValueType& type = context.input_type(0);
  return kernels::weight_penalty(stream_of(context), type.dtype, static_cast<float>(op.l1),
                                 static_cast<float>(op.l2), context.input(0), context.output(0),
                                 type.shape.numel(), context.workspace());
}

template <class Reduction>
std::int64_t reduction_bytes(const Reduction&, const LowerRequest& request) {
  return kernels::reduction_workspace_bytes(request.inputs[0].shape.numel());
}

}  // namespace

void bind_basic(KernelTable& table) {
  table.add<ops::Add>("cuda", bind<ops::Add>(add, {{{0, 0}, {0, 1}}}));
  table.add<ops::Multiply>("cuda", bind<ops::Multiply>(multiply, {{{0, 0}, {0, 1}}}));
  table.add<ops::Scale>("cuda", bind<ops::Scale>(scale, {{{0, 0}}}));
  table.add<ops::Rescale>("cuda", bind<ops::Rescale>(rescale, {{}, nullptr, declines_rescale}));
  table.add<ops::Concat>("cuda", bind<ops::Concat>(concat, any_type<ops::Concat>()));
  table.add<ops::Slice>("cuda", bind<ops::Slice>(slice, any_type<ops::Slice>()));
  table.add<ops::Pad>("cuda", bind<ops::Pad>(pad, any_type<ops::Pad>()));
  table.add<ops::Transpose>("cuda",
                            bind<ops::Transpose>(transpose, {{}, nullptr, declines_transpose}));
  table.add<ops::Dropout>("cuda", bind<ops::Dropout>(dropout, {{{0, 0}}}));
  table.add<ops::Mean>("cuda", bind<ops::Mean>(mean, {{}, reduction_bytes<ops::Mean>}));
  table.add<ops::Broadcast>("cuda", bind<ops::Broadcast>(broadcast));
  table.add<ops::WeightPenalty>(
      "cuda", bind<ops::WeightPenalty>(weight_penalty, {{}, reduction_bytes<ops::WeightPenalty>}));
  table.add<ops::WeightPenaltyBackward>(
      "cuda", bind<ops::WeightPenaltyBackward>(weight_penalty_backward, {{{0, 1}}}));
}

}  // namespace fovea::cuda
