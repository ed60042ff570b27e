// Optimizers. Inputs: finite, sum_squares, rate, applied, then the weight, its gradient and the
// optimizer's own state for each parameter. Scalars are computed in double, elements in the
// parameter's type.
#include <array>
#include <cmath>
#include <limits>

#include "fovea/ops/update.h"
#include "host/cpu/reference/segments.h"

namespace fovea::cpu {
namespace {

constexpr std::size_t kFirstWeight = 4;
std::size_t inputs_per_parameter(const ops::SgdUpdate& op) { return op.momentum > 0 ? 3 : 2; }
std::size_t inputs_per_parameter(const ops::AdamUpdate&) { return 4; }
std::size_t inputs_per_parameter(const ops::AdagradUpdate&) { return 3; }
std::size_t inputs_per_parameter(const ops::RmsPropUpdate& op) {
  return 2 + static_cast<std::size_t>(op.states());
}
std::size_t inputs_per_parameter(const ops::AdamaxUpdate&) { return 4; }
std::size_t inputs_per_parameter(const ops::NadamUpdate&) { return 4; }

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

// ---- Rules of the optimizers that are seldom used: a loop over elements serves all ----
// A rule knows the step's rate and t = applied + 1. Called with the clipped gradient x, it moves
// the element's state and returns what is taken off the weight.

template <class T>
struct AdagradRule {
  static constexpr int kStates = 1;
  T rate, epsilon;

  AdagradRule(const ops::AdagradUpdate& op, double step_rate, double)
      : rate(static_cast<T>(step_rate)), epsilon(static_cast<T>(op.epsilon)) {}
  T operator()(T x, T* state) const {
    state[0] += x * x;
    return rate * x / std::sqrt(state[0] + epsilon);
  }
};

template <class T, bool kCentered, bool kMomentum>
struct RmsPropRule {
  static constexpr int kStates = 1 + (kCentered ? 1 : 0) + (kMomentum ? 1 : 0);
  T rate, rho, share, momentum, epsilon;

  RmsPropRule(const ops::RmsPropUpdate& op, double step_rate, double)
      : rate(static_cast<T>(step_rate)),
        rho(static_cast<T>(op.rho)),
        share(static_cast<T>(1 - op.rho)),
        momentum(static_cast<T>(op.momentum)),
        epsilon(static_cast<T>(op.epsilon)) {}
  T operator()(T x, T* state) const {
    state[0] = rho * state[0] + share * x * x;
    T spread = state[0];
    if constexpr (kCentered) {
      state[1] = rho * state[1] + share * x;
      spread -= state[1] * state[1];
      if (spread < 0) spread = 0;  // a variance, but for rounding
    }
    const T step = rate * x / std::sqrt(spread + epsilon);
    if constexpr (!kMomentum) return step;
    T& moved = state[kStates - 1];
    moved = momentum * moved + step;
    return moved;
  }
};

template <class T>
struct AdamaxRule {
  static constexpr int kStates = 2;
  T m_share, beta2, step, epsilon;

  AdamaxRule(const ops::AdamaxUpdate& op, double rate, double t)
      : m_share(static_cast<T>(1 - op.beta1)),
        beta2(static_cast<T>(op.beta2)),
        step(static_cast<T>(rate / (1 - std::pow(op.beta1, t)))),
        epsilon(static_cast<T>(op.epsilon)) {}
  T operator()(T x, T* state) const {
    state[0] += (x - state[0]) * m_share;
    state[1] = std::max(beta2 * state[1], std::abs(x));
    return step * state[0] / (state[1] + epsilon);
  }
};

/// k(1) ... k(t) of ops::NadamUpdate. Its factors 1 - 0.96^i / 2 are 1 from i = 1000 on.
double nadam_product(double beta1, double t) {
  double product = std::pow(beta1, t);
  double power = 1;
  for (int i = 1; i <= t && i <= 1000; ++i) {
    power *= 0.96;
    product *= 1 - power / 2;
  }
  return product;
}

template <class T>
struct NadamRule {
  static constexpr int kStates = 2;
  T m_share, v_share, m_factor, x_factor, inverse_bias, epsilon;

