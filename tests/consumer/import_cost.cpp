// What a process pays for libfovea before it uses it: time, threads, and memory that the library
// asks for. Prints "<milliseconds> ms, <n> threads, <n> allocations"; a library that allocates or
// starts a thread when it is loaded ends it with 1.
#include <dlfcn.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

bool counting = false;
constexpr int kMost = 10000;
void* callers[kMost];
int calls = 0;

void note(void* caller) {
  if (counting && calls < kMost) callers[calls++] = caller;
}

int threads_of_this_process() {
  int threads = 0;
  std::FILE* status = std::fopen("/proc/self/status", "r");
  char line[256];
  while (status != nullptr && std::fgets(line, sizeof line, status) != nullptr) {
    std::sscanf(line, "Threads: %d", &threads);
  }
  if (status != nullptr) std::fclose(status);
  return threads;
}

}  // namespace

extern "C" void* __libc_malloc(std::size_t);
extern "C" void* malloc(std::size_t bytes) {
  note(__builtin_return_address(0));
  return __libc_malloc(bytes);
}
void* operator new(std::size_t bytes) {
  note(__builtin_return_address(0));
  return __libc_malloc(bytes);
}
void* operator new[](std::size_t bytes) {
  note(__builtin_return_address(0));
  return __libc_malloc(bytes);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto begin = std::chrono::steady_clock::now();
  counting = true;
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  counting = false;
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
  if (library == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  int allocations = 0;
  for (int i = 0; i < calls; ++i) {
    Dl_info info;
    if (dladdr(callers[i], &info) == 0 || std::strstr(info.dli_fname, "libfovea") == nullptr)
      continue;
    ++allocations;
    std::fprintf(stderr, "allocation at %s+%p\n", info.dli_sname == nullptr ? "?" : info.dli_sname,
                 reinterpret_cast<void*>(static_cast<char*>(callers[i]) -
                                         static_cast<char*>(info.dli_fbase)));
  }
  const int threads = threads_of_this_process();
  std::printf("%.1f ms, %d threads, %d allocations\n", time.count(), threads, allocations);
  return threads == 1 && allocations == 0 ? 0 : 1;
}
