#include "host/graph/execution.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

namespace fovea {
namespace {

template <class T>
bool all_finite(const void* data, std::int64_t bytes) {
  const T* values = static_cast<const T*>(data);
  return std::all_of(values, values + bytes / static_cast<std::int64_t>(sizeof(T)),
                     [](T value) { return std::isfinite(value); });
}

/// While one exists, kernels may run.
class KernelScope {
 public:
  explicit KernelScope(const Plan& plan)
      : device_(*plan.device()), threads_(plan.options().threads) {
    device_.begin_kernels(threads_);
  }
  ~KernelScope() { device_.end_kernels(threads_); }
  KernelScope(const KernelScope&) = delete;
  KernelScope& operator=(const KernelScope&) = delete;

 private:
  Device& device_;
  int threads_;
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
    : plan_(std::move(plan)), arena_(std::move(arena)) {
  arena_->reserve(plan_->arena_bytes());
  for (const Plan::Named& variable : plan_->variables()) {
    variables_.push_back(variables.at(variable.name).data);
  }
  bound_.assign(plan_->inputs().size(), nullptr);
  for (const PlanStep& step : plan_->steps()) {
    LowerResult result = (*step.factory)(*step.op, step.request(plan_->options().threads));
    auto* lowering = std::get_if<Lowering>(&result);
    FOVEA_REQUIRE(lowering != nullptr, internal, "candidate '", step.candidate, "' of '", step.path,
                  "' accepted when planned and declines now");
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
    case Storage::input:
      break;
  }
  // Kernels get inputs as mutable pointers like all others; only effects() are written through.
  return const_cast<void*>(bound_[static_cast<std::size_t>(planned.slot)]);  // NOLINT
}

void Execution::resolve() {
  pointers_.clear();
  patches_.clear();
  for (Step& step : steps_) {
    step.first_pointer = pointers_.size();
    for (const std::vector<int>* list : {&step.plan->inputs, &step.plan->outputs}) {
      for (int value : *list) {
        const PlannedValue& planned = plan_->values()[static_cast<std::size_t>(value)];
        if (planned.storage == Storage::input) patches_.push_back({pointers_.size(), planned.slot});
        pointers_.push_back(address(value));
      }
    }
    const int block = step.plan->workspace_block;
    step.workspace =
        block < 0 ? nullptr
                  : arena_->memory() + plan_->blocks()[static_cast<std::size_t>(block)].offset;
  }
  generation_ = arena_->generation();
}

void Execution::bind_input(std::size_t index, const void* data) { bound_.at(index) = data; }

void Execution::run_step(const Step& step) const {
  const PlanStep& plan = *step.plan;
  void* const* pointers = pointers_.data() + step.first_pointer;
  step.kernel->run(KernelContext(
      {pointers, plan.inputs.size()}, {pointers + plan.inputs.size(), plan.outputs.size()},
      plan.input_types, plan.output_types, step.workspace, plan_->options().threads, nullptr));
}

void Execution::run() {
  if (generation_ != arena_->generation()) resolve();
  for (const Patch& patch : patches_) {
    const void* data = bound_[static_cast<std::size_t>(patch.input)];
    FOVEA_REQUIRE(data != nullptr, invalid_argument, "input '",
                  plan_->inputs()[static_cast<std::size_t>(patch.input)].name,
                  "' was not bound before run()");
    pointers_[patch.pointer] = const_cast<void*>(data);  // NOLINT
  }
  const KernelScope scope(*plan_);
  for (const Step& step : steps_) run_step(step);
}

Tensor Execution::output(std::size_t index) const {
  const ValueType& type =
      plan_->values()[static_cast<std::size_t>(plan_->outputs().at(index).value)].type;
  Tensor result(type.shape, type.dtype);
  copy_output(index, result.mutable_raw());
  return result;
}

void Execution::copy_output(std::size_t index, void* to) const {
  const int value = plan_->outputs().at(index).value;
  const PlannedValue& planned = plan_->values()[static_cast<std::size_t>(value)];
  plan_->device()->copy_to_host(to, address(value), static_cast<std::size_t>(planned.type.bytes()));
}

std::string Execution::first_nonfinite(const Step& step) const {
  for (std::size_t i = 0; i < step.plan->outputs.size(); ++i) {
    if (!step.plan->output_used.at(i)) continue;
    const PlannedValue& value = plan_->values()[static_cast<std::size_t>(step.plan->outputs[i])];
    std::vector<char> host(static_cast<std::size_t>(value.bytes()));
    plan_->device()->copy_to_host(
        host.data(), pointers_[step.first_pointer + step.plan->inputs.size() + i], host.size());
    const bool finite =
        value.type.dtype == DType::f32   ? all_finite<float>(host.data(), value.bytes())
        : value.type.dtype == DType::f64 ? all_finite<double>(host.data(), value.bytes())
                                         : true;
    if (!finite) return "'" + step.plan->path + "' (" + std::string(step.plan->op->name()) + ")";
  }
  return {};
}

std::string Execution::find_nonfinite() {
  const KernelScope scope(*plan_);
  std::string first;
  for (const Patch& patch : patches_) {
    pointers_[patch.pointer] =
        const_cast<void*>(bound_[static_cast<std::size_t>(patch.input)]);  // NOLINT
  }
  for (const Step& step : steps_) {
    run_step(step);
    if (first.empty()) first = first_nonfinite(step);
  }
  return first;
}

std::vector<double> Execution::profile(int repeats) {
  run();
  const KernelScope scope(*plan_);
  std::vector<std::vector<double>> times(steps_.size());
  for (int r = 0; r < repeats; ++r) {
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      const auto begin = std::chrono::steady_clock::now();
      run_step(steps_[s]);
      const std::chrono::duration<double, std::milli> elapsed =
          std::chrono::steady_clock::now() - begin;
      times[s].push_back(elapsed.count());
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
  plan_->device()->copy_from_host(arena_->memory(), bytes.data(), bytes.size());
}

}  // namespace fovea
