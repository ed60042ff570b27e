// Dynamic loss scaling on CUDA.
#include "cuda/bind.h"
#include "cuda/segment_tables.h"
#include "fovea/ops/loss_scale.h"
#include "kernels/loss_scale.h"

namespace fovea::cuda {
namespace {

cudaError_t unscale(const ops::Unscale&, const KernelContext& context) {
  const auto fill = [&](kernels::PairTable& table, std::size_t output) {
    table.add({context.input<float>(output + 1), context.output<float>(output)},
              context.output_shape(output).numel());
  };
  return for_each_table<kernels::PairTable>(static_cast<std::int64_t>(context.output_count()), fill,
                                            [&](const kernels::PairTable& table) {
                                              return kernels::unscale(stream_of(context), table,
                                                                      context.input<float>(0));
                                            });
}

/// Each output may take the memory of its input.
LowerResult lower_unscale(const ops::Unscale& op, const LowerRequest& request) {
  BindOptions<ops::Unscale> options;
  options.declines = [](const ops::Unscale&, const LowerRequest& asked) {
    return declines_unless_f32(asked.inputs);
  };
  for (int output = 0; output < static_cast<int>(request.outputs.size()); ++output) {
    options.in_place.emplace_back(output, output + 1);
  }
  return bind<ops::Unscale>(unscale, std::move(options))(op, request);
}

cudaError_t adjust(const ops::AdjustLossScale& op, const KernelContext& context) {
  return kernels::adjust_loss_scale(
      stream_of(context), context.mutable_input<float>(0), context.mutable_input<std::int64_t>(1),
      context.input<std::int32_t>(2), op.interval, static_cast<float>(op.largest));
}

}  // namespace

void bind_loss_scale(KernelTable& table) {
  table.add<ops::Unscale>("cuda", lower_unscale);
  table.add<ops::AdjustLossScale>("cuda", bind<ops::AdjustLossScale>(adjust));
}

}  // namespace fovea::cuda
