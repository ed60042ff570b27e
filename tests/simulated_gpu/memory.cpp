#include "tests/simulated_gpu/memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "tests/simulated_gpu/runtime.h"

namespace simulated_gpu {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kAlignment = 256;  // as cudaMalloc's
constexpr std::size_t kDefaultMemory = std::size_t{1} << 30;

/// One allocation. It ends where a page begins that nobody may touch, but for the alignment.
struct Block {
  std::size_t bytes = 0;
  int ordinal = 0;          ///< of its GPU; -1 for pinned memory
  char* mapping = nullptr;  ///< the pages
  std::size_t mapped = 0;   ///< their bytes, without the guard
};

struct Memory {
  std::recursive_mutex mutex;
  std::map<const char*, Block> blocks;  ///< by their first byte
  std::map<int, std::size_t> used;      ///< bytes, by GPU
  std::map<int, int> workers;           ///< how many may touch a GPU's memory now
};

thread_local int work_of_this_thread = 0;

/// Never destroyed: what is freed at the end of the program comes after statics are gone.
Memory& memory() {
  static auto& all = *new Memory;
  return all;
}

[[noreturn]] void end(const char* what, const void* p, std::size_t bytes, const char* problem) {
  std::fprintf(stderr, "simulated GPU: %s: %zu bytes at %p %s\n", what, bytes, p, problem);
  std::abort();
}

std::size_t rounded(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

void protect(const Block& block, int protection) {
  if (mprotect(block.mapping, block.mapped, protection) != 0) {
    std::fprintf(stderr, "simulated GPU: mprotect failed\n");
    std::abort();
  }
}

void protect_all(int ordinal, int protection) {
  for (const auto& [first, block] : memory().blocks) {
    if (block.ordinal == ordinal) protect(block, protection);
  }
}

/// The allocation that holds this address, or null.
const std::pair<const char* const, Block>* find(const char* p) {
  auto after = memory().blocks.upper_bound(p);
  if (after == memory().blocks.begin()) return nullptr;
  --after;
  return p < after->first + after->second.bytes ? &*after : nullptr;
}

bool release(void* p, bool pinned) {
  const std::scoped_lock lock(memory().mutex);
  const auto found = memory().blocks.find(static_cast<const char*>(p));
  if (found == memory().blocks.end() || (found->second.ordinal < 0) != pinned) return false;
  const Block block = found->second;
  memory().blocks.erase(found);
  memory().used[block.ordinal] -= block.bytes;
  munmap(block.mapping, block.mapped + kPage);
  return true;
}

void* allocate(int ordinal, std::size_t bytes) {
  const std::scoped_lock lock(memory().mutex);
  std::size_t& used = memory().used[ordinal];
  if (ordinal >= 0 && (bytes > total_bytes() || used + bytes > total_bytes())) return nullptr;
  Block block{bytes, ordinal, nullptr, rounded(rounded(bytes, kAlignment), kPage)};
  void* mapping = mmap(nullptr, block.mapped + kPage, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  block.mapping = static_cast<char*>(mapping);
  mprotect(block.mapping + block.mapped, kPage, PROT_NONE);
  std::memset(block.mapping, 0xFF, block.mapped);
  if (ordinal >= 0 && memory().workers[ordinal] == 0) protect(block, PROT_NONE);
  char* first = block.mapping + block.mapped - rounded(bytes, kAlignment);
  memory().blocks[first] = block;
  used += bytes;
  return first;
}

}  // namespace

std::size_t number_of(const char* variable, std::size_t otherwise) {
  const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

std::size_t total_bytes() {
  static const std::size_t bytes = number_of("FOVEA_SIMULATED_MEMORY", kDefaultMemory);
  return bytes;
}

std::size_t free_bytes(int ordinal) {
  const std::scoped_lock lock(memory().mutex);
  return total_bytes() - memory().used[ordinal];
}

void* allocate_device(int ordinal, std::size_t bytes) { return allocate(ordinal, bytes); }
bool free_device(void* p) { return release(p, false); }
void* allocate_pinned(std::size_t bytes) { return allocate(-1, bytes); }
bool free_pinned(void* p) { return release(p, true); }

Place place_of(const void* p, std::size_t bytes, int ordinal, const char* what) {
  const std::scoped_lock lock(memory().mutex);
  const char* first = static_cast<const char*>(p);
  const auto* found = find(first);
  if (found == nullptr) return Place::pageable;
  const auto& [begin, block] = *found;
  if (first + bytes > begin + block.bytes) end(what, p, bytes, "leave their allocation");
  if (block.ordinal < 0) return Place::pinned;
  if (block.ordinal != ordinal) end(what, p, bytes, "are another GPU's");
  return Place::device;
}

void require_device_memory(const void* p, std::size_t bytes, const char* what) {
  int ordinal = 0;
  static_cast<void>(cudaGetDevice(&ordinal));
  if (place_of(p, bytes, ordinal, what) != Place::device)
    end(what, p, bytes, "are no device memory");
}

bool at_work() { return work_of_this_thread > 0; }

DeviceWork::DeviceWork(int ordinal) : ordinal_(ordinal) {
  memory().mutex.lock();  // others wait until this work is done
  if (memory().workers[ordinal]++ == 0) protect_all(ordinal, PROT_READ | PROT_WRITE);
  ++work_of_this_thread;
}

DeviceWork::~DeviceWork() {
  --work_of_this_thread;
  if (--memory().workers[ordinal_] == 0) protect_all(ordinal_, PROT_NONE);
  memory().mutex.unlock();
}

}  // namespace simulated_gpu
