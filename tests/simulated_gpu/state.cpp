#include "tests/simulated_gpu/state.h"

#include <unistd.h>

#include <csignal>
#include <cstring>
#include <utility>

#include "tests/host_kernels/cuda_on_host.h"
#include "tests/simulated_gpu/memory.h"

namespace simulated_gpu {
namespace {

/// A queue that grows beyond this is worked off, as a GPU would.
constexpr std::size_t kMaxQueued = 1024;

/// What this thread runs for a GPU; null where it is the host's own code.
thread_local const char* running = nullptr;

void write_error(const char* text) {
  static_cast<void>(!write(STDERR_FILENO, text, std::strlen(text)));
}

/// A fault is mostly a kernel that leaves its tensors, or the host touching device memory: says
/// which, and lets the program end as it would have.
void name_the_culprit(int signal) {
  write_error("simulated GPU: ");
  write_error(running != nullptr ? running : "the host");
  write_error(" touches memory that is not its own\n");
  std::signal(signal, SIG_DFL);
}

}  // namespace

Runtime& runtime() {
  static auto& all = []() -> Runtime& {
    std::signal(SIGSEGV, name_the_culprit);
    return *new Runtime;
  }();
  return all;
}

thread_local int current_device = 0;
thread_local cudaError_t last_error = cudaSuccess;
thread_local cudaStream_t capturing = nullptr;

cudaError_t answer(cudaError_t status) {
  if (status == cudaSuccess) status = runtime().lost;
  if (status != cudaSuccess) last_error = status;
  return status;
}

int device_count() {
  static const auto count = static_cast<int>(number_of("FOVEA_SIMULATED_GPUS", 0));
  return count;
}

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

void run_until(CUstream_st& stream, long long position) {
  if (stream.done >= position) return;
  // Libraries ask which GPU is the current one when their work runs, too.
  const int asked_by = std::exchange(current_device, stream.ordinal);
  const DeviceWork may_touch_device_memory(stream.ordinal);
  while (stream.done < position && !stream.queue.empty()) {
    const Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    const char* const around = std::exchange(running, work.name);
    work.run();
    running = around;
    ++stream.done;
  }
  current_device = asked_by;
}

void run_all(CUstream_st& stream) { run_until(stream, stream.put); }

void run_all_of_device(int ordinal) {
  for (cudaStream_t stream : runtime().streams) {
    if (stream->ordinal == ordinal) run_all(*stream);
  }
  run_all(runtime().default_streams[ordinal]);
}

cudaError_t waited() {
  Runtime& all = runtime();
  if (all.fails_next != cudaSuccess) all.lost = std::exchange(all.fails_next, cudaSuccess);
  return all.lost;
}

void queue(CUstream_st& stream, Work work) {
  stream.queue.push_back(std::move(work));
  ++stream.put;
  if (stream.queue.size() > kMaxQueued) run_all(stream);
}

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
  const simulated_gpu::Lock lock(simulated_gpu::runtime().mutex);
  if (!is_launchable(blocks, threads, dynamic_shared_bytes)) {
    return simulated_gpu::answer(cudaErrorInvalidConfiguration);
  }
  return simulated_gpu::enqueue(stream, name, [=, body = std::move(body)] {
    run(name, blocks, threads, dynamic_shared_bytes, body);
  });
}

/// What Thrust's kernels would do, and the waits within.
cudaError_t on_host::wait_for(cudaStream_t stream, const char* name,
                              const std::function<void()>& work) {
  const simulated_gpu::Lock lock(simulated_gpu::runtime().mutex);
  if (simulated_gpu::forbidden_in_capture())
    return simulated_gpu::answer(cudaErrorStreamCaptureUnsupported);
  const cudaError_t status = simulated_gpu::put(stream, name, work);
  if (status != cudaSuccess) return simulated_gpu::answer(status);
  simulated_gpu::run_all(simulated_gpu::stream_of(stream));
  return simulated_gpu::answer(simulated_gpu::waited());
}
