// What the functions of the simulated CUDA runtime share: streams with their queues, captures,
// errors.
#pragma once

#include <cuda_runtime_api.h>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "tests/simulated_gpu/runtime.h"

namespace simulated_gpu {

using Clock = std::chrono::steady_clock;

struct Work {
  const char* name;
  std::function<void()> run;
};

using Graph = std::vector<Work>;

}  // namespace simulated_gpu

// The runtime's handles point to these.
struct CUstream_st {
  int ordinal = 0;
  std::deque<simulated_gpu::Work> queue;
  long long put = 0;                               ///< how many were queued
  long long done = 0;                              ///< how many of these have run
  std::unique_ptr<simulated_gpu::Graph> captured;  ///< while a capture goes on
  bool capture_broken = false;
};
struct CUevent_st {
  int ordinal = 0;
  bool timed = true;
  bool recorded = false;
  bool in_capture = false;  ///< recorded by a capture: nobody can wait for it
  cudaStream_t stream = nullptr;
  long long position = 0;  ///< in that stream's queue
  std::shared_ptr<simulated_gpu::Clock::time_point> time;
};
struct CUgraph_st {
  simulated_gpu::Graph work;
};
struct CUgraphExec_st {
  int ordinal = 0;
  std::shared_ptr<const simulated_gpu::Graph> work;
};

namespace simulated_gpu {

/// What all threads share; never destroyed, since streams outlive statics.
struct Runtime {
  std::recursive_mutex mutex;
  std::set<cudaStream_t> streams;
  std::set<cudaEvent_t> events;
  std::map<int, CUstream_st> default_streams;
  Counts counts;
  cudaError_t lost = cudaSuccess;        ///< what every call answers, once a wait has failed
  cudaError_t fails_next = cudaSuccess;  ///< what the next wait fails with
};
Runtime& runtime();

/// Every function of the runtime holds it.
using Lock = std::scoped_lock<std::recursive_mutex>;

extern thread_local int current_device;
extern thread_local cudaError_t last_error;
extern thread_local cudaStream_t capturing;  ///< this thread's capture

/// Every function returns through this, which keeps what cudaGetLastError() tells.
cudaError_t answer(cudaError_t status);

int device_count();

/// What a capture of this thread forbids: the capture ends in an error.
bool forbidden_in_capture();

CUstream_st& stream_of(cudaStream_t stream);
bool is_known(cudaStream_t stream);

/// Runs the stream's queue up to a position.
void run_until(CUstream_st& stream, long long position);
void run_all(CUstream_st& stream);
void run_all_of_device(int ordinal);

/// The host has waited: the time at which a GPU's errors come to light.
cudaError_t waited();

void queue(CUstream_st& stream, Work work);
/// Into the stream or its capture; counted when it runs.
cudaError_t put(cudaStream_t handle, const char* name, std::function<void()> run);

}  // namespace simulated_gpu
