// The CUDA device: memory with a limit, streams, and the kernel table.
#include <cuda_runtime_api.h>

#include <array>
#include <map>
#include <mutex>

#include "cuda/calls.h"
#include "cuda/device_guard.h"
#include "cuda/stream.h"
#include "cuda/table.h"
#include "host/base/byte_size.h"
#include "host/base/cuda_entry.h"
#include "host/base/memory_meter.h"
#include "kernels/activation.h"

namespace fovea {
namespace cuda {
namespace {

/// "12.9" of 12090, as CUDA numbers its versions.
std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// Why there is no GPU to be used; empty where there is one.
std::string no_gpu_reason() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return {};
  static_cast<void>(cudaGetLastError());
  if (status == cudaErrorInsufficientDriver) {
    int driver = 0;
    static_cast<void>(cudaDriverGetVersion(&driver));
    if (driver == 0) return "there is no NVIDIA driver on this machine";
    return "the NVIDIA driver supports CUDA " + version_text(driver) +
           ", but this library was built with CUDA " + version_text(CUDART_VERSION) +
           "; update the driver or build with an older toolkit";
  }
  if (status == cudaErrorNoDevice || count == 0) return "there is no NVIDIA GPU on this machine";
  return std::string("CUDA does not start: ") + cudaGetErrorString(status);
}

/// The limit of FOVEA_CUDA_MEMORY in bytes; 0 where there is none.
std::int64_t memory_limit() {
  const char* text = std::getenv("FOVEA_CUDA_MEMORY");
  return text == nullptr || *text == '\0' ? 0 : parse_byte_size(text, "FOVEA_CUDA_MEMORY");
}

thread_local std::vector<int> previous_devices;

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(int ordinal) : ordinal_(ordinal), limit_(memory_limit()) {
    const DeviceGuard guard(ordinal_);
    check(cudaGetDeviceProperties(&properties_, ordinal_), "cannot ask for the GPU's properties");
    const int sm = 10 * properties_.major + properties_.minor;
    libraries_ = open_libraries({properties_.name, sm});
    TableOptions options;
    options.libraries = &libraries_;
    options.sm = sm;
    fill_table(kernels(), options);
    try_a_kernel();
  }

  std::string name() const override { return "cuda:" + std::to_string(ordinal_); }
  bool is_host() const override { return false; }
  std::string fingerprint() const override {
    int driver = 0;
    static_cast<void>(cudaDriverGetVersion(&driver));
    return std::string(properties_.name) + ", sm_" + std::to_string(properties_.major) +
           std::to_string(properties_.minor) + ", " +
           std::to_string(properties_.multiProcessorCount) + " processors, driver of CUDA " +
           version_text(driver) + ", CUDA " + version_text(CUDART_VERSION) + libraries_.versions;
  }

  void* allocate(std::size_t bytes) override {
    const DeviceGuard guard(ordinal_);
    const auto wanted = static_cast<std::int64_t>(bytes);
    const std::int64_t held = meter_.use().in_use;
    FOVEA_REQUIRE(limit_ == 0 || held + wanted <= limit_, out_of_memory, name(), ": ", wanted,
                  " bytes wanted, and ", held, " of the ", limit_,
                  " bytes that FOVEA_CUDA_MEMORY permits are in use; use a smaller batch or model");
    void* memory = nullptr;
    ++calls().allocations;
    const cudaError_t status = cudaMalloc(&memory, std::max<std::size_t>(bytes, 1));
    if (status == cudaErrorMemoryAllocation) report_full(wanted, held);
    check(status, "cannot allocate GPU memory");
    const std::scoped_lock lock(mutex_);
    sizes_[memory] = wanted;
    meter_.add(wanted);
    return memory;
  }

  void release(void* memory) noexcept override {
    if (memory == nullptr) return;
    {
      const std::scoped_lock lock(mutex_);
      const auto found = sizes_.find(memory);
      if (found == sizes_.end()) return;
      meter_.add(-found->second);
      sizes_.erase(found);
    }
    static_cast<void>(cudaFree(memory));  // waits for what still uses it
  }

  MemoryUse memory_use() const override {
    const DeviceGuard guard(ordinal_);
    MemoryUse use = meter_.use();
    std::size_t free = 0;
    std::size_t total = 0;
    check(cudaMemGetInfo(&free, &total), "cannot ask for the free GPU memory");
    use.available = static_cast<std::int64_t>(free);
    if (limit_ > 0) use.available = std::min(use.available, limit_ - use.in_use);
    return use;
  }
  std::shared_ptr<Stream> make_stream() override { return std::make_shared<CudaStream>(ordinal_); }

