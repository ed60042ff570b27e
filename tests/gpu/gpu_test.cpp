#include "tests/gpu/gpu_test.h"

namespace fovea::test {

const Gpu& gpu() {
  static const Gpu found = []() -> Gpu {
    try {
      return {open_device("cuda"), {}};
    } catch (const Error& error) {
      return {nullptr, error.what()};
    }
  }();
  return found;
}

}  // namespace fovea::test
