// The CPU device, and the list of devices that a name can open.
#include <cstdlib>
#include <cstring>

#include "fovea/device.h"
#include "host/cpu/denormals.h"
#include "host/cpu/table.h"

namespace fovea {
namespace {

constexpr std::size_t kAlignment = 64;

class CpuDevice final : public Device {
 public:
  CpuDevice() : detail_(fill_cpu_table(kernels())) {}

  std::string name() const override { return "cpu"; }

  void* allocate(std::size_t bytes) override {
    void* memory = std::aligned_alloc(kAlignment, (bytes / kAlignment + 1) * kAlignment);
    FOVEA_REQUIRE(memory != nullptr, out_of_memory, "cannot allocate ", bytes,
                  " bytes of host memory; use a smaller batch or model");
    return memory;
  }
  void release(void* memory) noexcept override { std::free(memory); }
  void copy_from_host(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void copy_to_host(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void begin_kernels(int threads) override { cpu::begin_flushing_denormals(threads); }
  void end_kernels(int threads) noexcept override { cpu::end_flushing_denormals(threads); }

  const std::string& detail() const { return detail_; }

 private:
  std::string detail_;
};

const std::shared_ptr<CpuDevice>& the_cpu() {
  static const std::shared_ptr<CpuDevice> device = std::make_shared<CpuDevice>();
  return device;
}

constexpr const char* kNoCuda = "this build of the library has no CUDA device";

}  // namespace

Device::~Device() = default;

const std::shared_ptr<Device>& cpu_device() {
  static const std::shared_ptr<Device> device = the_cpu();
  return device;
}

std::shared_ptr<Device> open_device(const std::string& name) {
  if (name == "cpu" || name == "auto") return cpu_device();
  FOVEA_REQUIRE(name != "cuda" && name.rfind("cuda:", 0) != 0, unsupported, "device '", name,
                "' cannot be opened: ", kNoCuda, "; use --device cpu or auto");
  fail(ErrorCode::invalid_argument, "there is no device '", name,
       "'; the devices are auto, cpu, cuda and cuda:<number>");
}

std::vector<DeviceReport> devices() {
  return {{"cpu", true, "fast path: " + the_cpu()->detail()}, {"cuda", false, kNoCuda}};
}

}  // namespace fovea
