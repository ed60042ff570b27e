// The scheduler behind cuda_on_host.h. Threads start on worker fibers in a shuffled order; a thread
// that never waits costs no switch of its own, since its worker goes on with the next.
#include "tests/host_kernels/cuda_on_host.h"

#include <sys/mman.h>
#ifndef __x86_64__
#include <ucontext.h>
#endif

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <random>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#else  // nobody watches the stacks
inline void __sanitizer_start_switch_fiber(void**, const void*, std::size_t) {}
inline void __sanitizer_finish_switch_fiber(void*, const void**, std::size_t*) {}
#endif

#ifdef __x86_64__
// swapcontext() asks the system for the signal mask at every switch, and kernels with barriers
// switch millions of times. This saves what a function must keep, and goes on on another stack.
asm(R"(
  .text
  .type fovea_switch_stack, @function
fovea_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size fovea_switch_stack, .-fovea_switch_stack
)");
extern "C" void fovea_switch_stack(void** left_at, void* go_on_at);
#endif

namespace on_host {
namespace {

constexpr std::size_t kStackBytes = 64 << 10;  // AddressSanitizer clears them at each switch
constexpr unsigned kMaxThreads = 1024;
constexpr unsigned kMaxBlocksYZ = 65535;
constexpr std::size_t kMaxSharedBytes = 227 << 10;

/// Where a stack was left.
#ifdef __x86_64__
using Context = void*;
void switch_stack(Context& from, const Context& to) { fovea_switch_stack(&from, to); }
#else
using Context = ucontext_t;
void switch_stack(Context& from, const Context& to) { swapcontext(&from, &to); }
#endif

/// A stack to run threads on, one thread at a time.
struct Fiber {
  Context context{};
  void* stack = nullptr;
  void* fake_stack = nullptr;  ///< AddressSanitizer's
  Thread thread{};
};

struct SharedMemory {
  const void* key;
  std::size_t bytes;
  std::unique_ptr<void, decltype(&std::free)> memory{nullptr, &std::free};
};

/// Lanes that wait for each other. What they bring goes to two places in turn: a lane may come to
/// the next exchange while others still read the last one, but to no later one.
struct Exchange {
  unsigned arrived = 0;
  unsigned turn = 0;
  std::vector<char> brought[2];
  std::vector<Fiber*> waiting;
};

class Launch {
 public:
  Launch(const char* name, dim3 blocks, dim3 threads, std::size_t dynamic_bytes,
         const std::function<void()>& body, std::mt19937& random)
      : name_(name),
        blocks_(blocks),
        threads_(threads),
        dynamic_bytes_(dynamic_bytes),
        body_(body),
        random_(random) {}

  void run();

  void barrier(const std::source_location& where);
  void exchange(unsigned mask, const void* mine, std::size_t bytes, void* all,
                const std::source_location& where);
  void* shared(const void* key, std::size_t bytes);
  void* dynamic_shared();
  [[noreturn]] void die(const std::string& what) const;

  const Thread& thread() const { return current_->thread; }
  const uint3& block() const { return block_; }
  const dim3& threads() const { return threads_; }
  const dim3& blocks() const { return blocks_; }

  void work();  ///< what a fiber does

 private:
  void run_block();
  void resume(Fiber* fiber);
  void suspend();
  void make_ready(std::vector<Fiber*>& waiting);
  Fiber* free_fiber();
  void report_stuck() const;

  const char* name_;
  dim3 blocks_, threads_;
  std::size_t dynamic_bytes_;
  const std::function<void()>& body_;
  std::mt19937& random_;

