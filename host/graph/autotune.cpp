#include "host/graph/autotune.h"

#include <algorithm>
#include <limits>

#include "fovea/version.h"
#include "host/graph/launches.h"

namespace fovea {
namespace {

/// Its number is raised when kernels of ours have become faster or slower, and when the numbers of
/// their variants have come to mean others, as they do when gemm_tiles() or the parts change.
constexpr const char* kFormat = "fovea autotuned kernels 3";

// How long is measured. A sample is several launches; a kernel's time is the median of its samples.
constexpr std::size_t kFewestSamples = 5;
constexpr std::size_t kMostSamples = 50;
constexpr double kBudgetMilliseconds = 5;
/// A kernel whose single launch takes this much longer than the fastest kernel's is not measured
/// further; the launch itself may take kLaunchMilliseconds.
constexpr double kHopeless = 3;
constexpr double kLaunchMilliseconds = 0.1;

/// Values of a floating input: not negative, since some are variances, and so small that sums of
/// millions of products stay finite in f16.
constexpr float kLargestValue = 0.0625F;
constexpr std::int64_t kPeriod = 1 << 16;  // values, then they repeat

bool all_plain(const std::vector<Layout>& layouts) {
  return std::all_of(layouts.begin(), layouts.end(), [](const Layout& l) { return l.plain(); });
}

using Memory = std::unique_ptr<void, std::function<void(void*)>>;

Memory allocate(Device& device, std::int64_t bytes) {
  return {device.allocate(static_cast<std::size_t>(bytes)),
          [&device](void* memory) { device.release(memory); }};
}

/// Memory of a step's shapes.
class Scratch {
 public:
  Scratch(Device& device, Stream& stream, const PlanStep& step) {
    for (const ValueType& type : step.input_types) {
      inputs.push_back(owned_.emplace_back(allocate(device, type.bytes())).get());
      fill(stream, type, inputs.back());
    }
    for (const ValueType& type : step.output_types) {
      outputs.push_back(owned_.emplace_back(allocate(device, type.bytes())).get());
    }
  }

  std::vector<void*> inputs, outputs;

 private:
  static void fill(Stream& stream, const ValueType& type, void* to) {
    const auto whole = static_cast<std::size_t>(type.bytes());
    if (!is_floating(type.dtype)) return stream.fill(to, 0, whole);
    Tensor period({std::min(kPeriod, type.shape.numel())}, DType::f32);
    std::uint32_t random = 1;
    for (float& value : period.span<float>()) {
      random = random * 1664525 + 1013904223;  // the upper bits of a linear congruence
      value = kLargestValue * static_cast<float>(random >> 8) / static_cast<float>(1 << 24);
    }
    period = period.to(type.dtype);
    std::size_t filled = static_cast<std::size_t>(period.bytes());
    stream.upload(to, period.raw(), filled);
    for (char* memory = static_cast<char*>(to); filled < whole;) {
      const std::size_t piece = std::min(filled, whole - filled);
      stream.copy(memory + filled, memory, piece);
      filled += piece;
    }
  }

  std::vector<Memory> owned_;
};

/// How long one launch takes, where `best` is the fastest kernel's time so far.
double milliseconds_of(Stream& stream, const std::function<void()>& launch, double best) {
  launch();  // which may load and set up what it needs
  stream.synchronize();
  const double once = stream.milliseconds(launch);
  if (once > kHopeless * best + kLaunchMilliseconds) return once;
  const Launches work = repeated(stream, launch, once);
  work.run();
  std::vector<double> times;
  double spent = 0;
  while (times.size() < kFewestSamples ||
         (times.size() < kMostSamples && spent < kBudgetMilliseconds)) {
    spent += times.emplace_back(stream.milliseconds(work.run));
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2),
                   times.end());
  return times[times.size() / 2] / work.count;
}

/// What the candidates offer, each one's own first choice first.
std::vector<Offer> offers_for(const PlanStep& step, const PlanOptions& options,
                              const Candidates& candidates) {
  std::vector<Offer> offers;
  for (const KernelTable::Candidate* candidate : candidates) {
    LowerRequest request = step.request(options);
    for (int variants = 1; request.variant < variants; ++request.variant) {
      LowerResult result = candidate->factory(*step.op, request);
      auto* lowering = std::get_if<Lowering>(&result);
      if (lowering == nullptr) continue;
      variants = std::max(variants, lowering->variants);
      if (!all_plain(lowering->input_layouts) || !all_plain(lowering->output_layouts)) continue;
      offers.push_back({candidate, request.variant, std::move(*lowering)});
    }
  }
  return offers;
}

/// The kernel that an answer names, where it still is one.
std::optional<Offer> offer_of(const Json& answer, const PlanStep& step, const PlanOptions& options,
                              const Candidates& candidates) {
  try {
    const std::string& name = answer.at("candidate").as_string();
    LowerRequest request = step.request(options);
    request.variant = static_cast<int>(answer.at("variant").as_int());
    for (const KernelTable::Candidate* candidate : candidates) {
      if (candidate->name != name) continue;
      LowerResult result = candidate->factory(*step.op, request);
      auto* lowering = std::get_if<Lowering>(&result);
      if (lowering == nullptr) return std::nullopt;
      return Offer{candidate, request.variant, std::move(*lowering)};
    }
  } catch (const Error&) {  // a damaged file
  }
  return std::nullopt;
}

std::optional<double> time_in(const std::optional<Json>& answer) {
  if (!answer || !answer->is_object()) return std::nullopt;
  const Json* time = answer->find("milliseconds");
  return time != nullptr && time->is_number() ? std::optional(time->as_double()) : std::nullopt;
}

bool measurable(const Device& device, const PlanStep& step) {
  return !device.is_host() && all_plain(step.input_layouts) && all_plain(step.wanted_outputs);
}

}  // namespace