  NadamRule(const ops::NadamUpdate& op, double rate, double t)
      : m_share(static_cast<T>(1 - op.beta1)),
        v_share(static_cast<T>(1 - op.beta2)),
        inverse_bias(static_cast<T>(1 / (1 - std::pow(op.beta2, t)))),
        epsilon(static_cast<T>(op.epsilon)) {
    const auto k = [&](double i) { return op.beta1 * (1 - std::pow(0.96, i) / 2); };
    m_factor = static_cast<T>(rate * k(t + 1) / (1 - nadam_product(op.beta1, t + 1)));
    x_factor = static_cast<T>(rate * (1 - k(t)) / (1 - nadam_product(op.beta1, t)));
  }
  T operator()(T x, T* state) const {
    state[0] += (x - state[0]) * m_share;
    state[1] += (x * x - state[1]) * v_share;
    return (m_factor * state[0] + x_factor * x) / (std::sqrt(state[1] * inverse_bias) + epsilon);
  }
};

template <class T, class Rule>
void apply_rule(const Rule& rule, double weight_decay, const Clipping& clipping,
                const Segment& segment, const KernelContext& context) {
  T* w = context.mutable_input<T>(segment.input);
  const T* g = context.input<T>(segment.input + 1);
  std::array<T*, Rule::kStates> states;
  for (std::size_t s = 0; s < states.size(); ++s) {
    states[s] = context.mutable_input<T>(segment.input + 2 + s);
  }
  const auto limit = static_cast<T>(clipping.limit), scale = static_cast<T>(clipping.scale);
  const auto decay = static_cast<T>(weight_decay * double{*context.input<float>(2)});
  for (std::int64_t i = segment.begin; i < segment.end; ++i) {
    std::array<T, Rule::kStates> own;
    for (std::size_t s = 0; s < states.size(); ++s) own[s] = states[s][i];
    w[i] = w[i] - w[i] * decay - rule(clamp(g[i] * scale, limit), own.data());
    for (std::size_t s = 0; s < states.size(); ++s) states[s][i] = own[s];
  }
}

/// Calls body(rule) with the op's rule.
template <class T, class Body>
void with_rule(const ops::AdagradUpdate& op, double rate, double t, const Body& body) {
  body(AdagradRule<T>(op, rate, t));
}
template <class T, class Body>
void with_rule(const ops::RmsPropUpdate& op, double rate, double t, const Body& body) {
  if (op.centered && op.momentum > 0) return body(RmsPropRule<T, true, true>(op, rate, t));
  if (op.centered) return body(RmsPropRule<T, true, false>(op, rate, t));
  if (op.momentum > 0) return body(RmsPropRule<T, false, true>(op, rate, t));
  body(RmsPropRule<T, false, false>(op, rate, t));
}
template <class T, class Body>
void with_rule(const ops::AdamaxUpdate& op, double rate, double t, const Body& body) {
  body(AdamaxRule<T>(op, rate, t));
}
template <class T, class Body>
void with_rule(const ops::NadamUpdate& op, double rate, double t, const Body& body) {
  body(NadamRule<T>(op, rate, t));
}

template <class T, class UpdateOp>
void update_segment(const UpdateOp& op, const Clipping& clipping, const Segment& segment,
                    const KernelContext& context) {
  const double rate = double{*context.input<float>(2)};
  const double t = static_cast<double>(*context.input<std::int64_t>(3) + 1);
  with_rule<T>(op, rate, t, [&](const auto& rule) {
    apply_rule<T>(rule, op.weight_decay, clipping, segment, context);
  });
}

// ---- All of them ----

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

void add_reference_optimizers(KernelTable& table) {
  table.add<ops::SgdUpdate>("reference", lower_update<ops::SgdUpdate>);
  table.add<ops::AdamUpdate>("reference", lower_update<ops::AdamUpdate>);
  table.add<ops::AdagradUpdate>("reference", lower_update<ops::AdagradUpdate>);
  table.add<ops::RmsPropUpdate>("reference", lower_update<ops::RmsPropUpdate>);
  table.add<ops::AdamaxUpdate>("reference", lower_update<ops::AdamaxUpdate>);
  table.add<ops::NadamUpdate>("reference", lower_update<ops::NadamUpdate>);
}

}  // namespace fovea::cpu
