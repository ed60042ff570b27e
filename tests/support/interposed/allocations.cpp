// Every allocation of the process passes through the functions below. Sanitizers bring an allocator
// of their own, so this file is left out of sanitized builds.
#include "tests/support/interposed/allocations.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

extern "C" {
void* __libc_malloc(std::size_t size);                           // NOLINT
void* __libc_calloc(std::size_t count, std::size_t size);        // NOLINT
void* __libc_realloc(void* memory, std::size_t size);            // NOLINT
void* __libc_memalign(std::size_t alignment, std::size_t size);  // NOLINT
}

/// Where tests/simulated_gpu is in the process: whether this thread plays the GPU.
namespace simulated_gpu {
__attribute__((weak)) bool at_work();
}

namespace {

constexpr std::array kLibraries = {"libdnnl", "libcuda", "libcudnn", "libcublas", "libnvidia"};

std::atomic<bool> counting = false;
std::atomic<int> ours = 0;
std::atomic<int> libraries = 0;

void count(void* caller) {
  if (!counting) return;
  if (simulated_gpu::at_work != nullptr && simulated_gpu::at_work()) {
    ++libraries;
    return;
  }
  Dl_info info{};
  const bool known = dladdr(caller, &info) != 0 && info.dli_fname != nullptr;
  const bool library = known && std::any_of(kLibraries.begin(), kLibraries.end(), [&](auto* name) {
                         return std::strstr(info.dli_fname, name) != nullptr;
                       });
  ++(library ? libraries : ours);
}

}  // namespace

namespace fovea::test {

void start_counting_allocations() {
  ours = libraries = 0;
  counting = true;
}

Allocations stop_counting_allocations() {
  counting = false;
  return {ours, libraries};
}

}  // namespace fovea::test

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
