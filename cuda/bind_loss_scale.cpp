// Dynamic loss scaling on CUDA.
#include "cuda/bind.h"
#include "fovea/ops/loss_scale.h"
#include "kernels/loss_scale.h"

namespace fovea::cuda {
namespace {

cudaError_t unscale(const ops::Unscale&, const KernelContext& context) {
  const ValueType& type = context.input_type(0);
  return kernels::unscale(stream_of(context), type.dtype, context.input(0), context.input<float>(1),
                          context.output(0), type.shape.numel());
}

cudaError_t adjust(const ops::AdjustLossScale& op, const KernelContext& context) {
  return kernels::adjust_loss_scale(
      stream_of(context), context.mutable_input<float>(0), context.mutable_input<std::int64_t>(1),
      context.input<std::int32_t>(2), op.interval, static_cast<float>(op.largest));
}

}  // namespace

void bind_loss_scale(KernelTable& table) {
  table.add<ops::Unscale>("cuda", bind<ops::Unscale>(unscale, {{{0, 0}}}));
  table.add<ops::AdjustLossScale>("cuda", bind<ops::AdjustLossScale>(adjust));
}

}  // namespace fovea::cuda
