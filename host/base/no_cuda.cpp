#ifndef FOVEA_HAS_CUDA
#include "host/base/cuda_entry.h"

namespace fovea {
namespace {

constexpr const char* kNoCuda =
    "this build of the library has no CUDA device; install the CUDA toolkit and build it again";

}  // namespace

std::shared_ptr<Device> make_cuda_device(int) { fail(ErrorCode::unsupported, kNoCuda); }

std::vector<DeviceReport> cuda_devices() { return {{"cuda", false, kNoCuda}}; }

}  // namespace fovea
#endif
