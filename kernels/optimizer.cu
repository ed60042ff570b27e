// One launch updates many parameters: w, and each state of the optimizer, from g.
//
// Mapping: a block takes 1,024 elements of one parameter, a thread one vector of four neighbours
// (or the up to three elements behind the last vector). What all elements share, each thread reads
// and computes for itself, while its vectors are on their way; only the stores wait for `finite`.
// Bytes moved per element: 12 (SGD), and 8 for each of the optimizer's states.
#include "kernels/optimizer.h"

#include "kernels/launch.h"
#include "kernels/numbers.cuh"
#include "kernels/reduce.cuh"
#include "kernels/segments.cuh"

namespace fovea::kernels {
namespace {

constexpr int kVector = kVectorSize<float>;
constexpr int kThreads = ParameterTable::kElementsPerBlock / kVector;

// Rules: `begin` is called once by each thread; the call with the clipped gradient x moves the
// state and returns what is added to w.

struct Sgd {
  static constexpr int kStates = 0;
  float rate = 0;

  __device__ void begin(float step_rate, float) { rate = step_rate; }
  __device__ float operator()(float x, float*) const { return -rate * x; }
};

struct Momentum {
  static constexpr int kStates = 1;
  float momentum;
  bool nesterov;
  float rate = 0;

  __device__ void begin(float step_rate, float) { rate = step_rate; }
  __device__ float operator()(float x, float* state) const {
    const float v = momentum * state[0] - rate * x;
    state[0] = v;
    return nesterov ? momentum * v - rate * x : v;
  }
};

struct Adam {
  static constexpr int kStates = 2;
  AdamRates rates;
  float size = 0;  ///< rate sqrt(1 - beta2^t) / (1 - beta1^t)

  /// 1 - beta^t as -expm1(t log beta): no digits cancel in the first steps.
  __device__ void begin(float rate, float t) {
    size = rate * sqrtf(-expm1f(t * rates.log_beta2)) / -expm1f(t * rates.log_beta1);
  }
  __device__ float operator()(float x, float* state) const {
    const float m = state[0] + (x - state[0]) * rates.m_share;
    const float v = state[1] + (x * x - state[1]) * rates.v_share;
    state[0] = m;
    state[1] = v;
    return -m * size / (sqrtf(v) + rates.epsilon);
  }
};

struct Adagrad {
  static constexpr int kStates = 1;
  float epsilon;
  float rate = 0;

  __device__ void begin(float step_rate, float) { rate = step_rate; }
  __device__ float operator()(float x, float* state) const {
    state[0] += x * x;
    return -rate * x / sqrtf(state[0] + epsilon);
  }
};

template <bool kCentered, bool kMomentum>
struct RmsProp {
  static constexpr int kStates = 1 + (kCentered ? 1 : 0) + (kMomentum ? 1 : 0);
  RmsPropRates rates;
  float rate = 0;

  __device__ void begin(float step_rate, float) { rate = step_rate; }
  __device__ float operator()(float x, float* state) const {
    state[0] = rates.rho * state[0] + rates.share * x * x;
    float spread = state[0];
    if constexpr (kCentered) {
      state[1] = rates.rho * state[1] + rates.share * x;
      spread -= state[1] * state[1];
      if (spread < 0) spread = 0;  // a variance, but for rounding
    }
    float moved = rate * x / sqrtf(spread + rates.epsilon);
    if constexpr (kMomentum) {
      moved += rates.momentum * state[kStates - 1];
      state[kStates - 1] = moved;
    }
    return -moved;
  }
};

struct Adamax {
  static constexpr int kStates = 2;
  AdamaxRates rates;
  float size = 0;  ///< rate / (1 - beta1^t)

  __device__ void begin(float rate, float t) { size = rate / -expm1f(t * rates.log_beta1); }
  __device__ float operator()(float x, float* state) const {
    state[0] += (x - state[0]) * rates.m_share;
    state[1] = fmaxf(rates.beta2 * state[1], fabsf(x));
    return -size * state[0] / (state[1] + rates.epsilon);
  }
};

struct Nadam {
  static constexpr int kStates = 2;
  AdamRates rates;
  const NadamFactors* factors_at;
  NadamFactors factors = {};

  __device__ void begin(float, float) { factors = *factors_at; }
  __device__ float operator()(float x, float* state) const {
    state[0] += (x - state[0]) * rates.m_share;
    state[1] += (x * x - state[1]) * rates.v_share;
    return -(factors.m * state[0] + factors.x * x) /
           (sqrtf(state[1] * factors.inverse_bias) + rates.epsilon);
  }
};

/// Nadam's k(i) = beta1 (1 - 0.96^i / 2).
constexpr float kLogNadamDecay = -0.0408219945f;  // log 0.96

__device__ __forceinline__ float nadam_momentum(float beta1, float i) {
  return beta1 * (1 - 0.5f * expf(i * kLogNadamDecay));
}

/// 1 - k(1) ... k(t), by all lanes of a warp: the logarithm of the product of 1 - 0.96^i / 2 is the
/// sum over n of -0.96^n (1 - 0.96^(n t)) / ((1 - 0.96^n) n 2^n), of which 32 terms suffice.
__device__ __forceinline__ float one_minus_nadam_product(float log_beta1, float t) {
  const auto n = static_cast<float>(threadIdx.x % kWarpSize + 1);
  const float log_ratio = n * kLogNadamDecay;
  const float term = expf(log_ratio) * expm1f(log_ratio * t) / expm1f(log_ratio);
  const float sum = warp_reduce(-term * exp2f(-n) / n, Sum{});
  return -expm1f(t * log_beta1 + sum);
}

/// The factor that clipping to a norm puts on this segment's gradient.
__device__ __forceinline__ float gradient_scale(const UpdateStep& step, int segment) {
  if (step.scales != nullptr) return step.scales[segment];
  if (step.global_clip_norm == 0) return 1;
  const auto norm = static_cast<float>(sqrt(*step.sum_squares));
  return step.global_clip_norm / fmaxf(norm, step.global_clip_norm);
}

/// Elements [at, at + kCount), in registers.
template <int kStates, int kCount>
struct Elements {
  Vector<float, kCount> w, g, state[kStates + 1];  // no array has no elements