  uint3 block_{};
  std::vector<unsigned> order_;
  unsigned started_ = 0, finished_ = 0;
  std::vector<SharedMemory> shared_;
  std::vector<Fiber*> at_barrier_;
  std::source_location barrier_;
  std::map<std::pair<unsigned, unsigned>, Exchange> exchanges_;  ///< by warp and mask
  std::vector<Fiber*> ready_, free_;
  Fiber* current_ = nullptr;
  Context scheduler_{};
  void* scheduler_fake_stack_ = nullptr;
  const void* scheduler_stack_ = nullptr;
  std::size_t scheduler_stack_bytes_ = 0;
};

Launch* running = nullptr;

/// Stacks outlive launches: making them is slow.
std::vector<std::unique_ptr<Fiber>>& fibers() {
  static std::vector<std::unique_ptr<Fiber>> all;
  return all;
}

void fiber_main() { running->work(); }

/// Sets a context to begin at fiber_main on this stack.
#ifdef __x86_64__
void prepare(Context& context, void* stack) {
  constexpr int kRegisters = 6;  // that the switch will take from here, before it returns
  void** top = reinterpret_cast<void**>(static_cast<char*>(stack) + kStackBytes);
  *--top = nullptr;  // as if fiber_main had been called
  *--top = reinterpret_cast<void*>(&fiber_main);
  context = std::fill_n(top - kRegisters, kRegisters, nullptr) - kRegisters;
}
#else
void prepare(Context& context, void* stack) {
  getcontext(&context);
  context.uc_stack.ss_sp = stack;
  context.uc_stack.ss_size = kStackBytes;
  context.uc_link = nullptr;
  makecontext(&context, fiber_main, 0);
}
#endif

/// Memory behind a page that nobody may touch, so that a stack which overflows is noticed; null
/// where there is none.
void* make_stack() {
  constexpr std::size_t kGuardBytes = 64 << 10;
  void* memory = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  mprotect(memory, kGuardBytes, PROT_NONE);
  return static_cast<char*>(memory) + kGuardBytes;
}

/// One that begins its work when it is resumed.
Fiber* Launch::free_fiber() {
  if (free_.empty()) {
    fibers().push_back(std::make_unique<Fiber>());
    Fiber* fiber = fibers().back().get();
    fiber->stack = make_stack();
    if (fiber->stack == nullptr) die("there is no memory for another thread's stack");
    free_.push_back(fiber);
  }
  Fiber* fiber = free_.back();
  free_.pop_back();
  prepare(fiber->context, fiber->stack);
  return fiber;
}

void Launch::resume(Fiber* fiber) {
  current_ = fiber;
  __sanitizer_start_switch_fiber(&scheduler_fake_stack_, fiber->stack, kStackBytes);
  switch_stack(scheduler_, fiber->context);
  __sanitizer_finish_switch_fiber(scheduler_fake_stack_, nullptr, nullptr);
  current_ = nullptr;
}

void Launch::suspend() {
  Fiber* self = current_;
  __sanitizer_start_switch_fiber(&self->fake_stack, scheduler_stack_, scheduler_stack_bytes_);
  switch_stack(self->context, scheduler_);
  __sanitizer_finish_switch_fiber(self->fake_stack, &scheduler_stack_, &scheduler_stack_bytes_);
}

void Launch::work() {
  __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack_, &scheduler_stack_bytes_);
  Fiber* self = current_;
  while (started_ < order_.size()) {
    const unsigned flat = order_[started_++];
    self->thread.flat = flat;
    self->thread.index = {flat % threads_.x, flat / threads_.x % threads_.y,
                          flat / threads_.x / threads_.y};
    body_();
    ++finished_;
  }
  free_.push_back(self);
  // Null: this fiber's work is over, and its fake stack with it.
  __sanitizer_start_switch_fiber(nullptr, scheduler_stack_, scheduler_stack_bytes_);
  switch_stack(self->context, scheduler_);  // for good
}

void Launch::run_block() {
  started_ = finished_ = 0;
  shared_.clear();
  std::shuffle(order_.begin(), order_.end(), random_);
  while (finished_ < order_.size()) {
    if (started_ < order_.size()) {
      resume(free_fiber());
      continue;
    }
    if (ready_.empty()) report_stuck();
    std::swap(ready_[random_() % ready_.size()], ready_.back());
    Fiber* fiber = ready_.back();
    ready_.pop_back();
    resume(fiber);
  }
}

void Launch::run() {
  for (const auto& fiber : fibers()) free_.push_back(fiber.get());
  order_.resize(std::size_t{threads_.x} * threads_.y * threads_.z);
  for (unsigned i = 0; i < order_.size(); ++i) order_[i] = i;
  for (block_.z = 0; block_.z < blocks_.z; ++block_.z) {
    for (block_.y = 0; block_.y < blocks_.y; ++block_.y) {
      for (block_.x = 0; block_.x < blocks_.x; ++block_.x) run_block();
    }
  }
}

void Launch::make_ready(std::vector<Fiber*>& waiting) {
  ready_.insert(ready_.end(), waiting.begin(), waiting.end());
  waiting.clear();
}

void Launch::barrier(const std::source_location& where) {
  if (finished_ > 0) die("threads of this block ended before a barrier that others reach");
  if (at_barrier_.empty()) {
    barrier_ = where;
  } else if (barrier_.line() != where.line() ||
             std::strcmp(barrier_.file_name(), where.file_name()) != 0) {
    die("threads of one block wait at different barriers, at lines " +
        std::to_string(barrier_.line()) + " and " + std::to_string(where.line()));
  }
  at_barrier_.push_back(current_);
  if (at_barrier_.size() == order_.size()) make_ready(at_barrier_);
  suspend();
}

void Launch::exchange(unsigned mask, const void* mine, std::size_t bytes, void* all,
                      const std::source_location&) {
  const unsigned lane = current_->thread.lane();
  if ((mask >> lane & 1) == 0) die("a lane outside the mask takes part in an exchange of its warp");
  Exchange& exchange = exchanges_[{current_->thread.warp(), mask}];
  std::vector<char>& brought = exchange.brought[exchange.turn];
  if (brought.size() != bytes * kWarpSize) {
    if (exchange.arrived != 0) die("lanes of one warp wait at different exchanges");
    brought.assign(bytes * kWarpSize, '\xFF');
  }
  std::memcpy(brought.data() + bytes * lane, mine, bytes);
  exchange.arrived |= 1u << lane;
  if (exchange.arrived == mask) {
    exchange.arrived = 0;
    exchange.turn ^= 1;
    make_ready(exchange.waiting);
  } else {
    exchange.waiting.push_back(current_);
    suspend();
  }
  std::memcpy(all, brought.data(), bytes * kWarpSize);
}

void* Launch::shared(const void* key, std::size_t bytes) {
  for (SharedMemory& memory : shared_) {
    if (memory.key == key) return memory.memory.get();
  }
  void* memory = std::malloc(bytes);
  std::memset(memory, 0xFF, bytes);
  shared_.push_back({key, bytes, {memory, &std::free}});
  return memory;
}

void* Launch::dynamic_shared() {
  static const char key = 0;
  if (dynamic_bytes_ == 0) die("the kernel uses dynamic shared memory, but the launch gives none");
  return shared(&key, dynamic_bytes_);
}

void Launch::die(const std::string& what) const {
  std::fprintf(stderr, "%s, block (%u, %u, %u)", name_, block_.x, block_.y, block_.z);
  if (current_ != nullptr) {
    const uint3& index = current_->thread.index;
    std::fprintf(stderr, ", thread (%u, %u, %u)", index.x, index.y, index.z);
  }
  std::fprintf(stderr, ": %s\n", what.c_str());
  std::abort();
}

void Launch::report_stuck() const {
  if (!at_barrier_.empty()) {
    die(std::to_string(at_barrier_.size()) + " of " + std::to_string(order_.size()) +
        " threads wait at the barrier in line " + std::to_string(barrier_.line()) +
        ", which the others never reach");
  }
  die("lanes of a warp wait for others of their mask, which never come");
}

/// Of each kernel's last launch.
std::map<std::string, dim3>& grids() {
  static std::map<std::string, dim3> all;
  return all;
}

/// Of all launches of a kernel, by its name.
std::map<std::string, double>& seconds() {
  static std::map<std::string, double> all;
  return all;
}

int& current_architecture() {
  static int sm = 80;
  return sm;
}

std::mt19937 seeded() {
  const char* seed = std::getenv("FOVEA_HOST_KERNELS_SEED");  // NOLINT(concurrency-mt-unsafe)
  return std::mt19937(seed == nullptr ? 1u
                                      : static_cast<unsigned>(std::strtoul(seed, nullptr, 10)));
}

}  // namespace

