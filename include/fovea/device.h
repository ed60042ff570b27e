// Device: memory, copies and a table of kernels. It knows no op by name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fovea/kernel.h"

namespace fovea {

class FOVEA_API Device {
 public:
  virtual ~Device();
  /// "cpu", "cuda:0".
  virtual std::string name() const = 0;

  /// Device memory, 64-byte aligned at least; throws out_of_memory with the bytes wanted.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* memory) noexcept = 0;
  virtual void copy_from_host(void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy_to_host(void* to, const void* from, std::size_t bytes) = 0;

  /// Kernels run between these two calls: the place to set what threads or the driver need to know.
  virtual void begin_kernels(int /*threads*/) {}
  virtual void end_kernels(int /*threads*/) noexcept {}

  KernelTable& kernels() { return kernels_; }
  const KernelTable& kernels() const { return kernels_; }

 private:
  KernelTable kernels_;
};

/// The CPU device; made on first use, the same one each time.
FOVEA_API const std::shared_ptr<Device>& cpu_device();

/// A device by name: "cpu", "cuda", "cuda:1", or "auto" (CUDA where there is one, else the CPU).
/// Throws unsupported with the reason where that device cannot be had, and invalid_argument,
/// listing the valid names, for any other name.
FOVEA_API std::shared_ptr<Device> open_device(const std::string& name);

struct DeviceReport {
  std::string name;
  bool available = false;
  std::string detail;  ///< what was found, or why it is not used
};
/// Every kind of device the library knows, and what was found of each.
FOVEA_API std::vector<DeviceReport> devices();

}  // namespace fovea
