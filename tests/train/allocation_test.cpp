// A steady training step allocates nothing. Every allocation of the process passes through the
// functions below while counting is on; those made inside oneDNN (its table of arguments, in every
// call of a primitive) are counted apart, since they are not ours to avoid.
//
// Sanitizers bring an allocator of their own, so this file is left out of sanitized builds.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "tests/train/small_data.h"

extern "C" {
void* __libc_malloc(std::size_t size);                           // NOLINT
void* __libc_calloc(std::size_t count, std::size_t size);        // NOLINT
void* __libc_realloc(void* memory, std::size_t size);            // NOLINT
void* __libc_memalign(std::size_t alignment, std::size_t size);  // NOLINT
}

namespace {

std::atomic<bool> counting = false;
std::atomic<int> ours = 0;
std::atomic<int> onednns = 0;

void count(void* caller) {
  if (!counting) return;
  Dl_info info{};
  const bool known = dladdr(caller, &info) != 0 && info.dli_fname != nullptr;
  if (known && std::strstr(info.dli_fname, "libdnnl") != nullptr) {
    ++onednns;
  } else {
    ++ours;
  }
}

}  // namespace

#define EXPORTED __attribute__((visibility("default")))  // seen by the shared libraries, too

extern "C" {
EXPORTED void* malloc(std::size_t size) {
  count(__builtin_return_address(0));
  return __libc_malloc(size);
}
EXPORTED void* calloc(std::size_t n, std::size_t size) {
  count(__builtin_return_address(0));
  return __libc_calloc(n, size);
}
EXPORTED void* realloc(void* memory, std::size_t size) {
  count(__builtin_return_address(0));
  return __libc_realloc(memory, size);
}
EXPORTED void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count(__builtin_return_address(0));
  return __libc_memalign(alignment, size);
}
EXPORTED int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  count(__builtin_return_address(0));
  *memory = __libc_memalign(alignment, size);
  return *memory != nullptr ? 0 : 12;  // ENOMEM
}
}

// libstdc++'s own operator new would call malloc above from inside libstdc++; these keep the
// caller.
EXPORTED void* operator new(std::size_t size) {
  count(__builtin_return_address(0));
  void* memory = __libc_malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
EXPORTED void* operator new(std::size_t size, std::align_val_t alignment) {
  count(__builtin_return_address(0));
  void* memory = __libc_memalign(static_cast<std::size_t>(alignment), size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
namespace {
// Not inlined: the compiler would take new and free for a mismatched pair.
__attribute__((noinline)) void release(void* memory) noexcept { std::free(memory); }
}  // namespace
EXPORTED void operator delete(void* memory) noexcept { release(memory); }
EXPORTED void operator delete(void* memory, std::size_t) noexcept { release(memory); }
EXPORTED void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
EXPORTED void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}

namespace fovea {
namespace {

struct Counted {
  int ours = 0;
  int onednns = 0;
};

/// Allocations of a whole fit() of so many batches.
Counted allocations_of_fit(Model& model, const Dataset& data) {
  ours = onednns = 0;
  counting = true;
  model.fit(data, test::quiet(1));
  counting = false;
  return {ours, onednns};
}

TEST(Allocations, TheCountersCount) {
  ours = 0;
  counting = true;
  const Tensor inside_the_library({10}, DType::f32);  // its memory and its shared pointer
  counting = false;
  EXPECT_GE(ours, 2);
}

TEST(Allocations, MoreStepsAllocateNoMore) {
  Model model = test::compiled_model(test::small_cnn(), 3, 2);
  const Dataset few = test::bright_channel(16 * 20);
  const Dataset many = test::bright_channel(16 * 60);
  model.fit(few, test::quiet(1));  // plans, executions, threads
  const Counted short_fit = allocations_of_fit(model, few);
  const Counted long_fit = allocations_of_fit(model, many);
  RecordProperty("onednn_allocations_per_step", (long_fit.onednns - short_fit.onednns) / 40);
  std::printf("allocations in 40 more steps: %d of this library, %d inside oneDNN\n",
              long_fit.ours - short_fit.ours, long_fit.onednns - short_fit.onednns);
  EXPECT_EQ(long_fit.ours - short_fit.ours, 0);
}

}  // namespace
}  // namespace fovea
