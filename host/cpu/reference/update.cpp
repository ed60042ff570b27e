// The update phase but for the optimizers: counters, averages, the check of all gradients.
#include "fovea/ops/update.h"

#include <cmath>

#include "host/cpu/reference/elements.h"
#include "host/cpu/reference/kernels.h"
#include "host/cpu/reference/segments.h"

namespace fovea::cpu {
namespace {

// ---- Counters and averages ----

void advance_step(const ops::AdvanceStep&, const KernelContext& context) {
  *context.mutable_input<std::int64_t>(0) += 1;
  const std::int64_t applied = *context.input<std::int64_t>(1);
  const std::int64_t start = *context.input<std::int64_t>(3);
  const std::int64_t last = context.input_shape(2)[0] - 1;
  const std::int64_t row = std::clamp<std::int64_t>(applied - start, 0, last);
  *context.mutable_input<float>(4) = context.input<float>(2)[row];
}

void hold_step(const ops::HoldStep&, const KernelContext& context) {
  std::int64_t& held_at = *context.mutable_input<std::int64_t>(0);
  const bool go = held_at == 0 && is_finite(context, 2);
  if (held_at == 0 && !go) held_at = *context.input<std::int64_t>(1);
  *context.output<std::int32_t>(0) = go ? 1 : 0;
}

void commit_step(const ops::CommitStep&, const KernelContext& context) {
  if (is_finite(context, 1)) *context.mutable_input<std::int64_t>(0) += 1;
}

template <class T>
void update_averages(const ops::UpdateAverages& op, const KernelContext& context) {
  if (!is_finite(context, 0)) return;
  const std::size_t last = 1 + 2 * static_cast<std::size_t>(op.averages);
  const bool first = op.counted && *context.input<std::int64_t>(last) == 0;
  const T kept = static_cast<T>(first ? 0 : op.momentum);
  const T moved = static_cast<T>(first ? 1 : 1 - op.momentum);
  for (std::size_t input = 1; input < last; input += 2) {
    T* average = context.mutable_input<T>(input);
    const T* value = context.input<T>(input + 1);
    for_each_element(context.threads(), context.input_shape(input).numel(),
                     [=](std::int64_t i) { average[i] = kept * average[i] + moved * value[i]; });
  }
}

template <class T>
void accumulate_metric(const ops::AccumulateMetric&, const KernelContext& context) {
  if (!is_finite(context, 3)) return;
  const T* values = context.input<T>(2);
  const std::int64_t count = context.input_shape(2).numel();
  *context.mutable_input<double>(0) +=
      sum_elements(0, count, [=](std::int64_t i) { return values[i]; });
  *context.mutable_input<double>(1) += static_cast<double>(count);
}

template <class T>
void accumulate_gradient(const ops::AccumulateGradient& op, const KernelContext& context) {
  if (!is_finite(context, 0)) return;
  const auto stride = static_cast<std::size_t>(op.stride());
  for (std::size_t input = 1; input < context.input_count(); input += stride) {
    T* sum = context.mutable_input<T>(input);
    const std::int64_t count = context.input_shape(input).numel();
    if (op.clear) {
      for_each_element(context.threads(), count, [=](std::int64_t i) { sum[i] = 0; });
    } else {
      const T* value = context.input<T>(input + 1);
      for_each_element(context.threads(), count, [=](std::int64_t i) { sum[i] += value[i]; });
    }
  }
}

template <class T>
void average_gradients(const ops::AverageGradients& op, const KernelContext& context) {
  const T factor = static_cast<T>(op.factor);
  for (std::size_t g = 0; g < context.input_count() / 2; ++g) {
    const T *sum = context.input<T>(2 * g), *value = context.input<T>(2 * g + 1);
    T* mean = context.output<T>(g);
    for_each_element(context.threads(), context.output_shape(g).numel(),
                     [=](std::int64_t i) { mean[i] = (sum[i] + value[i]) * factor; });
  }
}

LowerResult lower_average_gradients(const ops::AverageGradients& op, const LowerRequest& request) {
  ReferenceOptions<ops::AverageGradients> options;
  for (int g = 0; g < static_cast<int>(request.outputs.size()); ++g) {
    options.in_place.emplace_back(g, 2 * g + 1);
  }
  return reference(average_gradients<float>, average_gradients<double>, options)(op, request);
}

// ---- The check of all gradients ----

double read_scalar(const KernelContext& context, std::size_t input) {
  return context.input_type(input).dtype == DType::f32
             ? static_cast<double>(*context.input<float>(input))
             : *context.input<double>(input);
}

/// One pass answers both questions: a sum of squares is finite where all its terms are. (Squares of
/// f32 numbers never overflow in f64; f64 gradients beyond 1e154 count as infinite.)
void gradient_check(std::span<const Segment> segments, const KernelContext& context) {
  auto* partial = static_cast<double*>(context.workspace());
  sum_squares_of_segments(context, segments, 0, partial);
  const double sum = std::accumulate(partial, partial + segments.size(), 0.0);
  *context.output<double>(0) = sum;
  const bool finite = std::isfinite(sum) && std::isfinite(read_scalar(context, 0));
  *context.output<std::int32_t>(1) = finite ? 1 : 0;
}

LowerResult lower_gradient_check(const ops::GradientCheck&, const LowerRequest& request) {
  if (std::string reason = decline_reason(request.inputs, 0); !reason.empty()) {
    return Decline{std::move(reason)};
  }
  std::vector<Segment> segments = cut(request.inputs, 1, 1);
  Lowering lowering;
  lowering.workspace_bytes = static_cast<std::int64_t>(segments.size() * sizeof(double));
  lowering.kernel = make_kernel([segments = std::move(segments)](const KernelContext& context) {
    gradient_check(segments, context);
  });
  return lowering;
}

}  // namespace

void add_reference_update(KernelTable& table) {
  table.add<ops::AdvanceStep>("reference", any_type(advance_step));
  table.add<ops::GradientCheck>("reference", lower_gradient_check);
  table.add<ops::HoldStep>("reference", any_type(hold_step));
  table.add<ops::CommitStep>("reference", any_type(commit_step));
  table.add<ops::UpdateAverages>("reference",
                                 reference(update_averages<float>, update_averages<double>));
  table.add<ops::AccumulateMetric>(
      "reference", reference(accumulate_metric<float>, accumulate_metric<double>, {{}, {}, 2}));
  table.add<ops::AccumulateGradient>(
      "reference", reference(accumulate_gradient<float>, accumulate_gradient<double>));
  table.add<ops::AverageGradients>("reference", lower_average_gradients);
}

}  // namespace fovea::cpu
