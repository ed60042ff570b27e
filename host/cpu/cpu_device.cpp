// The CPU device: memory, a stream that runs work at once, the kernel table.
#include <sys/mman.h>

#include <chrono>
#include <cstdlib>
#include <cstring>

#include "fovea/device.h"
#include "host/base/memory_meter.h"
#include "host/cpu/denormals.h"
#include "host/cpu/table.h"

namespace fovea {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = 2 << 20;
constexpr std::size_t kLarge = 4 << 20;  // large enough for pages of that size

/// Fewer and larger pages: weights that are read from front to back come a tenth faster.
void want_huge_pages([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  ::madvise(memory, bytes, MADV_HUGEPAGE);  // advice: nothing depends on its result
#endif
}

/// Everything happens at once.
class CpuStream final : public Stream {
 public:
  void* handle() const override { return nullptr; }
  void upload(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void download(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void fill(void* to, std::uint8_t byte, std::size_t bytes) override {
    if (bytes > 0) std::memset(to, byte, bytes);
  }
  double milliseconds(const std::function<void()>& work) override {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
        .count();
  }
  void synchronize() override {}
  std::unique_ptr<Recording> record(const std::function<void()>&) override { return nullptr; }
};

class CpuDevice final : public Device {
 public:
  CpuDevice() : fast_path_(fill_cpu_table(kernels())) {}

  std::string name() const override { return "cpu"; }
  bool is_host() const override { return true; }
  std::string fingerprint() const override { return "fast path: " + fast_path_; }

  void* allocate(std::size_t bytes) override {
    // Room before the block holds its size, so that release() can count.
    const std::size_t alignment = bytes >= kLarge ? kHugePage : kAlignment;
    const std::size_t whole = (kAlignment + bytes) / alignment * alignment + alignment;
    char* memory = static_cast<char*>(std::aligned_alloc(alignment, whole));
    FOVEA_REQUIRE(memory != nullptr, out_of_memory, "cannot allocate ", bytes,
                  " bytes of host memory; use a smaller batch or model");
    if (bytes >= kLarge) want_huge_pages(memory, whole);
    std::memcpy(memory, &bytes, sizeof bytes);
    meter_.add(static_cast<std::int64_t>(bytes));
    return memory + kAlignment;
  }
  void release(void* memory) noexcept override {
    if (memory == nullptr) return;
    char* whole = static_cast<char*>(memory) - kAlignment;
    std::size_t bytes = 0;
    std::memcpy(&bytes, whole, sizeof bytes);
    meter_.add(-static_cast<std::int64_t>(bytes));
    std::free(whole);
  }
  MemoryUse memory_use() const override { return meter_.use(); }
  std::shared_ptr<Stream> make_stream() override { return std::make_shared<CpuStream>(); }
  void begin_kernels(int threads) override { cpu::begin_flushing_denormals(threads); }
  void end_kernels(int threads) noexcept override { cpu::end_flushing_denormals(threads); }

 private:
  std::string fast_path_;  ///< which it found, or why none
  MemoryMeter meter_;
};

}  // namespace

const std::shared_ptr<Device>& cpu_device() {
  static const std::shared_ptr<Device> device = std::make_shared<CpuDevice>();
  return device;
}

}  // namespace fovea
