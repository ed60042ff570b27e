// The update phase: counters, averages, the check of all gradients, and the optimizers.
//
// Optimizers see their parameters as one list of segments, none longer than a chunk, which is split
// evenly over threads however sizes differ, and along which sums always add up in the same order.
#include "fovea/ops/update.h"

#include <cmath>
#include <limits>

#include "host/cpu/reference/elements.h"
#include "host/cpu/reference/kernels.h"

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

bool is_finite(const KernelContext& context, std::size_t flag) {
  return *context.input<std::int32_t>(flag) != 0;
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
  const T kept = static_cast<T>(op.momentum);
  const T moved = static_cast<T>(1 - op.momentum);
  for (std::size_t input = 1; input < context.input_count(); input += 2) {
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
  if (!is_finite(context, 2)) return;
  T* sum = context.mutable_input<T>(0);
  const T* value = context.input<T>(1);
  const std::int64_t count = context.input_shape(0).numel();
  if (op.clear) {
    for_each_element(context.threads(), count, [=](std::int64_t i) { sum[i] = 0; });
  } else {
    for_each_element(context.threads(), count, [=](std::int64_t i) { sum[i] += value[i]; });
  }
}

// ---- Segments ----

/// Elements [begin, end) of one tensor.
struct Segment {
  std::size_t input;  ///< its place among the op's inputs
  std::int64_t begin, end;
};

/// Cuts every `stride`th input from `first` on into segments.
std::vector<Segment> cut(std::span<const ValueType> inputs, std::size_t first, std::size_t stride) {
  std::vector<Segment> segments;
  for (std::size_t input = first; input < inputs.size(); input += stride) {
    const std::int64_t count = inputs[input].shape.numel();
    for (std::int64_t begin = 0; begin < count; begin += kChunk) {
      segments.push_back({input, begin, std::min(begin + kChunk, count)});
    }
  }
  return segments;
}

template <class Body>
void for_each_segment(const KernelContext& context, std::span<const Segment> segments,
                      const Body& body) {
  parallel_for(context.threads(), static_cast<std::int64_t>(segments.size()), grain_of(kChunk),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   body(static_cast<std::size_t>(i), segments[static_cast<std::size_t>(i)]);
                 }
               });
}

template <class T>
double sum_of_squares(const T* values, const Segment& segment) {
  return sum_elements(segment.begin, segment.end, [=](std::int64_t i) {
    const double value = static_cast<double>(values[i]);
    return value * value;
  });
}

/// partial[i] = the sum of squares of segment i of input `offset` places behind the segment's.
void sum_squares_of_segments(const KernelContext& context, std::span<const Segment> segments,
                             std::size_t offset, double* partial) {
  for_each_segment(context, segments, [&](std::size_t i, const Segment& segment) {
    const std::size_t input = segment.input + offset;
    partial[i] = context.input_type(input).dtype == DType::f32
                     ? sum_of_squares(context.input<float>(input), segment)
                     : sum_of_squares(context.input<double>(input), segment);
  });
}

