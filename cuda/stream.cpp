#include "cuda/stream.h"

#if __has_include(<nvtx3/nvToolsExt.h>)  // the toolkit may be installed without it
#include <nvtx3/nvToolsExt.h>
#define FOVEA_HAS_NVTX
#endif

#include <algorithm>
#include <cstring>

#include "cuda/calls.h"
#include "cuda/device_guard.h"

namespace fovea::cuda {
namespace {

/// Larger uploads go in pieces. A batch that fits is staged while the step before it still runs.
constexpr std::size_t kMaxStagingBytes = 64 << 20;
constexpr std::size_t kLandingBytes = 64 << 10;

class GraphRecording final : public Recording {
 public:
  GraphRecording(int ordinal, cudaStream_t stream, cudaGraph_t graph)
      : ordinal_(ordinal), stream_(stream) {
    check(cudaGraphInstantiate(&executable_, graph, 0), "cannot instantiate the captured step");
    // Now rather than in the first replay, which somebody may be timing.
    check(cudaGraphUpload(executable_, stream_), "cannot upload the captured step");
  }
  ~GraphRecording() override { static_cast<void>(cudaGraphExecDestroy(executable_)); }
  GraphRecording(const GraphRecording&) = delete;
  GraphRecording& operator=(const GraphRecording&) = delete;

  void replay() override {
    const DeviceGuard guard(ordinal_);
    check(cudaGraphLaunch(executable_, stream_), "cannot start the captured step");
  }

 private:
  int ordinal_;
  cudaStream_t stream_;
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace

CudaStream::CudaStream(int ordinal) : ordinal_(ordinal) {
  const DeviceGuard guard(ordinal_);
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cannot make a stream");
}

CudaStream::~CudaStream() {
  // A destructor must not throw, and when the driver is shutting down nothing is left to free.
  static_cast<void>(cudaStreamSynchronize(stream_));
  for (const Staging& staging : staging_) {
    if (staging.sent != nullptr) static_cast<void>(cudaEventDestroy(staging.sent));
    static_cast<void>(cudaFreeHost(staging.memory));
  }
  for (const cudaEvent_t event : {begin_, end_}) {
    if (event != nullptr) static_cast<void>(cudaEventDestroy(event));
  }
  static_cast<void>(cudaFreeHost(landing_));
  static_cast<void>(cudaStreamDestroy(stream_));
}

CudaStream::Staging& CudaStream::free_staging(std::size_t bytes) {
  Staging& staging = staging_[next_staging_];
  next_staging_ = (next_staging_ + 1) % staging_.size();
  if (staging.sent == nullptr) {
    check(cudaEventCreateWithFlags(&staging.sent, cudaEventDisableTiming), "cannot make an event");
  } else {
    check(cudaEventSynchronize(staging.sent), "an upload failed");
  }
  if (staging.bytes < bytes) {
    if (staging.memory != nullptr) {
      check(cudaFreeHost(std::exchange(staging.memory, nullptr)), "cannot free pinned memory");
    }
    staging.bytes = 0;
    ++calls().allocations;
    check(cudaMallocHost(&staging.memory, bytes), "cannot allocate pinned host memory");
    staging.bytes = bytes;
  }
  return staging;
}

void CudaStream::upload(void* to, const void* from, std::size_t bytes) {
  const DeviceGuard guard(ordinal_);
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t piece = std::min(bytes - done, kMaxStagingBytes);
    const Staging& staging = free_staging(piece);
    std::memcpy(staging.memory, static_cast<const char*>(from) + done, piece);
    check(cudaMemcpyAsync(static_cast<char*>(to) + done, staging.memory, piece,
                          cudaMemcpyHostToDevice, stream_),
          "cannot copy to the GPU");
    check(cudaEventRecord(staging.sent, stream_), "cannot record an event");
    done += piece;
  }
}

void CudaStream::download(void* to, const void* from, std::size_t bytes) {
  const DeviceGuard guard(ordinal_);
  const bool small = bytes <= kLandingBytes;
  if (small && landing_ == nullptr) {
    ++calls().allocations;
    check(cudaMallocHost(&landing_, kLandingBytes), "cannot allocate pinned host memory");
  }
  check(cudaMemcpyAsync(small ? landing_ : to, from, bytes, cudaMemcpyDeviceToHost, stream_),
        "cannot copy from the GPU");
  synchronize();
  if (small && bytes > 0) std::memcpy(to, landing_, bytes);
}

void CudaStream::copy(void* to, const void* from, std::size_t bytes) {
  const DeviceGuard guard(ordinal_);
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_),
        "cannot copy within the GPU's memory");
}

void CudaStream::fill(void* to, std::uint8_t byte, std::size_t bytes) {
  const DeviceGuard guard(ordinal_);
  check(cudaMemsetAsync(to, byte, bytes, stream_), "cannot fill GPU memory");
}

double CudaStream::milliseconds(const std::function<void()>& work) {
  const DeviceGuard guard(ordinal_);
  for (cudaEvent_t* event : {&begin_, &end_}) {
    if (*event == nullptr) check(cudaEventCreate(event), "cannot make an event");
  }
  check(cudaEventRecord(begin_, stream_), "cannot record an event");
  work();
  check(cudaEventRecord(end_, stream_), "cannot record an event");
  ++calls().synchronizations;
  check(cudaEventSynchronize(end_), "work on the GPU failed");
  float elapsed = 0;
  check(cudaEventElapsedTime(&elapsed, begin_, end_), "cannot read the time between two events");
  return elapsed;
}

void CudaStream::synchronize() {
  ++calls().synchronizations;
  check(cudaStreamSynchronize(stream_), "work on the GPU failed");
}

std::unique_ptr<Recording> CudaStream::record(const std::function<void()>& work) {
  const DeviceGuard guard(ordinal_);
  // Other threads go on with what a capture forbids, such as allocating.
  check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal),
        "cannot begin a capture");
  cudaGraph_t graph = nullptr;
  try {
    work();
  } catch (...) {
    static_cast<void>(cudaStreamEndCapture(stream_, &graph));
    static_cast<void>(cudaGraphDestroy(graph));
    static_cast<void>(cudaGetLastError());
    throw;
  }
  check(cudaStreamEndCapture(stream_, &graph), "the step cannot be captured");
  const std::unique_ptr<CUgraph_st, void (*)(cudaGraph_t)> owned(
      graph, [](cudaGraph_t g) { static_cast<void>(cudaGraphDestroy(g)); });
  return std::make_unique<GraphRecording>(ordinal_, stream_, graph);
}

#ifdef FOVEA_HAS_NVTX
void CudaStream::begin_range(const char* name) { nvtxRangePushA(name); }
void CudaStream::end_range() noexcept { nvtxRangePop(); }
#else
void CudaStream::begin_range(const char*) {}
void CudaStream::end_range() noexcept {}
#endif

}  // namespace fovea::cuda
