// The devices that a name can open.
#include <charconv>
#include <map>
#include <mutex>

#include "fovea/device.h"
#include "host/base/cuda_entry.h"

namespace fovea {
namespace {

/// Devices of the program's own.
class Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }
  void add(std::shared_ptr<Device> device) {
    const std::string name = device->name();
    const std::scoped_lock lock(mutex_);
    const bool built_in = name == "auto" || name == "cpu" || name.starts_with("cuda:");
    FOVEA_REQUIRE(!built_in && name != "cuda" && devices_.emplace(name, std::move(device)).second,
                  invalid_argument, "there is already a device '", name, "'; choose another name");
  }
  std::shared_ptr<Device> find(const std::string& name) const {
    const std::scoped_lock lock(mutex_);
    const auto found = devices_.find(name);
    return found == devices_.end() ? nullptr : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Device>> devices_;
};

}  // namespace

Recording::~Recording() = default;
Stream::~Stream() = default;
Device::~Device() = default;

std::shared_ptr<Device> open_device(const std::string& name) {
  if (name == "cpu") return cpu_device();
  if (name == "auto") {
    try {
      return make_cuda_device(0);
    } catch (const Error&) {  // devices() has the reason
      return cpu_device();
    }
  }
  if (std::shared_ptr<Device> registered = Registry::instance().find(name)) return registered;
  int ordinal = 0;
  const char* const end = name.data() + name.size();
  const bool numbered = name.starts_with("cuda:") && name.size() > 5 &&
                        std::from_chars(name.data() + 5, end, ordinal).ptr == end && ordinal >= 0;
  FOVEA_REQUIRE(name == "cuda" || numbered, invalid_argument, "there is no device '", name,
                "'; the devices are auto, cpu, cuda and cuda:<number>");
  try {
    return make_cuda_device(ordinal);
  } catch (const Error& error) {
    fail(error.code(), "device '", name, "' cannot be opened: ", error.what(),
         "; use --device cpu or auto");
  }
}

void register_device(std::shared_ptr<Device> device) {
  Registry::instance().add(std::move(device));
}

std::vector<DeviceReport> devices() {
  std::vector<DeviceReport> reports = {{"cpu", true, cpu_device()->fingerprint()}};
  for (const DeviceReport& report : cuda_devices()) reports.push_back(report);
  return reports;
}

}  // namespace fovea
