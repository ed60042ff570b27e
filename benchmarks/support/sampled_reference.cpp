#include "benchmarks/support/sampled_reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "fovea/float16.h"
#include "host/cpu/parallel.h"

namespace fovea::bench {
namespace {

/// Scrambles a number: the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
std::uint64_t scramble(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

float store(DType storage, float value, void* to, std::int64_t index) {
  switch (storage) {
    case DType::f16:
      return static_cast<float>(static_cast<Float16*>(to)[index] = Float16(value));
    case DType::bf16:
      return static_cast<float>(static_cast<BFloat16*>(to)[index] = BFloat16(value));
    case DType::f32:
      return static_cast<float*>(to)[index] = value;
    default:
      fail(ErrorCode::invalid_argument, "no pattern of ", dtype_name(storage));
  }
}

/// Elements of a pattern: begin, begin + step, begin + 2 step, ...
struct Run {
  const std::vector<float>& values;
  std::int64_t begin;
  std::int64_t step;
};

double dot(const Run& a, const Run& b, std::int64_t count) {
  constexpr std::int64_t kPeriod = Pattern::kPeriod;
  std::int64_t i = a.begin % kPeriod;
  std::int64_t j = b.begin % kPeriod;
  const std::int64_t i_step = a.step % kPeriod;
  const std::int64_t j_step = b.step % kPeriod;
  double sum = 0;
  for (std::int64_t n = 0; n < count; ++n) {
    sum += static_cast<double>(a.values[static_cast<std::size_t>(i)]) *
           static_cast<double>(b.values[static_cast<std::size_t>(j)]);
    i += i_step;
    if (i >= kPeriod) i -= kPeriod;
    j += j_step;
    if (j >= kPeriod) j -= kPeriod;
  }
  return sum;
}

/// One element at a time, from the definition. Indices are named as in ConvShape: a picture n, an
/// input cell (ih, iw, c), an output cell (oh, ow, k), a cell (r, s) of the window; c counts within
/// its group.
class Definition {
 public:
  Definition(const ConvProblem& problem, const std::array<const Pattern*, 2>& inputs)
      : shape_(problem.shape),
        pass_(problem.pass),
        oh_(problem.output_size.h),
        ow_(problem.output_size.w),
        c_per_group_(shape_.c / shape_.groups),
        k_per_group_(shape_.k / shape_.groups),
        a_(inputs[0]->values()),
        b_(inputs[1]->values()) {}

  double element(std::int64_t index) const {
    switch (pass_) {
      case Pass::forward:
        return y(index);
      case Pass::backward_data:
        return dx(index);
      default:
        return dw(index);
    }
  }

 private:
  std::int64_t x_index(std::int64_t n, std::int64_t ih, std::int64_t iw, std::int64_t c) const {
    return ((n * shape_.h + ih) * shape_.w + iw) * shape_.c + c;
  }
  std::int64_t y_index(std::int64_t n, std::int64_t oh, std::int64_t ow, std::int64_t k) const {
    return ((n * oh_ + oh) * ow_ + ow) * shape_.k + k;
  }
  std::int64_t w_index(std::int64_t k, std::int64_t r, std::int64_t s, std::int64_t c) const {
    return ((k * shape_.r + r) * shape_.s + s) * c_per_group_ + c;
  }
  /// Where cell `r` of the window over output `o` lies in the picture.
  std::int64_t input_of(std::int64_t o, std::int64_t r) const {
    return o * shape_.stride + r * shape_.dilation - shape_.pad;
  }

  /// y[n,oh,ow,k] = sum over r, s, c of x[n,ih,iw,c] w[k,r,s,c].
  double y(std::int64_t index) const {
    const std::int64_t k = index % shape_.k;
    const std::int64_t ow = index / shape_.k % ow_;
    const std::int64_t oh = index / (shape_.k * ow_) % oh_;
    const std::int64_t n = index / (shape_.k * ow_ * oh_);
    const std::int64_t first_c = k / k_per_group_ * c_per_group_;
    double sum = 0;
    for (std::int64_t r = 0; r < shape_.r; ++r) {
      const std::int64_t ih = input_of(oh, r);
      if (ih < 0 || ih >= shape_.h) continue;
      for (std::int64_t s = 0; s < shape_.s; ++s) {
        const std::int64_t iw = input_of(ow, s);
        if (iw < 0 || iw >= shape_.w) continue;
        sum +=
            dot({a_, x_index(n, ih, iw, first_c), 1}, {b_, w_index(k, r, s, 0), 1}, c_per_group_);
      }
    }
    return sum;
  }

  /// The output cell whose window has its cell `r` at input `i`; -1 where there is none.
  std::int64_t output_of(std::int64_t i, std::int64_t r, std::int64_t outputs) const {
    const std::int64_t from = i + shape_.pad - r * shape_.dilation;
    if (from < 0 || from % shape_.stride != 0) return -1;
    return from / shape_.stride < outputs ? from / shape_.stride : -1;
  }

  /// dx[n,ih,iw,c] = sum over r, s, k of dy[n,oh,ow,k] w[k,r,s,c].
  double dx(std::int64_t index) const {
    const std::int64_t c = index % shape_.c;
    const std::int64_t iw = index / shape_.c % shape_.w;
    const std::int64_t ih = index / (shape_.c * shape_.w) % shape_.h;
    const std::int64_t n = index / (shape_.c * shape_.w * shape_.h);
    const std::int64_t first_k = c / c_per_group_ * k_per_group_;
    double sum = 0;
    for (std::int64_t r = 0; r < shape_.r; ++r) {
      const std::int64_t oh = output_of(ih, r, oh_);
      if (oh < 0) continue;
      for (std::int64_t s = 0; s < shape_.s; ++s) {
        const std::int64_t ow = output_of(iw, s, ow_);
        if (ow < 0) continue;
        sum +=
            dot({a_, y_index(n, oh, ow, first_k), 1},
                {b_, w_index(first_k, r, s, c % c_per_group_), w_index(1, 0, 0, 0)}, k_per_group_);
      }
    }
    return sum;
  }

  /// dw[k,r,s,c] = sum over n, oh, ow of x[n,ih,iw,c] dy[n,oh,ow,k].
  double dw(std::int64_t index) const {
    const std::int64_t c = index % c_per_group_;
    const std::int64_t s = index / c_per_group_ % shape_.s;
    const std::int64_t r = index / (c_per_group_ * shape_.s) % shape_.r;
    const std::int64_t k = index / (c_per_group_ * shape_.s * shape_.r);
    const std::int64_t x_channel = k / k_per_group_ * c_per_group_ + c;
    // Columns of the output whose cell s lies inside the picture: [first, last).
    std::int64_t first = 0;
    while (first < ow_ && input_of(first, s) < 0) ++first;
    std::int64_t last = ow_;
    while (last > first && input_of(last - 1, s) >= shape_.w) --last;
    double sum = 0;
    for (std::int64_t n = 0; n < shape_.n; ++n) {
      for (std::int64_t oh = 0; oh < oh_; ++oh) {
        const std::int64_t ih = input_of(oh, r);
        if (ih < 0 || ih >= shape_.h || first == last) continue;
        sum += dot({a_, x_index(n, ih, input_of(first, s), x_channel), shape_.stride * shape_.c},
                   {b_, y_index(n, oh, first, k), shape_.k}, last - first);
      }
    }
    return sum;
  }

  const ConvShape& shape_;
  Pass pass_;
  std::int64_t oh_, ow_, c_per_group_, k_per_group_;
  const std::vector<float>& a_;
  const std::vector<float>& b_;
};

}  // namespace

Pattern::Pattern(DType storage, std::uint64_t seed)
    : stored_({kPeriod}, storage), values_(static_cast<std::size_t>(kPeriod)) {
  for (std::int64_t i = 0; i < kPeriod; ++i) {
    const std::uint64_t bits = scramble((seed << 32) + static_cast<std::uint64_t>(i));
    const float value = static_cast<float>(bits >> 40) * 0x1.0p-23F - 1;
    values_[static_cast<std::size_t>(i)] = store(storage, value, stored_.mutable_raw(), i);
  }
}

const Pattern& pattern_of(DType storage, std::uint64_t seed) {
  static std::map<std::pair<DType, std::uint64_t>, Pattern> patterns;
  return patterns.try_emplace({storage, seed}, storage, seed).first->second;
}

std::vector<std::int64_t> sample_elements(std::int64_t elements, std::int64_t count) {
  constexpr std::int64_t kRun = 8;
  std::vector<std::int64_t> samples;
  if (elements <= count) {
    for (std::int64_t i = 0; i < elements; ++i) samples.push_back(i);
    return samples;
  }
  const std::int64_t runs = count / kRun;
  const std::int64_t last_begin = elements - kRun;
  for (std::int64_t run = 0; run < runs; ++run) {
    const std::uint64_t random = scramble(static_cast<std::uint64_t>(run));
    auto begin = static_cast<std::int64_t>(random % static_cast<std::uint64_t>(last_begin + 1));
    if (run == 0) begin = 0;
    if (run == runs - 1) begin = last_begin;
    for (std::int64_t i = 0; i < kRun; ++i) samples.push_back(begin + i);
  }
  return samples;
}

std::vector<double> conv_reference(const ConvProblem& problem,
                                   const std::array<const Pattern*, 2>& inputs,
                                   std::span<const std::int64_t> samples, int threads) {
  const Definition definition(problem, inputs);
  std::vector<double> values(samples.size());
  cpu::parallel_for(threads, static_cast<std::int64_t>(samples.size()), 1,
                    [&](std::int64_t begin, std::int64_t end) {
                      for (auto i = static_cast<std::size_t>(begin);
                           i < static_cast<std::size_t>(end); ++i) {
                        values[i] = definition.element(samples[i]);
                      }
                    });
  return values;
}

double relative_error(std::span<const double> actual, std::span<const double> reference) {
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    difference += (actual[i] - reference[i]) * (actual[i] - reference[i]);
    norm += reference[i] * reference[i];
  }
  if (!std::isfinite(difference)) return std::numeric_limits<double>::infinity();
  return std::sqrt(norm > 0 ? difference / norm : difference);
}

}  // namespace fovea::bench
