#include "host/graph/execution.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "fovea/float16.h"

namespace fovea {
namespace {

template <class T>
bool all_finite(const void* data, std::int64_t bytes) {
  const T* values = static_cast<const T*>(data);
  return std::all_of(values, values + bytes / static_cast<std::int64_t>(sizeof(T)),
                     [](T value) { return std::isfinite(static_cast<double>(value)); });
}

bool all_finite(DType dtype, const void* data, std::int64_t bytes) {
  switch (dtype) {
    case DType::f32:
      return all_finite<float>(data, bytes);
    case DType::f64:
      return all_finite<double>(data, bytes);
    case DType::f16:
      return all_finite<Float16>(data, bytes);
    case DType::bf16:
      return all_finite<BFloat16>(data, bytes);
    default:
      return true;
  }
}

/// Whether an environment variable is set, to anything but 0.
bool wanted(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && std::string(value) != "0" && *value != '\0';
}

/// A range of a stream; none where that is null.
class Range {
 public:
  Range(Stream* stream, const char* name) : stream_(stream) {
    if (stream_ != nullptr) stream_->begin_range(name);
  }
  ~Range() {
    if (stream_ != nullptr) stream_->end_range();
  }
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;

 private:
  Stream* stream_;
};

}  // namespace

Arena::~Arena() {
  if (memory_ != nullptr) device_->release(memory_);
}

void Arena::reserve(std::int64_t bytes) {
  if (bytes <= bytes_ && memory_ != nullptr) return;
  if (memory_ != nullptr) device_->release(memory_);
  memory_ = nullptr;
  bytes_ = 0;
  memory_ = static_cast<char*>(
      device_->allocate(static_cast<std::size_t>(std::max<std::int64_t>(bytes, 64))));
  bytes_ = bytes;
  ++generation_;
}

Execution::Execution(std::shared_ptr<const Plan> plan, Variables& variables,
                     std::shared_ptr<Arena> arena)
    : plan_(std::move(plan)),
      arena_(std::move(arena)),
      wait_for_steps_(wanted("FOVEA_SYNC")),
      mark_ranges_(wanted("FOVEA_NVTX")) {
  for (const Plan::Named& variable : plan_->variables()) {
    variables_.push_back(variables.at(variable.name).data);
  }
  make_kernels();
}

Execution::Execution(std::shared_ptr<const Plan> plan, std::shared_ptr<const Prepared> prepared,
                     std::shared_ptr<Arena> arena)
    : plan_(std::move(plan)),
      arena_(std::move(arena)),
      prepared_(std::move(prepared)),
      wait_for_steps_(wanted("FOVEA_SYNC")),
      mark_ranges_(wanted("FOVEA_NVTX")) {
  for (std::size_t slot = 0; slot < plan_->variables().size(); ++slot) {
    variables_.push_back(prepared_->variable(static_cast<int>(slot)));
  }
  make_kernels();
}

void Execution::make_kernels() {
  arena_->reserve(plan_->arena_bytes());
  inputs_.resize(plan_->inputs().size());
  const KernelScope scope(*plan_->device(), plan_->options().threads);
  for (const PlanStep& step : plan_->steps()) {
    LowerResult result = (*step.factory)(*step.op, step.request(plan_->options()));
    auto* lowering = std::get_if<Lowering>(&result);
    FOVEA_REQUIRE(lowering != nullptr, internal, "candidate '", step.kernel_name(), "' of '",
                  step.path, "' accepted when planned and declines now");
    steps_.push_back({std::move(lowering->kernel), &step, 0, nullptr});
  }
  resolve();
}

void* Execution::address(int value) const {
  const PlannedValue& planned = plan_->values()[static_cast<std::size_t>(value)];
  switch (planned.storage) {
    case Storage::arena:
      return arena_->memory() + plan_->blocks()[static_cast<std::size_t>(planned.slot)].offset;
    case Storage::variable:
      return variables_[static_cast<std::size_t>(planned.slot)];
    case Storage::constant:
      return plan_->constant(planned.slot);
    case Storage::prepared:
      return prepared_->value(planned.slot);
    case Storage::input:
      break;
  }
  const Input& input = inputs_[static_cast<std::size_t>(planned.slot)];
  if (input.memory != nullptr) return input.memory.get();
  // Kernels get inputs as mutable pointers like all others; only effects() are written through.
  return const_cast<void*>(input.bound);  // NOLINT
}

void Execution::resolve() {
  pointers_.clear();
  patches_.clear();
  for (Step& step : steps_) {
    step.first_pointer = pointers_.size();
    for (const std::vector<int>* list : {&step.plan->inputs, &step.plan->outputs}) {
      for (int value : *list) {
        const PlannedValue& planned = plan_->values()[static_cast<std::size_t>(value)];
        const bool bound_later = planned.storage == Storage::input && plan_->device()->is_host();
        if (bound_later) patches_.push_back({pointers_.size(), planned.slot});
        pointers_.push_back(address(value));
      }
    }
    const int block = step.plan->workspace_block;
    step.workspace =
        block < 0 ? nullptr
                  : arena_->memory() + plan_->blocks()[static_cast<std::size_t>(block)].offset;
  }
  recording_ = nullptr;  // it holds the old pointers
  generation_ = arena_->generation();
}

void Execution::bind_input(std::size_t index, const void* data) {
  Input& input = inputs_.at(index);
  if (input.shared) input = {};
  input.bound = data;
}

void Execution::bind_device_input(std::size_t index, std::shared_ptr<void> data) {
  Input& input = inputs_.at(index);
  if (input.shared && input.memory == data) return;
  input.bound = plan_->device()->is_host() ? data.get() : nullptr;
  input.memory = std::move(data);
  input.shared = true;
  generation_ = -1;  // pointers to it are out of date
}

void Execution::run_step(const Step& step) const {
  const PlanStep& plan = *step.plan;
  Stream& stream = arena_->stream();
  void* const* pointers = pointers_.data() + step.first_pointer;
  const Range range(mark_ranges_ ? &stream : nullptr, plan.path.c_str());
  try {
    step.kernel->run(KernelContext(
        {pointers, plan.inputs.size()}, {pointers + plan.inputs.size(), plan.outputs.size()},
        plan.input_types, plan.output_types, step.workspace, plan_->options().threads,
        stream.handle(), plan_->options().allow_tf32));
    if (wait_for_steps_) stream.synchronize();
  } catch (const Error& error) {
    fail(error.code(), "'", plan.path, "' (", plan.op->name(), ", ", plan.kernel_name(),
         "): ", error.what());
  }
}

void Execution::run_steps() const {
  for (const Step& step : steps_) run_step(step);
}

/// Brings what is bound to where the kernels look for it.
void Execution::place_inputs() {
  const std::shared_ptr<Device>& device = plan_->device();
  const auto bytes = [&](std::size_t input) {
    const auto value = static_cast<std::size_t>(plan_->inputs()[input].value);
    return static_cast<std::size_t>(plan_->values()[value].bytes());
  };
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    FOVEA_REQUIRE(inputs_[i].bound != nullptr || inputs_[i].shared, invalid_argument, "input '",
                  plan_->inputs()[i].name, "' was not bound before run()");
    if (device->is_host() || inputs_[i].memory != nullptr) continue;
    inputs_[i].memory.reset(device->allocate(bytes(i)),
                            [device](void* memory) { device->release(memory); });
    generation_ = -1;
  }
  if (generation_ != arena_->generation()) resolve();
  for (const Patch& patch : patches_) {
    const void* data = inputs_[static_cast<std::size_t>(patch.input)].bound;
    pointers_[patch.pointer] = const_cast<void*>(data);  // NOLINT
  }
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (device->is_host() || inputs_[i].shared) continue;
    arena_->stream().upload(inputs_[i].memory.get(), inputs_[i].bound, bytes(i));
  }
}

