#include "cuda/check.h"

#include "fovea/error.h"

namespace fovea::cuda {
namespace {

/// After these, every further call fails until the process ends.
bool is_sticky(cudaError_t status) {
  switch (status) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorIllegalInstruction:
    case cudaErrorHardwareStackError:
    case cudaErrorECCUncorrectable:
    case cudaErrorDeviceUninitialized:
    case cudaErrorMpsClientTerminated:
    case cudaErrorExternalDevice:
#if CUDART_VERSION >= 13000
    case cudaErrorContained:
    case cudaErrorTensorMemoryLeak:
#endif
      return true;
    default:
      return false;
  }
}

}  // namespace

void check(cudaError_t status, std::string_view what) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // or the next, innocent call would report it again
  const char* words = cudaGetErrorString(status);
  if (status == cudaErrorMemoryAllocation) {
    fail(ErrorCode::out_of_memory, what, ": ", words);
  }
  if (is_sticky(status)) {
    fail(ErrorCode::device_lost, what, ": ", cudaGetErrorName(status), ", ", words,
         "; the GPU cannot be used again by this process. Save what you need, start a new process, "
         "and run with FOVEA_SYNC=1 to learn which step failed");
  }
  fail(ErrorCode::cuda, what, ": ", cudaGetErrorName(status), ", ", words);
}

void check_not_lost(cudaStream_t stream, std::string_view what) {
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  const cudaError_t status = cudaStreamIsCapturing(stream, &capture);  // tells of earlier work, too
  if (is_sticky(status)) check(status, what);
  static_cast<void>(cudaGetLastError());
}

}  // namespace fovea::cuda