  __device__ Elements(const OptimizerTensors& tensors, std::int64_t at)
      : w(load_vector<kCount>(tensors.w + at)), g(load_vector<kCount>(tensors.g + at)) {
#pragma unroll
    for (int s = 0; s < kStates; ++s) state[s] = load_vector<kCount>(tensors.state[s] + at);
  }

  template <class Rule>
  __device__ void update(const Rule& rule, float scale, float limit, float decay) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      float own[kStates + 1];
#pragma unroll
      for (int s = 0; s < kStates; ++s) own[s] = state[s].at[i];
      const float x = fmaxf(fminf(g.at[i] * scale, limit), -limit);
      w.at[i] = w.at[i] - w.at[i] * decay + rule(x, own);
#pragma unroll
      for (int s = 0; s < kStates; ++s) state[s].at[i] = own[s];
    }
  }

  __device__ void store(const OptimizerTensors& tensors, std::int64_t at) const {
    store_vector<kCount>(tensors.w + at, w);
#pragma unroll
    for (int s = 0; s < kStates; ++s) store_vector<kCount>(tensors.state[s] + at, state[s]);
  }
};

}  // namespace

template <class Rule>
__global__ void optimizer_kernel(ParameterTable table, UpdateStep step, Rule rule) {
  const int segment = segment_of_block(table);
  const OptimizerTensors& tensors = table.tensors[segment];
  const std::int64_t count = table.count[segment];
  const unsigned block = blockIdx.x - table.first_block[segment];
  const std::int64_t first = (std::int64_t{block} * kThreads + threadIdx.x) * kVector;

  const auto update = [&](auto elements, std::int64_t at) {
    const float rate = *step.rate;
    rule.begin(rate, static_cast<float>(*step.applied + 1));
    elements.update(rule, gradient_scale(step, segment), step.clip_value, rate * step.weight_decay);
    if (*step.finite != 0) elements.store(tensors, at);
  };
  if (first + kVector <= count) {
    update(Elements<Rule::kStates, kVector>(tensors, first), first);
  } else {
    for (std::int64_t i = first; i < count; ++i) {
      update(Elements<Rule::kStates, 1>(tensors, i), i);
    }
  }
}

/// One warp.
__global__ void nadam_factors_kernel(UpdateStep step, AdamRates rates, NadamFactors* factors) {
  const float rate = *step.rate;
  const auto t = static_cast<float>(*step.applied + 1);
  const float beta1 = 1 - rates.m_share;
  const float after_next = one_minus_nadam_product(rates.log_beta1, t + 1);
  const float after_this = one_minus_nadam_product(rates.log_beta1, t);
  if (threadIdx.x != 0) return;
  factors->m = rate * nadam_momentum(beta1, t + 1) / after_next;
  factors->x = rate * (1 - nadam_momentum(beta1, t)) / after_this;
  factors->inverse_bias = -1 / expm1f(t * rates.log_beta2);
}

namespace {

template <class Rule>
cudaError_t start_update(cudaStream_t stream, const ParameterTable& table, const UpdateStep& step,
                         const Rule& rule) {
  return launch("optimizer_kernel", stream, {table.blocks, kThreads}, optimizer_kernel<Rule>, table,
                step, rule);
}

}  // namespace

cudaError_t sgd_update(cudaStream_t stream, const ParameterTable& table, const UpdateStep& step,
                       float momentum, bool nesterov) {
  if (momentum == 0) return start_update(stream, table, step, Sgd{});
  return start_update(stream, table, step, Momentum{momentum, nesterov});
}

cudaError_t adam_update(cudaStream_t stream, const ParameterTable& table, const UpdateStep& step,
                        const AdamRates& rates) {
  return start_update(stream, table, step, Adam{rates});
}

cudaError_t adagrad_update(cudaStream_t stream, const ParameterTable& table, const UpdateStep& step,
                           float epsilon) {
  return start_update(stream, table, step, Adagrad{epsilon});
}

cudaError_t rmsprop_update(cudaStream_t stream, const ParameterTable& table, const UpdateStep& step,
                           const RmsPropRates& rates) {
  const bool momentum = rates.momentum > 0;
  if (rates.centered && momentum) {
    return start_update(stream, table, step, RmsProp<true, true>{rates});
  }
  if (rates.centered) return start_update(stream, table, step, RmsProp<true, false>{rates});
  if (momentum) return start_update(stream, table, step, RmsProp<false, true>{rates});
  return start_update(stream, table, step, RmsProp<false, false>{rates});
}

cudaError_t adamax_update(cudaStream_t stream, const ParameterTable& table, const UpdateStep& step,
                          const AdamaxRates& rates) {
  return start_update(stream, table, step, Adamax{rates});
}

cudaError_t nadam_factors(cudaStream_t stream, const UpdateStep& step, const AdamRates& rates,
                          NadamFactors* factors) {
  return launch("nadam_factors_kernel", stream, {1, kWarpSize}, nadam_factors_kernel, step, rates,
                factors);
}

cudaError_t nadam_update(cudaStream_t stream, const ParameterTable& table, const UpdateStep& step,
                         const AdamRates& rates, const NadamFactors* factors) {
  return start_update(stream, table, step, Nadam{rates, factors});
}

}  // namespace fovea::kernels