/// Records all steps, where the device can and nothing speaks against it.
bool Execution::record_steps() {
  if (wait_for_steps_ || !recording_problem_.empty()) return false;
  try {
    recording_ = arena_->stream().record([this] { run_steps(); });
  } catch (const Error& error) {
    if (error.code() == ErrorCode::device_lost) throw;
    recording_problem_ = error.what();
  }
  return recording_ != nullptr;
}

void Execution::run() {
  place_inputs();
  const KernelScope scope(*plan_->device(), plan_->options().threads);
  // Eager once: what kernels load or set up on their first run cannot be recorded.
  if (recording_ == nullptr && (eager_runs_++ == 0 || !record_steps())) return run_steps();
  recording_->replay();
}

Tensor Execution::output(std::size_t index) const {
  const ValueType& type =
      plan_->values()[static_cast<std::size_t>(plan_->outputs().at(index).value)].type;
  Tensor result(type.shape, type.dtype);
  copy_output(index, result.mutable_raw());
  return result;
}

void Execution::copy_output(std::size_t index, void* to, std::int64_t rows) const {
  const int value = plan_->outputs().at(index).value;
  const ValueType& type = plan_->values()[static_cast<std::size_t>(value)].type;
  const std::int64_t bytes = rows < 0 ? type.bytes() : type.bytes() / type.shape[0] * rows;
  arena_->stream().download(to, address(value), static_cast<std::size_t>(bytes));
}

