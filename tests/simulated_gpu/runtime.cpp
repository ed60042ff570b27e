// The CUDA runtime's own functions, as far as the CUDA device calls them.
#include <cstring>
#include <utility>

#include "tests/host_kernels/cuda_on_host.h"
#include "tests/simulated_gpu/memory.h"
#include "tests/simulated_gpu/state.h"

using namespace simulated_gpu;  // of which all of this is the surface

namespace {

int architecture() {
  static const auto sm = static_cast<int>(number_of("FOVEA_SIMULATED_SM", 80));
  return sm;
}

/// Whether both ends of a copy are of the kind that it names.
bool ends_match(cudaMemcpyKind kind, Place to, Place from) {
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  return (to == Place::device) == to_device && (from == Place::device) == from_device;
}

}  // namespace

extern "C" {

// ---- Devices and errors ----

cudaError_t cudaGetDeviceCount(int* count) {
  const Lock lock(runtime().mutex);
  *count = device_count();
  if (on_host::architecture() != architecture()) on_host::set_architecture(architecture());
  return answer(*count > 0 ? cudaSuccess : cudaErrorNoDevice);
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* ordinal) {
  const Lock lock(runtime().mutex);
  *ordinal = current_device;
  return answer(cudaSuccess);
}

cudaError_t cudaSetDevice(int ordinal) {
  const Lock lock(runtime().mutex);
  if (ordinal < 0 || ordinal >= device_count()) return answer(cudaErrorInvalidDevice);
  current_device = ordinal;
  return answer(cudaSuccess);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int ordinal) {
  const Lock lock(runtime().mutex);
  if (ordinal < 0 || ordinal >= device_count()) return answer(cudaErrorInvalidDevice);
  *properties = {};
  std::strcpy(properties->name, "Simulated GPU");
  properties->major = architecture() / 10;
  properties->minor = architecture() % 10;
  properties->totalGlobalMem = total_bytes();
  properties->multiProcessorCount = 4;
  properties->warpSize = on_host::kWarpSize;
  properties->l2CacheSize = 1 << 20;
  properties->sharedMemPerBlock = 48 << 10;
  properties->sharedMemPerBlockOptin = 227 << 10;
  properties->maxThreadsPerBlock = 1024;
  return answer(cudaSuccess);
}

cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last_error; }

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorIllegalAddress:
      return "cudaErrorIllegalAddress";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated:
      return "cudaErrorStreamCaptureInvalidated";
    default:
      return "a CUDA error";
  }
}

const char* cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }

cudaError_t cudaDeviceSynchronize() {
  const Lock lock(runtime().mutex);
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  run_all_of_device(current_device);
  return answer(waited());
}

// ---- Memory ----

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  const Lock lock(runtime().mutex);
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  *memory = allocate_device(current_device, bytes);
  return answer(*memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}

