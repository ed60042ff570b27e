// A libcudnn.so.9 without a GPU: the functions of cuDNN's backend API that this project resolves.
// They check what cuDNN's documentation asks for, which cuDNN itself often does not, and compute on
// the host what the descriptors say.
#include <algorithm>
#include <mutex>
#include <set>

#include "tests/simulated_gpu/cudnn/descriptor.h"
#include "tests/simulated_gpu/cudnn/execute.h"

/// What a cudnnHandle_t points to.
struct cudnnContext {
  cudaStream_t stream = nullptr;
};

namespace simulated_gpu::cudnn {
namespace {

thread_local std::string last_error;

struct Handles {
  std::mutex mutex;
  std::set<cudnnHandle_t> alive;
};
Handles& handles() {
  static auto& all = *new Handles;
  return all;
}

void check_handle(cudnnHandle_t handle) {
  const std::scoped_lock lock(handles().mutex);
  require(handles().alive.count(handle) != 0, CUDNN_STATUS_NOT_INITIALIZED,
          "this is no handle, or it was destroyed");
}

template <class Call>
cudnnStatus_t guarded(const Call& call) noexcept {
  try {
    call();
    return CUDNN_STATUS_SUCCESS;
  } catch (const Failure& failure) {
    last_error = failure.words;
    return failure.status;
  } catch (const std::bad_alloc&) {
    return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
  }
}

const char* name_of(cudnnStatus_t status) {
  switch (status) {
#define SIMULATED_NAME(status) \
  case status:                 \
    return #status
    SIMULATED_NAME(CUDNN_STATUS_SUCCESS);
    SIMULATED_NAME(CUDNN_STATUS_NOT_INITIALIZED);
    SIMULATED_NAME(CUDNN_STATUS_BAD_PARAM);
    SIMULATED_NAME(CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    SIMULATED_NAME(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER);
    SIMULATED_NAME(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
    SIMULATED_NAME(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    SIMULATED_NAME(CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES);
    SIMULATED_NAME(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
    SIMULATED_NAME(CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
    SIMULATED_NAME(CUDNN_STATUS_NOT_SUPPORTED);
    SIMULATED_NAME(CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN);
    SIMULATED_NAME(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    SIMULATED_NAME(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT);
    SIMULATED_NAME(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    SIMULATED_NAME(CUDNN_STATUS_EXECUTION_FAILED_CUDART);
#undef SIMULATED_NAME
    default:
      return "a status that the simulation does not know";
  }
}

}  // namespace
}  // namespace simulated_gpu::cudnn

// Their declarations are NVIDIA's.
#define SIMULATED_API extern "C" __attribute__((visibility("default")))

using namespace simulated_gpu::cudnn;

SIMULATED_API std::size_t cudnnGetVersion() { return CUDNN_VERSION; }

SIMULATED_API const char* cudnnGetErrorString(cudnnStatus_t status) { return name_of(status); }

SIMULATED_API void cudnnGetLastErrorString(char* message, std::size_t max_size) {
  if (message == nullptr || max_size == 0) return;
  message[last_error.copy(message, max_size - 1)] = '\0';
  last_error.clear();
}

SIMULATED_API cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  return guarded([&] {
    require(handle != nullptr, CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no place for a handle");
    *handle = new cudnnContext;
    const std::scoped_lock lock(handles().mutex);
    handles().alive.insert(*handle);
  });
}

SIMULATED_API cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  return guarded([&] {
    check_handle(handle);
    const std::scoped_lock lock(handles().mutex);
    handles().alive.erase(handle);
    delete handle;
  });
}

SIMULATED_API cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  return guarded([&] {
    check_handle(handle);
    handle->stream = stream;
  });
}

SIMULATED_API cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                                         cudnnBackendDescriptor_t* descriptor) {
  return guarded([&] {
    require(descriptor != nullptr, CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no place for it");
    *descriptor = create(type);
  });
}

SIMULATED_API cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  return guarded([&] { destroy(descriptor); });
}

SIMULATED_API cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
  return guarded([&] { finalize(descriptor); });
}

SIMULATED_API cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor,
                                                     cudnnBackendAttributeName_t name,
                                                     cudnnBackendAttributeType_t type,
                                                     std::int64_t count, const void* values) {
  return guarded([&] { set(descriptor, name, type, count, values); });
}

SIMULATED_API cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const descriptor,
                                                     cudnnBackendAttributeName_t name,
                                                     cudnnBackendAttributeType_t type,
                                                     std::int64_t room, std::int64_t* count,
                                                     void* values) {
  return guarded([&] { get(descriptor, name, type, room, count, values); });
}

SIMULATED_API cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                                cudnnBackendDescriptor_t pack) {
  return guarded([&] {
    check_handle(handle);
    execute(handle, handle->stream,
            finalized_content(plan, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR),
            finalized_content(pack, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR));
  });
}