/// Empty where the CPU can compute in the types of all inputs from `first` on.
std::string decline_reason(std::span<const ValueType> inputs, std::size_t first) {
  for (const ValueType& type : inputs.subspan(first)) {
    if (type.dtype != DType::f32 && type.dtype != DType::f64) {
      return detail::decline_reason(type.dtype);
    }
  }
  return {};
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

// ---- Optimizers ----
// Inputs: finite, sum_squares, rate, applied, then the weight, its gradient and the optimizer's own
// state for each parameter. Scalars are computed in double, elements in the parameter's type.

constexpr std::size_t kFirstWeight = 4;
std::size_t inputs_per_parameter(const ops::SgdUpdate& op) { return op.momentum > 0 ? 3 : 2; }
std::size_t inputs_per_parameter(const ops::AdamUpdate&) { return 4; }

/// What becomes of a gradient before it is used: x = clamp(g scale, -limit, limit).
struct Clipping {
  double limit = std::numeric_limits<double>::infinity();
  double scale = 1;
};

/// The factor that brings a norm down to `limit`.
double norm_scale(double limit, double sum_squares) {
  return limit / std::max(std::sqrt(sum_squares), limit);
}

/// scale[i] = the factor for segment i, so that each parameter's gradient has at most this norm.
void scale_by_parameter(double limit, std::span<const Segment> segments,
                        const KernelContext& context, double* scale) {
  sum_squares_of_segments(context, segments, 1, scale);
  for (std::size_t first = 0, end = 0; first < segments.size(); first = end) {
    double sum = 0;
    while (end < segments.size() && segments[end].input == segments[first].input) {
      sum += scale[end++];
    }
    std::fill(scale + first, scale + end, norm_scale(limit, sum));
  }
}

/// The numbers that all elements of one SGD update share.
template <class T>
struct SgdCoefficients {
  T limit, scale, decay, rate, momentum;

  SgdCoefficients(const ops::SgdUpdate& op, const Clipping& clipping, const KernelContext& context)
      : limit(static_cast<T>(clipping.limit)), scale(static_cast<T>(clipping.scale)) {
    const double step_rate = static_cast<double>(*context.input<float>(2));
    decay = static_cast<T>(step_rate * op.weight_decay);
    rate = static_cast<T>(step_rate);
    momentum = static_cast<T>(op.momentum);
  }
};

template <class T>
T clamp(T value, T limit) {
  const T below = value < limit ? value : limit;
  return below > -limit ? below : -limit;
}

template <class T>
void update_segment(const ops::SgdUpdate& op, const Clipping& clipping, const Segment& segment,
                    const KernelContext& context) {
  const SgdCoefficients<T> k(op, clipping, context);
  T* w = context.mutable_input<T>(segment.input);
  const T* g = context.input<T>(segment.input + 1);
  if (op.momentum == 0) {
#pragma omp simd
    for (std::int64_t i = segment.begin; i < segment.end; ++i) {
      w[i] = w[i] - w[i] * k.decay - k.rate * clamp(g[i] * k.scale, k.limit);
    }
    return;
  }
  T* v = context.mutable_input<T>(segment.input + 2);
  const T ahead = op.nesterov ? k.momentum : T{1};   // nesterov: w += momentum v - rate g
  const T ahead_rate = op.nesterov ? k.rate : T{0};  // else: w += v
#pragma omp simd
  for (std::int64_t i = segment.begin; i < segment.end; ++i) {
    const T x = clamp(g[i] * k.scale, k.limit);
    v[i] = k.momentum * v[i] - k.rate * x;
    w[i] = w[i] - w[i] * k.decay + (ahead * v[i] - ahead_rate * x);
  }
}

/// The numbers that all elements of one Adam update share.
template <class T>
struct AdamCoefficients {
  T limit, scale, decay, m_share, v_share, step, epsilon;

  AdamCoefficients(const ops::AdamUpdate& op, const Clipping& clipping,
                   const KernelContext& context)
      : limit(static_cast<T>(clipping.limit)),
        scale(static_cast<T>(clipping.scale)),
        m_share(static_cast<T>(1 - op.beta1)),
        v_share(static_cast<T>(1 - op.beta2)),
        epsilon(static_cast<T>(op.epsilon)) {
    const double rate = static_cast<double>(*context.input<float>(2));
    const double t = static_cast<double>(*context.input<std::int64_t>(3) + 1);
    decay = static_cast<T>(rate * op.weight_decay);
    step =
        static_cast<T>(rate * std::sqrt(1 - std::pow(op.beta2, t)) / (1 - std::pow(op.beta1, t)));
  }
};

template <class T>
void update_segment(const ops::AdamUpdate& op, const Clipping& clipping, const Segment& segment,
                    const KernelContext& context) {
  const AdamCoefficients<T> k(op, clipping, context);
  T* w = context.mutable_input<T>(segment.input);
  const T* g = context.input<T>(segment.input + 1);
  T* m = context.mutable_input<T>(segment.input + 2);
  T* v = context.mutable_input<T>(segment.input + 3);
#pragma omp simd
  for (std::int64_t i = segment.begin; i < segment.end; ++i) {
    const T x = clamp(g[i] * k.scale, k.limit);
    m[i] += (x - m[i]) * k.m_share;
    v[i] += (x * x - v[i]) * k.v_share;
    w[i] = w[i] - w[i] * k.decay - m[i] * k.step / (std::sqrt(v[i]) + k.epsilon);
  }
}

template <class UpdateOp>
void update(const UpdateOp& op, std::span<const Segment> segments, const KernelContext& context) {
  if (!is_finite(context, 0)) return;
  auto* scales = static_cast<double*>(context.workspace());
  if (op.clip_norm > 0) scale_by_parameter(op.clip_norm, segments, context, scales);
  Clipping shared;
  if (op.clip_value > 0) shared.limit = op.clip_value;
  if (op.global_clip_norm > 0) {
    shared.scale = norm_scale(op.global_clip_norm, *context.input<double>(1));
  }
  for_each_segment(context, segments, [&](std::size_t i, const Segment& segment) {
    Clipping clipping = shared;
    if (op.clip_norm > 0) clipping.scale = scales[i];
    if (context.input_type(segment.input).dtype == DType::f32) {
      update_segment<float>(op, clipping, segment, context);
    } else {
      update_segment<double>(op, clipping, segment, context);
    }
  });
}

template <class UpdateOp>
LowerResult lower_update(const UpdateOp& op, const LowerRequest& request) {
  if (std::string reason = decline_reason(request.inputs, kFirstWeight); !reason.empty()) {
    return Decline{std::move(reason)};
  }
  std::vector<Segment> segments = cut(request.inputs, kFirstWeight, inputs_per_parameter(op));
  Lowering lowering;
  if (op.clip_norm > 0) {
    lowering.workspace_bytes = static_cast<std::int64_t>(segments.size() * sizeof(double));
  }
  lowering.kernel = make_kernel([op, segments = std::move(segments)](const KernelContext& context) {
    update(op, segments, context);
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
  table.add<ops::SgdUpdate>("reference", lower_update<ops::SgdUpdate>);
  table.add<ops::AdamUpdate>("reference", lower_update<ops::AdamUpdate>);
}

}  // namespace fovea::cpu