  void begin_kernels(int) override {
    int previous = 0;
    check(cudaGetDevice(&previous), "cannot ask for the current GPU");
    previous_devices.push_back(previous);
    if (previous != ordinal_) check(cudaSetDevice(ordinal_), "cannot switch to the GPU");
  }
  void end_kernels(int) noexcept override {
    if (previous_devices.back() != ordinal_) make_current_again(previous_devices.back());
    previous_devices.pop_back();
  }

  void save_choices() noexcept override { cuda::save_choices(libraries_); }

  /// "NVIDIA H200, compute capability 9.0, 139.8 GiB, CUDA 13.0, cuDNN, cuBLASLt".
  std::string detail() const {
    return std::string(properties_.name) + ", compute capability " +
           std::to_string(properties_.major) + "." + std::to_string(properties_.minor) + ", " +
           byte_size_text(static_cast<std::int64_t>(properties_.totalGlobalMem)) + ", CUDA " +
           version_text(CUDART_VERSION) +
           (libraries_.cudnn ? ", cuDNN" : ", no cuDNN (" + libraries_.cudnn_problem + ")") +
           (libraries_.cublaslt ? ", cuBLASLt"
                                : ", no cuBLASLt (" + libraries_.cublaslt_problem + ")");
  }

 private:
  [[noreturn]] void report_full(std::int64_t wanted, std::int64_t held) const {
    static_cast<void>(cudaGetLastError());
    std::size_t free = 0;
    std::size_t total = 0;
    static_cast<void>(cudaMemGetInfo(&free, &total));
    fail(ErrorCode::out_of_memory, name(), ": ", wanted, " bytes wanted, ", free, " of ", total,
         " are free, and this program holds ", held,
         "; use a smaller batch or model, or end what else uses the GPU");
  }

  /// This build may have no code for this GPU's architecture: better said now than in a step.
  void try_a_kernel() {
    float* cell = static_cast<float*>(allocate(sizeof(float)));
    const std::unique_ptr<float, std::function<void(float*)>> owned(
        cell, [this](float* memory) { release(memory); });
    check(cudaMemsetAsync(cell, 0, sizeof(float), nullptr), "the GPU's memory cannot be written");
    const cudaError_t status = kernels::activation_forward(nullptr, {}, DType::f32, cell, cell, 1);
    if (status == cudaErrorNoKernelImageForDevice || status == cudaErrorUnsupportedPtxVersion) {
      static_cast<void>(cudaGetLastError());
      const std::string sm = std::to_string(properties_.major) + std::to_string(properties_.minor);
      fail(ErrorCode::unsupported, name(), " (", properties_.name, ") has compute capability ",
           properties_.major, ".", properties_.minor,
           ", for which this library was not compiled; "
           "build it on this machine, or with -D FOVEA_CUDA_ARCHITECTURES=",
           sm);
    }
    check(status, "the GPU does not run a first kernel");
    check(cudaDeviceSynchronize(), "the GPU does not run a first kernel");
  }

  int ordinal_;
  std::int64_t limit_;
  cudaDeviceProp properties_{};
  Libraries libraries_;
  MemoryMeter meter_;
  std::mutex mutex_;
  std::map<void*, std::int64_t> sizes_;
};

/// Devices stay until the process ends: the driver may be gone before our statics are.
std::shared_ptr<CudaDevice> device_of(int ordinal) {
  static std::mutex mutex;
  static auto& devices = *new std::map<int, std::shared_ptr<CudaDevice>>;
  const std::scoped_lock lock(mutex);
  std::shared_ptr<CudaDevice>& device = devices[ordinal];
  if (device == nullptr) device = std::make_shared<CudaDevice>(ordinal);
  return device;
}

}  // namespace
}  // namespace cuda

std::shared_ptr<Device> make_cuda_device(int ordinal) {
  const std::string reason = cuda::no_gpu_reason();
  if (!reason.empty()) fail(ErrorCode::unsupported, reason);
  int count = 0;
  cuda::check(cudaGetDeviceCount(&count), "cannot count the GPUs");
  FOVEA_REQUIRE(ordinal >= 0 && ordinal < count, invalid_argument, "there is no GPU ", ordinal,
                "; they are numbered from 0 to ", count - 1);
  return cuda::device_of(ordinal);
}

std::vector<DeviceReport> cuda_devices() {
  const std::string reason = cuda::no_gpu_reason();
  if (!reason.empty()) return {{"cuda", false, reason}};
  int count = 0;
  cuda::check(cudaGetDeviceCount(&count), "cannot count the GPUs");
  std::vector<DeviceReport> reports;
  for (int i = 0; i < count; ++i) {
    DeviceReport report{"cuda:" + std::to_string(i), true, {}};
    try {
      report.detail = cuda::device_of(i)->detail();
    } catch (const Error& error) {
      report = {report.name, false, error.what()};
    }
    reports.push_back(report);
  }
  return reports;
}

}  // namespace fovea
