// Device: memory, streams and a table of kernels. It knows no op by name.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fovea/kernel.h"

namespace fovea {

/// Work recorded on a stream, to be started again as a whole.
class FOVEA_API Recording {
 public:
  virtual ~Recording();
  virtual void replay() = 0;
};

/// An ordered queue of work on a device. Kernels and uploads may still be under way when the call
/// that enqueued them returns; used by one thread at a time.
class FOVEA_API Stream {
 public:
  virtual ~Stream();
  /// What KernelContext::stream() gives to kernels: a cudaStream_t on CUDA, null on the CPU.
  virtual void* handle() const = 0;
  /// From host to device memory; `from` may be changed as soon as the call returns.
  virtual void upload(void* to, const void* from, std::size_t bytes) = 0;
  /// From device to host memory; waits until `to` is filled.
  virtual void download(void* to, const void* from, std::size_t bytes) = 0;
  /// Within device memory; the two do not overlap.
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
  /// Sets every byte of device memory to `byte`.
  virtual void fill(void* to, std::uint8_t byte, std::size_t bytes) = 0;
  /// How long the device takes for what `work` enqueues here, by the device's own clock where it
  /// has one: what was enqueued before does not count. Waits for it; not for use within record().
  virtual double milliseconds(const std::function<void()>& work) = 0;
  /// Waits until everything enqueued is done; any thread may. Throws what went wrong with it.
  virtual void synchronize() = 0;
  /// Calls `work` and records what it enqueues instead of running it. `work` neither downloads nor
  /// uploads nor allocates. Returns null where the device runs work at once, so that there would be
  /// nothing to gain.
  virtual std::unique_ptr<Recording> record(const std::function<void()>& work) = 0;

  /// What is enqueued between the two shows under this name in a profiler of the device (NVTX on
  /// CUDA), where there is one; ranges may be nested.
  virtual void begin_range(const char* /*name*/) {}
  virtual void end_range() noexcept {}
};

/// Bytes of a device's memory.
struct MemoryUse {
  std::int64_t in_use = 0;      ///< held by this process through this library
  std::int64_t peak = 0;        ///< the most that in_use has been
  std::int64_t available = -1;  ///< what allocate() may still give; -1 where nobody knows
};

class FOVEA_API Device {
 public:
  virtual ~Device();
  /// "cpu", "cuda:0".
  virtual std::string name() const = 0;
  /// Whether the host may read and write the device's memory directly.
  virtual bool is_host() const = 0;
  /// What it is, for people, and all that measured times depend on, such as models and versions of
  /// hardware and libraries: what was measured counts as long as this text stays the same.
  virtual std::string fingerprint() const { return name(); }

  /// Device memory, 64-byte aligned at least; throws out_of_memory with the bytes wanted.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* memory) noexcept = 0;
  virtual MemoryUse memory_use() const = 0;

  virtual std::shared_ptr<Stream> make_stream() = 0;

  /// Kernels run, and candidates are asked, between these two calls (see KernelScope): the place to
  /// set what threads or the driver need to know.
  virtual void begin_kernels(int /*threads*/) {}
  virtual void end_kernels(int /*threads*/) noexcept {}
  /// A plan was made: the time to write down for later processes what candidates found out.
  virtual void save_choices() noexcept {}

  KernelTable& kernels() { return kernels_; }
  const KernelTable& kernels() const { return kernels_; }

 private:
  KernelTable kernels_;
};

/// While one exists, the calling thread may run the device's kernels and ask its candidates.
class KernelScope {
 public:
  KernelScope(Device& device, int threads) : device_(device), threads_(threads) {
    device_.begin_kernels(threads_);
  }
  ~KernelScope() { device_.end_kernels(threads_); }
  KernelScope(const KernelScope&) = delete;
  KernelScope& operator=(const KernelScope&) = delete;

 private:
  Device& device_;
  int threads_;
};

/// The CPU device; made on first use, the same one each time.
FOVEA_API const std::shared_ptr<Device>& cpu_device();

/// A device by name: "cpu", "cuda", "cuda:1", or "auto" (CUDA where there is one, else the CPU).
/// Throws unsupported with the reason where that device cannot be had, and invalid_argument,
/// listing the valid names, for any other name.
FOVEA_API std::shared_ptr<Device> open_device(const std::string& name);

/// Makes a device of the program's own known to open_device() under its name, until the process
/// ends. Throws invalid_argument for a name already taken.
FOVEA_API void register_device(std::shared_ptr<Device> device);

struct DeviceReport {
  std::string name;
  bool available = false;
  std::string detail;  ///< what was found, or why it is not used
};
/// Every kind of device the library knows, and what was found of each. Opens every GPU.
FOVEA_API std::vector<DeviceReport> devices();

}  // namespace fovea
