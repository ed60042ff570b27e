// Streams, events, captures and graphs of the simulated GPUs: the CUDA runtime's own functions.
#include "tests/simulated_gpu/runtime.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/host_kernels/cuda_on_host.h"
#include "tests/simulated_gpu/memory.h"

namespace {

using simulated_gpu::Place;
using Clock = std::chrono::steady_clock;

/// A queue that grows beyond this is worked off, as a GPU would.
constexpr std::size_t kMaxQueued = 1024;

struct Work {
  const char* name;
  std::function<void()> run;
};

using Graph = std::vector<Work>;

}  // namespace

// The runtime's handles point to these.
struct CUstream_st {
  int ordinal = 0;
  std::deque<Work> queue;
  long long put = 0;                ///< how many were queued
  long long done = 0;               ///< how many of these have run
  std::unique_ptr<Graph> captured;  ///< while a capture goes on
  bool capture_broken = false;
};
struct CUevent_st {
  int ordinal = 0;
  bool timed = true;
  bool recorded = false;
  bool in_capture = false;  ///< recorded by a capture: nobody can wait for it
  cudaStream_t stream = nullptr;
  long long position = 0;  ///< in that stream's queue
  std::shared_ptr<Clock::time_point> time;
};
struct CUgraph_st {
  Graph work;
};
struct CUgraphExec_st {
  int ordinal = 0;
  std::shared_ptr<const Graph> work;
};

namespace {

/// What all threads share; never destroyed, since streams outlive statics.
struct Runtime {
  std::recursive_mutex mutex;
  std::set<cudaStream_t> streams;
  std::set<cudaEvent_t> events;
  std::map<int, CUstream_st> default_streams;
  simulated_gpu::Counts counts;
  cudaError_t lost = cudaSuccess;        ///< what every call answers, once a wait has failed
  cudaError_t fails_next = cudaSuccess;  ///< what the next wait fails with
  const bool early = [] {
    const char* order = std::getenv("FOVEA_SIMULATED_ORDER");  // NOLINT(concurrency-mt-unsafe)
    return order != nullptr && std::string(order) == "early";
  }();
};

Runtime& runtime() {
  static auto& all = *new Runtime;
  return all;
}

using Lock = std::scoped_lock<std::recursive_mutex>;

thread_local int current_device = 0;
thread_local cudaError_t last_error = cudaSuccess;
thread_local cudaStream_t capturing = nullptr;  ///< this thread's capture

/// Every function returns through this, which keeps what cudaGetLastError() tells.
cudaError_t answer(cudaError_t status) {
  if (status == cudaSuccess) status = runtime().lost;
  if (status != cudaSuccess) last_error = status;
  return status;
}

int device_count() {
  static const auto count = static_cast<int>(simulated_gpu::number_of("FOVEA_SIMULATED_GPUS", 0));
  return count;
}

int architecture() {
  static const auto sm = static_cast<int>(simulated_gpu::number_of("FOVEA_SIMULATED_SM", 80));
  return sm;
}

/// What a capture of this thread forbids: the capture ends in an error.
bool forbidden_in_capture() {
  if (capturing == nullptr) return false;
  capturing->capture_broken = true;
  return true;
}

CUstream_st& stream_of(cudaStream_t stream) {
  if (stream != nullptr) return *stream;
  CUstream_st& legacy = runtime().default_streams[current_device];
  legacy.ordinal = current_device;
  return legacy;
}

bool is_known(cudaStream_t stream) {
  return stream == nullptr || runtime().streams.count(stream) > 0;
}

/// Runs the stream's queue up to a position.
void run_until(CUstream_st& stream, long long position) {
  if (stream.done >= position) return;
  const simulated_gpu::DeviceWork may_touch_device_memory;
  while (stream.done < position && !stream.queue.empty()) {
    const Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    work.run();
    ++stream.done;
  }
}

void run_all(CUstream_st& stream) { run_until(stream, stream.put); }

void run_all_of_device(int ordinal) {
  for (cudaStream_t stream : runtime().streams) {
    if (stream->ordinal == ordinal) run_all(*stream);
  }
  run_all(runtime().default_streams[ordinal]);
}

/// The host has waited: the time at which a GPU's errors come to light.
cudaError_t waited() {
  Runtime& all = runtime();
  if (all.fails_next != cudaSuccess) all.lost = std::exchange(all.fails_next, cudaSuccess);
  return all.lost;
}

void queue(CUstream_st& stream, Work work) {
  stream.queue.push_back(std::move(work));
  ++stream.put;
  if (runtime().early || stream.queue.size() > kMaxQueued) run_all(stream);
}

/// Into the stream or its capture; counted when it runs.
cudaError_t put(cudaStream_t handle, const char* name, std::function<void()> run) {
  if (!is_known(handle)) return cudaErrorInvalidResourceHandle;
  CUstream_st& stream = stream_of(handle);
  if (stream.ordinal != current_device) return cudaErrorInvalidResourceHandle;
  if (handle == nullptr && capturing != nullptr) {
    capturing->capture_broken = true;
    return cudaErrorStreamCaptureImplicit;
  }
  Work work{name, [run = std::move(run)] {
              ++runtime().counts.launches;
              run();
            }};
  if (stream.captured == nullptr) {
    queue(stream, std::move(work));
  } else if (stream.capture_broken) {
    return cudaErrorStreamCaptureInvalidated;
  } else {
    stream.captured->push_back(std::move(work));
  }
  return cudaSuccess;
}

/// Whether both ends of a copy are of the kind that it names.
bool ends_match(cudaMemcpyKind kind, Place to, Place from) {
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  return (to == Place::device) == to_device && (from == Place::device) == from_device;
}

}  // namespace