cudaError_t cudaFree(void* memory) {
  const Lock lock(runtime().mutex);
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  for (int ordinal = 0; ordinal < device_count(); ++ordinal) run_all_of_device(ordinal);
  const bool known = memory == nullptr || free_device(memory);
  return answer(known ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  const Lock lock(runtime().mutex);
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  *memory = allocate_pinned(bytes);
  return answer(*memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}

cudaError_t cudaFreeHost(void* memory) {
  const Lock lock(runtime().mutex);
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  for (int ordinal = 0; ordinal < device_count(); ++ordinal) run_all_of_device(ordinal);
  const bool known = memory == nullptr || free_pinned(memory);
  return answer(known ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  const Lock lock(runtime().mutex);
  *free = free_bytes(current_device);
  *total = total_bytes();
  return answer(cudaSuccess);
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  const Lock lock(runtime().mutex);
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  const cudaError_t status = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  run_all(stream_of(nullptr));
  return status != cudaSuccess ? status : answer(waited());
}

/// From pageable memory the copy leaves at once, to it the host waits. Neither may be captured: a
/// rule of this simulation, since the memory would have to live as long as the graph.
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const Lock lock(runtime().mutex);
  if (bytes == 0) return answer(cudaSuccess);
  const int gpu = current_device;
  const Place to_place = place_of(to, bytes, gpu, "cudaMemcpyAsync's destination");
  const Place from_place = place_of(from, bytes, gpu, "cudaMemcpyAsync's source");
  if (!ends_match(kind, to_place, from_place)) return answer(cudaErrorInvalidValue);
  const bool pageable = to_place == Place::pageable || from_place == Place::pageable;
  if (pageable && forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  std::shared_ptr<char[]> staged;
  if (from_place == Place::pageable) {
    staged = std::make_shared<char[]>(bytes);
    std::memcpy(staged.get(), from, bytes);
  }
  const cudaError_t status = put(stream, "cudaMemcpyAsync", [=] {
    std::memcpy(to, staged == nullptr ? from : staged.get(), bytes);
  });
  if (status != cudaSuccess || to_place != Place::pageable) return answer(status);
  run_all(stream_of(stream));
  return answer(waited());
}

cudaError_t cudaMemsetAsync(void* to, int byte, std::size_t bytes, cudaStream_t stream) {
  const Lock lock(runtime().mutex);
  if (bytes == 0) return answer(cudaSuccess);
  require_device_memory(to, bytes, "cudaMemsetAsync");
  return answer(put(stream, "cudaMemsetAsync", [=] { std::memset(to, byte, bytes); }));
}

// ---- Streams and events ----

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const Lock lock(runtime().mutex);
  *stream = new CUstream_st;
  (*stream)->ordinal = current_device;
  runtime().streams.insert(*stream);
  return answer(cudaSuccess);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock(runtime().mutex);
  if (stream == nullptr || !is_known(stream)) return answer(cudaErrorInvalidResourceHandle);
  if (stream->captured != nullptr) return answer(cudaErrorStreamCaptureUnsupported);
  run_all(*stream);
  for (cudaEvent_t event : runtime().events) {
    if (event->stream == stream) event->recorded = false;  // all that it waited for is done
  }
  runtime().streams.erase(stream);
  delete stream;
  return answer(cudaSuccess);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Lock lock(runtime().mutex);
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  if (!is_known(stream)) return answer(cudaErrorInvalidResourceHandle);
  run_all(stream_of(stream));
  return answer(waited());
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  const Lock lock(runtime().mutex);
  *event = new CUevent_st;
  (*event)->ordinal = current_device;
  (*event)->timed = (flags & cudaEventDisableTiming) == 0;
  runtime().events.insert(*event);
  return answer(cudaSuccess);
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Lock lock(runtime().mutex);
  if (runtime().events.erase(event) == 0) return answer(cudaErrorInvalidResourceHandle);
  delete event;
  return answer(cudaSuccess);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
  const Lock lock(runtime().mutex);
  if (runtime().events.count(event) == 0 || !is_known(handle)) {
    return answer(cudaErrorInvalidResourceHandle);
  }
  CUstream_st& stream = stream_of(handle);
  if (stream.ordinal != event->ordinal) return answer(cudaErrorInvalidResourceHandle);
  event->recorded = true;
  event->stream = handle;
  event->in_capture = stream.captured != nullptr;
  if (event->in_capture) return answer(cudaSuccess);
  auto time = std::make_shared<Clock::time_point>();
  event->time = time;
  queue(stream, {"cudaEventRecord", [time] { *time = Clock::now(); }});
  event->position = stream.put;
  return answer(cudaSuccess);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock(runtime().mutex);
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  if (runtime().events.count(event) == 0) return answer(cudaErrorInvalidResourceHandle);
  if (event->in_capture) return answer(cudaErrorCapturedEvent);
  if (event->recorded) run_until(stream_of(event->stream), event->position);
  return answer(waited());
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  const Lock lock(runtime().mutex);
  for (const cudaEvent_t event : {begin, end}) {
    if (runtime().events.count(event) == 0 || !event->timed || !event->recorded) {
      return answer(cudaErrorInvalidResourceHandle);
    }
    if (stream_of(event->stream).done < event->position) return answer(cudaErrorNotReady);
  }
  *milliseconds = std::chrono::duration<float, std::milli>(*end->time - *begin->time).count();
  return answer(cudaSuccess);
}

// ---- Captures and graphs ----

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const Lock lock(runtime().mutex);
  if (stream == nullptr || !is_known(stream) || mode != cudaStreamCaptureModeThreadLocal) {
    return answer(cudaErrorStreamCaptureUnsupported);
  }
  if (stream->captured != nullptr) return answer(cudaErrorIllegalState);
  stream->captured = std::make_unique<Graph>();
  stream->capture_broken = false;
  capturing = stream;
  return answer(cudaSuccess);
}

/// Allowed in a capture; tells what earlier work ended with, too.
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const Lock lock(runtime().mutex);
  if (!is_known(stream)) return answer(cudaErrorInvalidResourceHandle);
  if (stream == nullptr && capturing != nullptr) return answer(cudaErrorStreamCaptureImplicit);
  const bool captured = stream != nullptr && stream->captured != nullptr;
  *status = !captured                ? cudaStreamCaptureStatusNone
            : stream->capture_broken ? cudaStreamCaptureStatusInvalidated
                                     : cudaStreamCaptureStatusActive;
  return answer(cudaSuccess);
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Lock lock(runtime().mutex);
  *graph = nullptr;
  if (stream == nullptr || !is_known(stream) || stream->captured == nullptr) {
    return answer(cudaErrorIllegalState);
  }
  if (capturing != stream) return answer(cudaErrorStreamCaptureWrongThread);
  capturing = nullptr;
  const std::unique_ptr<Graph> work = std::move(stream->captured);
  if (stream->capture_broken) return answer(cudaErrorStreamCaptureInvalidated);
  *graph = new CUgraph_st{std::move(*work)};
  ++runtime().counts.captures;
  return answer(cudaSuccess);
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const Lock lock(runtime().mutex);
  if (graph == nullptr) return answer(cudaErrorInvalidValue);
  delete graph;
  return answer(cudaSuccess);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  const Lock lock(runtime().mutex);
  *executable = new CUgraphExec_st{current_device, std::make_shared<const Graph>(graph->work)};
  return answer(cudaSuccess);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const Lock lock(runtime().mutex);
  if (executable == nullptr) return answer(cudaErrorInvalidValue);
  delete executable;  // what is still queued holds its work
  return answer(cudaSuccess);
}

cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t stream) {
  const Lock lock(runtime().mutex);
  return answer(is_known(stream) ? cudaSuccess : cudaErrorInvalidResourceHandle);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t handle) {
  const Lock lock(runtime().mutex);
  if (!is_known(handle)) return answer(cudaErrorInvalidResourceHandle);
  CUstream_st& stream = stream_of(handle);
  if (stream.ordinal != executable->ordinal || stream.captured != nullptr) {
    return answer(cudaErrorInvalidValue);
  }
  queue(stream, {"cudaGraphLaunch", [graph = executable->work] {
                   ++runtime().counts.replays;
                   for (const Work& work : *graph) work.run();
                 }});
  return answer(cudaSuccess);
}

}  // extern "C"
