// Dynamic loss scaling as plain loops.
#include "fovea/ops/loss_scale.h"

#include "host/cpu/reference/elements.h"
#include "host/cpu/reference/kernels.h"

namespace fovea::cpu {
namespace {

template <class T>
void unscale(const ops::Unscale&, const KernelContext& context) {
  const T factor = T{1} / static_cast<T>(*context.input<float>(0));
  for (std::size_t output = 0; output < context.output_count(); ++output) {
    const T* x = context.input<T>(output + 1);
    T* y = context.output<T>(output);
    for_each_element(context.threads(), context.output_shape(output).numel(),
                     [=](std::int64_t i) { y[i] = x[i] * factor; });
  }
}

void adjust_loss_scale(const ops::AdjustLossScale& op, const KernelContext& context) {
  float& scale = *context.mutable_input<float>(0);
  std::int64_t& good_steps = *context.mutable_input<std::int64_t>(1);
  if (*context.input<std::int32_t>(2) == 0) {
    scale /= 2;
    good_steps = 0;
  } else if (++good_steps >= op.interval) {
    scale = std::min(scale * 2, static_cast<float>(op.largest));
    good_steps = 0;
  }
}

}  // namespace

void add_reference_loss_scale(KernelTable& table) {
  table.add<ops::Unscale>("reference", reference(unscale<float>, unscale<double>, {{}, {}, 1}));
  table.add<ops::AdjustLossScale>("reference", any_type(adjust_loss_scale));
}

}  // namespace fovea::cpu
