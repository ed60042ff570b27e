#include "tests/gpu/gpu_test.h"

namespace fovea::test {

const Gpu& gpu() {
  static const Gpu found = []() -> Gpu {
    try {
      const std::shared_ptr<Device> device = open_device("cuda");
      return {device, {}, device->fingerprint().starts_with("Simulated GPU")};
    } catch (const Error& error) {
      return {nullptr, error.what(), false};
    }
  }();
  return found;
}

}  // namespace fovea::test
