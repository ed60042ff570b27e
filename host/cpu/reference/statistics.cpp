// Counts, moments and ranks of whole data sets as plain loops.
#include "fovea/ops/statistics.h"

#include <algorithm>
#include <vector>

#include "host/cpu/reference/kernels.h"

namespace fovea::cpu {
namespace {

void count_labels(const ops::CountLabels& op, const KernelContext& context) {
  const bool pairs = context.input_count() == 2;
  const std::int64_t samples = context.input_shape(0).numel();
  const auto* rows = context.input<std::int32_t>(0);
  const auto* columns = pairs ? context.input<std::int32_t>(1) : nullptr;
  auto* counts = context.output<std::int64_t>(0);
  std::fill_n(counts, context.output_shape(0).numel(), std::int64_t{0});
  const auto counted = [&](std::int32_t label) { return label >= 0 && label < op.classes; };
  for (std::int64_t i = 0; i < samples; ++i) {
    if (!counted(rows[i]) || (pairs && !counted(columns[i]))) continue;
    ++counts[pairs ? rows[i] * op.classes + columns[i] : rows[i]];
  }
}

template <class X, class Sum>
void channel_moments(const KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  const std::int64_t channels = shape.c(), cells = shape.numel() / channels;
  const X* x = context.input<X>(0);
  Sum* sums = context.output<Sum>(0);
  Sum* squares = context.output<Sum>(1);
  std::fill_n(sums, channels, Sum{0});
  std::fill_n(squares, channels, Sum{0});
  for (std::int64_t i = 0; i < cells; ++i) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const auto value = static_cast<Sum>(x[i * channels + c]);
      sums[c] += value;
      squares[c] += value * value;
    }
  }
}

LowerResult lower_channel_moments(const ops::ChannelMoments&, const LowerRequest& request) {
  Lowering lowering;
  switch (request.inputs[0].dtype) {
    case DType::u8:
      lowering.kernel = make_kernel(channel_moments<std::uint8_t, std::int64_t>);
      return lowering;
    case DType::f32:
      lowering.kernel = make_kernel(channel_moments<float, double>);
      return lowering;
    case DType::f64:
      lowering.kernel = make_kernel(channel_moments<double, double>);
      return lowering;
    default:
      return Decline{detail::decline_reason(request.inputs[0].dtype)};
  }
}

/// The scores of label 1 are sorted; every other score finds its place among them.
template <class T>
void ranked_pairs(const ops::RankedPairs&, const KernelContext& context) {
  const std::int64_t samples = context.input_shape(0).numel();
  const auto* labels = context.input<std::int32_t>(0);
  const T* scores = context.input<T>(1);
  T* const ones = static_cast<T*>(context.workspace());
  T* end = ones;
  for (std::int64_t i = 0; i < samples; ++i) {
    if (labels[i] == 1) *end++ = scores[i];
  }
  std::sort(ones, end);
  std::int64_t twice = 0;
  for (std::int64_t i = 0; i < samples; ++i) {
    if (labels[i] == 1) continue;
    const auto [lower, upper] = std::equal_range(ones, end, scores[i]);
    twice += (end - lower) + (end - upper);
  }
  *context.output<std::int64_t>(0) = twice;
  *context.output<std::int64_t>(1) = end - ones;
}

std::int64_t ranked_pairs_workspace(const ops::RankedPairs&, const LowerRequest& request) {
  return request.inputs[1].bytes();
}

}  // namespace

void add_reference_statistics(KernelTable& table) {
  table.add<ops::CountLabels>("reference", any_type(count_labels));
  table.add<ops::ChannelMoments>("reference", lower_channel_moments);
  table.add<ops::RankedPairs>("reference", reference(ranked_pairs<float>, ranked_pairs<double>,
                                                     {{}, ranked_pairs_workspace}));
}

}  // namespace fovea::cpu
