#include "tests/host_kernels/cuda_on_host_device.h"

#include <chrono>
#include <cstdlib>

#include "cuda/table.h"

namespace fovea::test {
namespace {

/// Records nothing, but runs what it is to record each time it is replayed.
class HostRecording final : public Recording {
 public:
  explicit HostRecording(std::function<void()> work) : work_(std::move(work)) {}
  void replay() override { work_(); }

 private:
  std::function<void()> work_;
};

class HostStream final : public Stream {
 public:
  void* handle() const override { return nullptr; }
  void upload(void* to, const void* from, std::size_t bytes) override {
    ++host_calls().uploads;
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void download(void* to, const void* from, std::size_t bytes) override {
    ++host_calls().downloads;
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
  void synchronize() override { ++host_calls().synchronizations; }
  std::unique_ptr<Recording> record(const std::function<void()>& work) override {
    return std::make_unique<HostRecording>(work);
  }
};

class CudaOnHost final : public Device {
 public:
  CudaOnHost() { cuda::fill_table(kernels()); }
  std::string name() const override { return "cuda_on_host"; }
  bool is_host() const override { return false; }  // as a GPU: inputs are uploaded
  // The allocator is AddressSanitizer's, which guards both ends.
  void* allocate(std::size_t bytes) override {
    constexpr std::size_t kAlignment = 256;  // as cudaMalloc's
    ++host_calls().allocations;
    ++host_calls().blocks_held;
    return std::aligned_alloc(kAlignment, (bytes / kAlignment + 1) * kAlignment);
  }
  void release(void* memory) noexcept override {
    if (memory != nullptr) --host_calls().blocks_held;
    std::free(memory);
  }
  MemoryUse memory_use() const override { return {0, 0, kAvailable}; }
  std::shared_ptr<Stream> make_stream() override { return std::make_shared<HostStream>(); }

 private:
  static constexpr std::int64_t kAvailable = 64 << 10;  // little, so that tests can ask too much
};

}  // namespace

HostCalls& host_calls() {
  static HostCalls calls;
  return calls;
}

const std::shared_ptr<Device>& cuda_on_host() {
  static const std::shared_ptr<Device> device = std::make_shared<CudaOnHost>();
  return device;
}

}  // namespace fovea::test

/// At once.
cudaError_t on_host::launch(const char* name, cudaStream_t, dim3 blocks, dim3 threads,
                            std::size_t dynamic_shared_bytes, std::function<void()> body) {
  if (!is_launchable(blocks, threads, dynamic_shared_bytes)) return cudaErrorInvalidConfiguration;
  run(name, blocks, threads, dynamic_shared_bytes, body);
  return cudaSuccess;
}

cudaError_t on_host::wait_for(cudaStream_t, const char*, const std::function<void()>& work) {
  work();
  return cudaSuccess;
}