namespace simulated_gpu {

cudaError_t enqueue(cudaStream_t stream, const char* name, std::function<void()> work) {
  const Lock lock(runtime().mutex);
  return answer(put(stream, name, std::move(work)));
}

Counts counts() {
  const Lock lock(runtime().mutex);
  return runtime().counts;
}

void fail_from_next_wait(cudaError_t error) {
  const Lock lock(runtime().mutex);
  runtime().fails_next = error;
  if (error == cudaSuccess) runtime().lost = cudaSuccess;
}

}  // namespace simulated_gpu

/// What kernels/launch.h calls.
cudaError_t on_host::launch(const char* name, cudaStream_t stream, dim3 blocks, dim3 threads,
                            std::size_t dynamic_shared_bytes, std::function<void()> body) {
  if (!is_launchable(blocks, threads, dynamic_shared_bytes)) {
    return answer(cudaErrorInvalidConfiguration);
  }
  return simulated_gpu::enqueue(stream, name, [=, body = std::move(body)] {
    run(name, blocks, threads, dynamic_shared_bytes, body);
  });
}

/// What Thrust's kernels would do, and the waits within.
void on_host::wait_for(cudaStream_t stream, const char* name, const std::function<void()>& work) {
  const Lock lock(runtime().mutex);
  if (simulated_gpu::enqueue(stream, name, work) == cudaSuccess) run_all(stream_of(stream));
}

extern "C" {

// ---- Devices and errors ----

cudaError_t cudaGetDeviceCount(int* count) {
  *count = device_count();
  on_host::set_architecture(architecture());
  return answer(*count > 0 ? cudaSuccess : cudaErrorNoDevice);
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* ordinal) {
  *ordinal = current_device;
  return answer(cudaSuccess);
}

cudaError_t cudaSetDevice(int ordinal) {
  if (ordinal < 0 || ordinal >= device_count()) return answer(cudaErrorInvalidDevice);
  current_device = ordinal;
  return answer(cudaSuccess);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int ordinal) {
  if (ordinal < 0 || ordinal >= device_count()) return answer(cudaErrorInvalidDevice);
  *properties = {};
  std::strcpy(properties->name, "Simulated GPU");
  properties->major = architecture() / 10;
  properties->minor = architecture() % 10;
  properties->totalGlobalMem = simulated_gpu::total_bytes();
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
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  const Lock lock(runtime().mutex);
  run_all_of_device(current_device);
  return answer(waited());
}

// ---- Memory ----

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  const Lock lock(runtime().mutex);
  *memory = simulated_gpu::allocate_device(current_device, bytes);
  return answer(*memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}

cudaError_t cudaFree(void* memory) {
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  const Lock lock(runtime().mutex);
  for (int ordinal = 0; ordinal < device_count(); ++ordinal) run_all_of_device(ordinal);
  const bool known = memory == nullptr || simulated_gpu::free_device(memory);
  return answer(known ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  *memory = simulated_gpu::allocate_pinned(bytes);
  return answer(*memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}

cudaError_t cudaFreeHost(void* memory) {
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  const Lock lock(runtime().mutex);
  for (int ordinal = 0; ordinal < device_count(); ++ordinal) run_all_of_device(ordinal);
  const bool known = memory == nullptr || simulated_gpu::free_pinned(memory);
  return answer(known ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *free = simulated_gpu::free_bytes(current_device);
  *total = simulated_gpu::total_bytes();
  return answer(cudaSuccess);
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  const Lock lock(runtime().mutex);
  const cudaError_t status = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  run_all(stream_of(nullptr));
  return status != cudaSuccess ? status : answer(waited());
}

/// From pageable memory the copy leaves at once, to it the host waits; neither can be captured.
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const Lock lock(runtime().mutex);
  if (bytes == 0) return answer(cudaSuccess);
  const Place to_place = simulated_gpu::place_of(to, bytes, "cudaMemcpyAsync's destination");
  const Place from_place = simulated_gpu::place_of(from, bytes, "cudaMemcpyAsync's source");
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
  simulated_gpu::require_device_memory(to, bytes, "cudaMemsetAsync");
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
  run_all(*stream);
  runtime().streams.erase(stream);
  delete stream;
  return answer(cudaSuccess);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  const Lock lock(runtime().mutex);
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
  if (forbidden_in_capture()) return answer(cudaErrorStreamCaptureUnsupported);
  const Lock lock(runtime().mutex);
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
  if (graph == nullptr) return answer(cudaErrorInvalidValue);
  delete graph;
  return answer(cudaSuccess);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  *executable = new CUgraphExec_st{current_device, std::make_shared<const Graph>(graph->work)};
  return answer(cudaSuccess);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  if (executable == nullptr) return answer(cudaErrorInvalidValue);
  delete executable;  // what is still queued holds its work
  return answer(cudaSuccess);
}

cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t stream) {
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