Autotuner::Autotuner(const Options& options)
    : workspace_limit_bytes_(options.workspace_limit_bytes), memo_(options.path, kFormat) {}

std::optional<Offer> Autotuner::choose(Device& device, const PlanStep& step,
                                       const PlanOptions& options) {
  if (!measurable(device, step)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const Candidates candidates = permitted_candidates(device, step.op->name(), options);
  const std::string asked = question(device, step, options, candidates);
  if (const std::optional<Json> answer = memo_.find(asked)) {
    std::optional<Offer> known = offer_of(*answer, step, options, candidates);
    if (known) return known;
  }
  std::vector<Offer> offers = offers_for(step, options, candidates);
  if (offers.size() < 2) return std::nullopt;
  const std::optional<std::size_t> best = fastest(device, step, options, offers, asked);
  if (!best) return std::nullopt;
  return std::move(offers[*best]);
}

std::optional<double> Autotuner::milliseconds(Device& device, const PlanStep& step,
                                              const PlanOptions& options) {
  if (!measurable(device, step)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const Candidates candidates = permitted_candidates(device, step.op->name(), options);
  const std::string asked = question(device, step, options, candidates);
  if (const std::optional<double> known = time_in(memo_.find(asked))) return known;
  if (!fastest(device, step, options, offers_for(step, options, candidates), asked)) {
    return std::nullopt;
  }
  return time_in(memo_.find(asked));
}

/// All that the answer depends on.
std::string Autotuner::question(const Device& device, const PlanStep& step,
                                const PlanOptions& options, const Candidates& candidates) const {
  std::string text = std::string(step.op->name()) + " " + step.op->attributes().to_string();
  for (const ValueType& type : step.input_types) text += " " + to_string(type);
  text += " ->";
  for (std::size_t i = 0; i < step.output_types.size(); ++i) {
    text += " " + to_string(step.output_types[i]) + (step.output_used[i] ? "" : " unused");
  }
  text += options.allow_tf32 ? ", TF32" : ", no TF32";
  text += ", workspace " + std::to_string(workspace_limit_bytes_) + ", of";
  for (const KernelTable::Candidate* candidate : candidates) text += " " + candidate->name;
  return text + ", Fovea " + version() + ", " + device.fingerprint();
}

/// Which of the offers is the fastest; remembered, for people with what was measured of each.
std::optional<std::size_t> Autotuner::fastest(Device& device, const PlanStep& step,
                                              const PlanOptions& options,
                                              const std::vector<Offer>& offers,
                                              const std::string& asked) {
  const std::shared_ptr<Stream> stream = device.make_stream();
  std::optional<Scratch> scratch;
  try {
    scratch.emplace(device, *stream, step);
  } catch (const Error& error) {  // there is no memory for the step twice
    if (error.code() != ErrorCode::out_of_memory) throw;
    return std::nullopt;
  }
  std::optional<std::size_t> best;
  double best_time = std::numeric_limits<double>::infinity();
  Json measured = Json::array();
  for (std::size_t i = 0; i < offers.size(); ++i) {
    const Offer& offer = offers[i];
    const std::int64_t bytes = offer.lowering.workspace_bytes;
    Json row = Json::Object{{"candidate", offer.candidate->name}, {"variant", offer.variant}};
    try {
      FOVEA_REQUIRE(bytes <= workspace_limit_bytes_, out_of_memory, "wants a workspace of ", bytes,
                    " bytes");
      const Memory workspace = allocate(device, bytes);
      const KernelContext context(scratch->inputs, scratch->outputs, step.input_types,
                                  step.output_types, workspace.get(), options.threads,
                                  stream->handle(), options.allow_tf32);
      const double time = milliseconds_of(
          *stream, [&] { offer.lowering.kernel->run(context); }, best_time);
      row.set("milliseconds", time);
      if (time < best_time) {
        best = i;
        best_time = time;
      }
    } catch (const Error& error) {
      if (error.code() == ErrorCode::device_lost) throw;
      row.set("problem", error.what());
    }
    measured.push(std::move(row));
  }
  if (!best) return std::nullopt;
  memo_.remember(asked, Json::Object{{"candidate", offers[*best].candidate->name},
                                     {"variant", offers[*best].variant},
                                     {"milliseconds", best_time},
                                     {"measured", std::move(measured)}});
  return best;
}

}  // namespace fovea