bool is_launchable(dim3 blocks, dim3 threads, std::size_t dynamic_shared_bytes) {
  const std::uint64_t count = std::uint64_t{threads.x} * threads.y * threads.z;
  return count > 0 && count <= kMaxThreads && threads.z <= 64 && blocks.x <= 0x7FFFFFFF &&
         blocks.y <= kMaxBlocksYZ && blocks.z <= kMaxBlocksYZ &&
         dynamic_shared_bytes <= kMaxSharedBytes;
}

void run(const char* name, dim3 blocks, dim3 threads, std::size_t dynamic_shared_bytes,
         const std::function<void()>& body) {
  static std::mutex one_at_a_time;
  static std::mt19937 random = seeded();
  const std::scoped_lock lock(one_at_a_time);
  grids()[name] = blocks;
  const auto begin = std::chrono::steady_clock::now();
  Launch launch(name, blocks, threads, dynamic_shared_bytes, body, random);
  running = &launch;
  launch.run();
  running = nullptr;
  seconds()[name] +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

const Thread& this_thread() { return running->thread(); }
const uint3& this_block() { return running->block(); }
const dim3& block_shape() { return running->threads(); }
const dim3& grid_shape() { return running->blocks(); }
void* shared(const void* key, std::size_t bytes) { return running->shared(key, bytes); }
void* dynamic_shared() { return running->dynamic_shared(); }
void barrier(const std::source_location& where) { running->barrier(where); }
void exchange(unsigned mask, const void* mine, std::size_t bytes, void* all,
              const std::source_location& where) {
  running->exchange(mask, mine, bytes, all, where);
}
void die(const std::string& what) { running->die(what); }
int architecture() { return current_architecture(); }
void set_architecture(int sm) { current_architecture() = sm; }
dim3 last_grid(const std::string& name) { return grids().at(name); }
std::map<std::string, double> kernels_run() { return seconds(); }

}  // namespace on_host
