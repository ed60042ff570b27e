#include "tests/host_kernels/cuda_on_host_device.h"

#include <cstdlib>

#include "cuda/table.h"

namespace fovea::test {
namespace {

class CudaOnHost final : public Device {
 public:
  CudaOnHost() { cuda::fill_table(kernels()); }
  std::string name() const override { return "cuda_on_host"; }
  // The allocator is AddressSanitizer's, which guards both ends.
  void* allocate(std::size_t bytes) override {
    constexpr std::size_t kAlignment = 256;  // as cudaMalloc's
    return std::aligned_alloc(kAlignment, (bytes / kAlignment + 1) * kAlignment);
  }
  void release(void* memory) noexcept override { std::free(memory); }
  void copy_from_host(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void copy_to_host(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
};

}  // namespace

const std::shared_ptr<Device>& cuda_on_host() {
  static const std::shared_ptr<Device> device = std::make_shared<CudaOnHost>();
  return device;
}

}  // namespace fovea::test