std::string Execution::first_nonfinite(const Step& step) const {
  for (std::size_t i = 0; i < step.plan->outputs.size(); ++i) {
    if (!step.plan->output_used[i]) continue;
    const PlannedValue& value = plan_->values()[static_cast<std::size_t>(step.plan->outputs[i])];
    std::vector<char> host(static_cast<std::size_t>(value.bytes()));
    arena_->stream().download(
        host.data(), pointers_[step.first_pointer + step.plan->inputs.size() + i], host.size());
    if (!all_finite(value.type.dtype, host.data(), value.bytes()))
      return "'" + step.plan->path + "' (" + std::string(step.plan->op->name()) + ")";
  }
  return {};
}

std::string Execution::find_nonfinite() {
  place_inputs();
  const KernelScope scope(*plan_->device(), plan_->options().threads);
  std::string first;
  for (const Step& step : steps_) {
    run_step(step);
    if (first.empty()) first = first_nonfinite(step);
  }
  return first;
}

/// What profile() times of a step.
Launches Execution::launches_of(const Step& step) const {
  Stream& stream = arena_->stream();
  const auto launch = [this, &step] { run_step(step); };
  if (plan_->device()->is_host() || wait_for_steps_) return {launch};
  try {
    return repeated(stream, launch, stream.milliseconds(launch));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::device_lost) throw;
    return {launch};  // it cannot be recorded
  }
}

std::vector<double> Execution::profile(int repeats) {
  run();
  Stream& stream = arena_->stream();
  stream.synchronize();
  const KernelScope scope(*plan_->device(), plan_->options().threads);
  std::vector<Launches> work;
  for (const Step& step : steps_) work.push_back(launches_of(step));
  std::vector<std::vector<double>> times(steps_.size());
  for (int r = 0; r < repeats; ++r) {
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      times[s].push_back(stream.milliseconds(work[s].run) / work[s].count);
    }
  }
  std::vector<double> medians;
  for (std::vector<double>& list : times) {
    std::sort(list.begin(), list.end());
    medians.push_back(list[list.size() / 2]);
  }
  return medians;
}

void Execution::poison() {
  const std::vector<unsigned char> bytes(static_cast<std::size_t>(arena_->bytes()), 0xFF);
  arena_->stream().upload(arena_->memory(), bytes.data(), bytes.size());
}

}  // namespace fovea
