// What a process pays for a library before it uses it: prints "<milliseconds> ms, <n> threads", and
// for each allocation that code of the library itself makes while it is loaded, its place there.
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
  for (int i = 0; i < calls; ++i) {
    Dl_info info;
    if (dladdr(callers[i], &info) == 0 || std::strstr(info.dli_fname, "libfovea") == nullptr)
      continue;
    const auto place = static_cast<char*>(callers[i]) - static_cast<char*>(info.dli_fbase);
    std::printf("allocation at 0x%zx\n", static_cast<std::size_t>(place));
  }
  std::printf("%.1f ms, %d threads\n", time.count(), threads_of_this_process());
  return 0;
}
