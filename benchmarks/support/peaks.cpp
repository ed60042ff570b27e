#include "benchmarks/support/peaks.h"

#include <algorithm>
#include <utility>

#include "benchmarks/support/sampled_reference.h"
#include "fovea/ops/basic.h"
#include "fovea/ops/matmul.h"

namespace fovea::bench {
namespace {

constexpr Timing kTiming{20, 1};

/// The rate of one candidate, in TFLOP/s, for square factors; 0, with a note, where it has none.
double matmul_rate(const Bench& bench, const KernelTable::Candidate& candidate,
                   const NumberFormat& format, std::int64_t size, const Timing& timing,
                   std::string& problem) {
  const ValueType type{{size, size}, format.storage};
  try {
    const std::shared_ptr<void> memory[3] = {
        bench.allocate(type.bytes()), bench.allocate(type.bytes()), bench.allocate(type.bytes())};
    // Random numbers: with equal ones a chip draws less power, and may clock higher.
    for (const auto& block : memory) {
      fill_repeating(bench, pattern_of(format.storage, 1).stored(), {type, block.get()});
    }
    auto prepared = CandidateRun::prepare(bench, candidate, ops::MatMul{},
                                          {{type, memory[0].get()}, {type, memory[1].get()}},
                                          {{type, memory[2].get()}}, format.allow_tf32);
    if (const auto* decline = std::get_if<Decline>(&prepared)) {
      problem += candidate.name + ": " + decline->reason + "; ";
      return 0;
    }
    const Spread time = std::get<0>(prepared)->time(timing);
    const auto n = static_cast<double>(size);
    return 2 * n * n * n / time.median * 1e-9;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::device_lost) throw;
    problem += candidate.name + ": " + error.what() + "; ";
    return 0;
  }
}

}  // namespace

PeakSizes sizes_for(const Device& device) {
  return device.is_host() ? PeakSizes{2048, std::int64_t{256} << 20} : PeakSizes{};
}

Peaks::Matmul Peaks::measure_matmul(const NumberFormat& format) const {
  Matmul best;
  // A short look first: what is four times slower than another there needs no long measurement.
  const auto& candidates = bench_.device().kernels().candidates(ops::MatMul::kName);
  std::vector<double> first_look;
  for (const auto& candidate : candidates) {
    first_look.push_back(
        matmul_rate(bench_, candidate, format, sizes_.matmul / 8, {5, 0.1}, best.problem));
  }
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const double fastest = *std::max_element(first_look.begin(), first_look.end());
    if (first_look[i] == 0 || first_look[i] < fastest / 4) continue;
    const double rate =
        matmul_rate(bench_, candidates[i], format, sizes_.matmul, kTiming, best.problem);
    if (rate > best.tflops) {
      best.tflops = rate;
      best.candidate = candidates[i].name;
    }
  }
  return best;
}

const Peaks::Matmul& Peaks::matmul(const NumberFormat& format) {
  const auto found = matmuls_.find(format.name);
  if (found != matmuls_.end()) return found->second;
  return matmuls_[format.name] = measure_matmul(format);
}

double Peaks::copy() {
  if (copy_ == 0) copy_ = measure_copy();
  return copy_;
}

void Peaks::measure_again() {
  for (const NumberFormat& format : kNumberFormats) {
    const auto before = matmuls_.find(format.name);
    if (before == matmuls_.end()) continue;
    const Matmul now = measure_matmul(format);
    if (now.tflops > before->second.tflops) before->second = now;
  }
  if (copy_ > 0) copy_ = std::max(copy_, measure_copy());
}

double Peaks::measure_copy() const {
  const ValueType type{{sizes_.copy_bytes / 4}, DType::f32};
  const std::shared_ptr<void> from = bench_.allocate(type.bytes());
  const std::shared_ptr<void> to = bench_.allocate(type.bytes());
  const auto size = static_cast<std::size_t>(type.bytes());
  fill_repeating(bench_, pattern_of(DType::f32, 1).stored(), {type, from.get()});
  fill_repeating(bench_, pattern_of(DType::f32, 2).stored(), {type, to.get()});
  const auto rate = [&](const Spread& time) {
    return 2 * static_cast<double>(type.bytes()) / time.median * 1e-6;
  };
  double best =
      rate(bench_.time([&] { bench_.stream().copy(to.get(), from.get(), size); }, kTiming));
  for (const auto& candidate : bench_.device().kernels().candidates(ops::Scale::kName)) {
    auto prepared = CandidateRun::prepare(bench_, candidate, ops::Scale{}, {{type, from.get()}},
                                          {{type, to.get()}}, false);
    if (auto* run = std::get_if<0>(&prepared)) best = std::max(best, rate((*run)->time(kTiming)));
  }
  return best;
}

Json Peaks::to_json() const {
  Json matmul = Json::object();
  for (const auto& [format, peak] : matmuls_) {
    matmul.set(format, Json::Object{{"tflops", peak.tflops},
                                    {"candidate", peak.candidate},
                                    {"size", sizes_.matmul},
                                    {"problem", peak.problem}});
  }
  return Json::Object{
      {"matmul", matmul},
      {"copy", Json::Object{{"gigabytes_per_second", copy_}, {"bytes", 2 * sizes_.copy_bytes}}}};
}

}  // namespace fovea::bench
