#include "benchmarks/support/candidate_run.h"

#include <algorithm>
#include <chrono>

#include "fovea/ops/basic.h"

namespace fovea::bench {
namespace {

/// More than any GPU's second-level cache.
constexpr std::int64_t kDeviceFlushBytes = std::int64_t{256} << 20;

/// Every output is read.
constexpr bool kUsed[8] = {true, true, true, true, true, true, true, true};

Layout layout_at(const std::vector<Layout>& layouts, std::size_t index) {
  return layouts.empty() ? Layout{} : layouts[index];
}

/// Copies a value from one layout into another, by the first candidate that can.
void reorder(const Bench& bench, const ValueType& type, void* from, const Layout& from_layout,
             void* to, const Layout& to_layout) {
  const LowerRequest request{{&type, 1}, {&type, 1},      {&from_layout, 1},
                             {kUsed, 1}, {&to_layout, 1}, bench.threads()};
  for (const auto& candidate : bench.device().kernels().candidates(ops::Reorder::kName)) {
    LowerResult result = candidate.factory(ops::Reorder{}, request);
    auto* lowering = std::get_if<Lowering>(&result);
    if (lowering == nullptr) continue;
    const std::shared_ptr<void> workspace = bench.allocate(lowering->workspace_bytes);
    lowering->kernel->run(KernelContext({&from, 1}, {&to, 1}, {&type, 1}, {&type, 1},
                                        workspace.get(), bench.threads(), bench.stream().handle()));
    bench.stream().synchronize();  // the workspace is freed
    return;
  }
  fail(ErrorCode::unsupported, "no candidate copies ", to_string(type), " between the layouts of '",
       from_layout.library, "' and '", to_layout.library, "'");
}

}  // namespace

Bench::Bench(std::shared_ptr<Device> device, int threads)
    : device_(std::move(device)), stream_(device_->make_stream()), threads_(threads) {
  flush_bytes_ = device_->is_host() ? 2 * last_level_cache_bytes() : kDeviceFlushBytes;
  device_->begin_kernels(threads_);
  flushed_ = allocate(flush_bytes_);
}

Bench::~Bench() { device_->end_kernels(threads_); }

std::shared_ptr<void> Bench::allocate(std::int64_t bytes) const {
  if (device_->is_host()) {
    // Linux gives what it does not have, and ends the program when it is used.
    const std::int64_t left = available_host_bytes();
    FOVEA_REQUIRE(bytes <= left / 10 * 9, out_of_memory, bytes, " bytes wanted, and ", left,
                  " bytes of host memory are left");
  }
  return {device_->allocate(static_cast<std::size_t>(bytes)),
          [device = device_](void* memory) { device->release(memory); }};
}

void Bench::flush_caches() const {
  stream_->fill(flushed_.get(), 0, static_cast<std::size_t>(flush_bytes_));
}

void Bench::warm_up() const {
  using Clock = std::chrono::steady_clock;
  if (device_->is_host()) return;
  for (const Clock::time_point begin = Clock::now();
       Clock::now() - begin < std::chrono::milliseconds(600);) {
    flush_caches();
    stream_->synchronize();
  }
}

Spread Bench::time(const std::function<void()>& work, const Timing& timing) const {
  using Clock = std::chrono::steady_clock;
  work();  // to warm up
  stream_->synchronize();
  std::vector<double> times;
  const Clock::time_point begin = Clock::now();
  for (int i = 0; i < std::max(timing.repeats, timing.fewest); ++i) {
    const double elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
    if (i >= timing.fewest && elapsed > timing.seconds) break;
    flush_caches();
    times.push_back(stream_->milliseconds(work));
    if (times.front() > timing.hopeless) break;
  }
  return spread_of(std::move(times));
}

void fill_repeating(const Bench& bench, const Tensor& period, const Operand& to) {
  const auto whole = static_cast<std::size_t>(to.type.bytes());
  std::size_t filled = std::min(static_cast<std::size_t>(period.bytes()), whole);
  char* const memory = static_cast<char*>(to.memory);
  bench.stream().upload(memory, period.raw(), filled);
  while (filled < whole) {  // what is there, once more behind it: whole periods, but for the last
    const std::size_t piece = std::min(filled, whole - filled);
    bench.stream().copy(memory + filled, memory, piece);
    filled += piece;
  }
  bench.stream().synchronize();
}

std::variant<std::unique_ptr<CandidateRun>, Decline> CandidateRun::prepare(
    const Bench& bench, const KernelTable::Candidate& candidate, const Op& op,
    std::vector<Operand> inputs, std::vector<Operand> outputs, bool allow_tf32) {
  std::unique_ptr<CandidateRun> run(new CandidateRun(bench, std::move(inputs), std::move(outputs)));
  run->allow_tf32_ = allow_tf32;
  for (const Operand& input : run->inputs_) run->input_types_.push_back(input.type);
  for (const Operand& output : run->outputs_) run->output_types_.push_back(output.type);
  const std::vector<Layout> plain(run->inputs_.size());
  LowerResult result = candidate.factory(op, {run->input_types_,
                                              run->output_types_,
                                              plain,
                                              {kUsed, run->outputs_.size()},
                                              {},
                                              bench.threads(),
                                              allow_tf32});
  if (auto* decline = std::get_if<Decline>(&result)) return std::move(*decline);
  run->take(std::move(std::get<Lowering>(result)));
  return run;
}

void CandidateRun::take(Lowering lowering) {
  lowering_ = std::move(lowering);
  workspace_ = bench_.allocate(lowering_.workspace_bytes);
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const Layout layout = layout_at(lowering_.input_layouts, i);
    input_pointers_.push_back(inputs_[i].memory);
    if (layout.plain()) continue;
    owned_.push_back(bench_.allocate(layout.bytes));
    reorder(bench_, inputs_[i].type, inputs_[i].memory, Layout{}, owned_.back().get(), layout);
    input_pointers_.back() = owned_.back().get();
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const Layout layout = layout_at(lowering_.output_layouts, i);
    output_pointers_.push_back(outputs_[i].memory);
    if (layout.plain()) continue;
    owned_.push_back(bench_.allocate(layout.bytes));
    output_pointers_.back() = owned_.back().get();
  }
}

void CandidateRun::launch() {
  lowering_.kernel->run(KernelContext(input_pointers_, output_pointers_, input_types_,
                                      output_types_, workspace_.get(), bench_.threads(),
                                      bench_.stream().handle(), allow_tf32_));
}

void CandidateRun::run() {
  launch();
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const Layout layout = layout_at(lowering_.output_layouts, i);
    if (layout.plain()) continue;
    reorder(bench_, outputs_[i].type, output_pointers_[i], layout, outputs_[i].memory, Layout{});
  }
  bench_.stream().synchronize();
}

Spread CandidateRun::time(const Timing& timing) {
  return bench_.time([this] { launch(); }, timing);
}

}  // namespace fovea::bench
