#include "cuda/device_guard.h"

#include "cuda/shared_library.h"

namespace fovea::cuda {
namespace {

// cuDevicePrimaryCtxGetState() of CUDA's driver, which the runtime does not offer; the driver is
// loaded already, by the runtime.
using GetState = int(int device, unsigned* flags, int* active);

GetState* get_state() {
  static GetState* const function = [] {
    GetState* found = nullptr;
    const SharedLibrary driver = open_shared_library({"libcuda.so.1"}, {}, {});
    if (driver) static_cast<void>(driver.find(found, "cuDevicePrimaryCtxGetState"));
    return found;
  }();
  return function;
}

bool has_context(int ordinal) {
  unsigned flags = 0;
  int active = 0;
  // Where the driver cannot be asked, the thread gets back what it had.
  return get_state() == nullptr || get_state()(ordinal, &flags, &active) != 0 || active != 0;
}

}  // namespace

void make_current_again(int previous) noexcept {
  if (has_context(previous)) static_cast<void>(cudaSetDevice(previous));
}

}  // namespace fovea::cuda
