// Thrust, for what is computed of whole data sets between epochs.
#include <limits>

#include "cuda/bind.h"
#include "cuda/thrust_statistics.h"
#include "fovea/ops/statistics.h"

namespace fovea::cuda {
namespace {

cudaError_t count_labels(const ops::CountLabels& op, const KernelContext& context) {
  const auto* second = context.input_count() == 2 ? context.input<std::int32_t>(1) : nullptr;
  return thrust_count_labels(
      stream_of(context), context.input<std::int32_t>(0), second, context.input_shape(0).numel(),
      op.classes, static_cast<std::int32_t*>(context.workspace()), context.output<std::int64_t>(0));
}

cudaError_t channel_moments(const ops::ChannelMoments&, const KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  return thrust_channel_moments(stream_of(context), context.input_type(0).dtype, context.input(0),
                                shape.numel() / shape.c(), shape.c(), context.output(0),
                                context.output(1));
}

cudaError_t ranked_pairs(const ops::RankedPairs&, const KernelContext& context) {
  return thrust_ranked_pairs(stream_of(context), context.input_type(1).dtype,
                             context.input<std::int32_t>(0), context.input(1),
                             context.input_shape(0).numel(), context.workspace(),
                             context.output<std::int64_t>(0), context.output<std::int64_t>(1));
}

std::string counts_decline(const ops::CountLabels&, const LowerRequest& request) {
  const bool many = request.outputs[0].shape.numel() >= std::numeric_limits<std::int32_t>::max();
  return many ? "2^31 counts or more" : "";
}

std::string moments_decline(const ops::ChannelMoments&, const LowerRequest& request) {
  const DType dtype = request.inputs[0].dtype;
  return dtype == DType::u8 || dtype == DType::f32 ? "" : "neither u8 nor f32";
}

std::string pairs_decline(const ops::RankedPairs&, const LowerRequest& request) {
  const DType dtype = request.inputs[1].dtype;
  return dtype == DType::f32 || dtype == DType::f64 ? "" : "neither f32 nor f64";
}

}  // namespace

void bind_thrust(KernelTable& table) {
  using namespace ops;
  table.add<CountLabels>(
      "thrust",
      bind<CountLabels>(count_labels, {{},
                                       [](const CountLabels&, const LowerRequest& request) {
                                         return request.inputs[0].bytes();
                                       },
                                       counts_decline}));
  table.add<ChannelMoments>("thrust",
                            bind<ChannelMoments>(channel_moments, {{}, nullptr, moments_decline}));
  table.add<RankedPairs>(
      "thrust",
      bind<RankedPairs>(ranked_pairs, {{},
                                       [](const RankedPairs&, const LowerRequest& request) {
                                         return request.inputs[1].bytes();
                                       },
                                       pairs_decline}));
}

}  // namespace fovea::cuda
