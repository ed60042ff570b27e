// A GPU that is not there: the CUDA runtime's functions that the CUDA device calls, on the host.
// It computes what a GPU would, by kernels that run on the host (tests/host_kernels), and it is
// stricter than one:
//
// - Work runs as late as CUDA permits, when the host waits for it, so that what reads a result or
//   writes an input too early is found out.
// - The host cannot touch device memory, nor can another GPU: it is mapped for the time that its
//   GPU's work runs. New memory holds NaN. A page that nobody may touch begins where each
//   allocation ends, rounded up to 256 bytes.
// - Pointers given to copies must lie within one allocation, of the right kind and GPU.
// - A capture ends at the first call that CUDA forbids in one.
//
// The environment, read once: FOVEA_SIMULATED_GPUS, how many there are (none);
// FOVEA_SIMULATED_MEMORY, bytes of each (1 GiB); FOVEA_SIMULATED_SM, their architecture (80).
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>

namespace simulated_gpu {

/// Puts `work` into the stream, or into the graph that captures it, as a launch would: it runs
/// later, when device memory may be touched.
cudaError_t enqueue(cudaStream_t stream, const char* name, std::function<void()> work);

/// Ends the program with a message unless [p, p + bytes) lies within one allocation of the current
/// GPU's memory.
void require_device_memory(const void* p, std::size_t bytes, const char* what);

/// Whether the calling thread runs device work now.
bool at_work();

/// What was asked for so far, by every thread.
struct Counts {
  int launches = 0;  ///< of kernels and copies, each time that they ran
  int replays = 0;   ///< of graphs
  int captures = 0;  ///< that ended well
};
Counts counts();

/// Lets the next wait of the host fail with this error, and every call after it: a GPU is lost.
/// cudaSuccess mends it.
void fail_from_next_wait(cudaError_t error);

}  // namespace simulated_gpu
