// CUDA kernels on the host: what a kernel's source needs to compile as C++ and to run, one fiber
// per thread and one block after another, under AddressSanitizer and UBSan. Compilers include this
// file before each kernel's own first line.
//
// It is stricter than a GPU. A barrier that some threads of the block do not reach, or reach at
// another line, ends the program with the kernel's name; so does a warp-wide exchange that a lane
// of its mask does not join. Shared memory starts as NaN and ends where it should. Threads run in
// an order that changes with FOVEA_HOST_KERNELS_SEED, so that what depends on it shows.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <source_location>
#include <string>
#include <vector>

// Before the toolkit's headers for narrow types, which then define their functions for the host.
#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __constant__
#undef __forceinline__
#undef __launch_bounds__
#undef __grid_constant__
#define __global__
#define __device__
#define __host__
#define __shared__ static_assert(false, "take shared memory from kernels/shared_memory.cuh");
#define __constant__ static const
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace on_host {

constexpr int kWarpSize = 32;

struct Thread {
  uint3 index;
  unsigned flat;  ///< place in its block, x fastest
  unsigned lane() const { return flat % kWarpSize; }
  unsigned warp() const { return flat / kWarpSize; }
};

/// The thread that runs now, its block and the launch.
const Thread& this_thread();
const uint3& this_block();
const dim3& block_shape();
const dim3& grid_shape();

/// What kernels/launch.h calls: runs the kernel, now or when its stream comes to it. Each program
/// says which: cuda_on_host_device.cpp or tests/simulated_gpu.
cudaError_t launch(const char* name, cudaStream_t stream, dim3 blocks, dim3 threads,
                   std::size_t dynamic_shared_bytes, std::function<void()> body);

/// What cuda/thrust_statistics.cu calls: does `work` in the stream's turn, and waits for it.
cudaError_t wait_for(cudaStream_t stream, const char* name, const std::function<void()>& work);

/// Whether a GPU takes a launch of this shape.
bool is_launchable(dim3 blocks, dim3 threads, std::size_t dynamic_shared_bytes);

/// Runs every thread of every block to its end.
void run(const char* name, dim3 blocks, dim3 threads, std::size_t dynamic_shared_bytes,
         const std::function<void()>& body);

/// The block's shared memory of this key, made on first use.
void* shared(const void* key, std::size_t bytes);
void* dynamic_shared();

/// Waits until every thread of the block is here.
void barrier(const std::source_location& where);

/// Gives every lane of `mask` what all of them brought: kWarpSize slots of `bytes`.
void exchange(unsigned mask, const void* mine, std::size_t bytes, void* all,
              const std::source_location& where);

/// Ends the program, naming the kernel, the block and the thread.
[[noreturn]] void die(const std::string& what);

/// The architecture that the twins of PTX instructions stand for: 80, until set.
int architecture();
void set_architecture(int sm);

/// The grid of a kernel's last launch.
dim3 last_grid(const std::string& name);

/// The kernels started so far, by name, and the seconds that their threads took in all.
std::map<std::string, double> kernels_run();

template <class T>
std::array<T, kWarpSize> gather(unsigned mask, const T& mine, const std::source_location& where) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::array<T, kWarpSize> all;
  exchange(mask, &mine, sizeof(T), all.data(), where);
  return all;
}

/// The value of lane `source` of this lane's group of `width`; its own where there is no such lane.
template <class T>
T shuffle(unsigned mask, const T& mine, int source, int width, const std::source_location& where) {
  const std::array<T, kWarpSize> all = gather(mask, mine, where);
  const int lane = static_cast<int>(this_thread().lane());
  const int first = lane / width * width;
  if (source < first || source >= first + width) return mine;
  if ((mask >> source & 1) == 0) die("a shuffle reads a lane outside its mask");
  return all[static_cast<std::size_t>(source)];
}

}  // namespace on_host

#define threadIdx (::on_host::this_thread().index)
#define blockIdx (::on_host::this_block())
#define blockDim (::on_host::block_shape())
#define gridDim (::on_host::grid_shape())

using Where = std::source_location;

inline void __syncthreads(Where where = Where::current()) { on_host::barrier(where); }
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, Where where = Where::current()) {
  on_host::gather(mask, 0, where);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, Where where = Where::current()) {
  const int lane = static_cast<int>(on_host::this_thread().lane());
  return on_host::shuffle(mask, value, lane / width * width + source % width, width, where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32,
                  Where where = Where::current()) {
  const int lane = static_cast<int>(on_host::this_thread().lane());
  return on_host::shuffle(mask, value, lane ^ bits, width, where);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   Where where = Where::current()) {
  const int lane = static_cast<int>(on_host::this_thread().lane());
  return on_host::shuffle(mask, value, lane + static_cast<int>(delta), width, where);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 Where where = Where::current()) {
  const int lane = static_cast<int>(on_host::this_thread().lane());
  return on_host::shuffle(mask, value, lane - static_cast<int>(delta), width, where);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, Where where = Where::current()) {
  const auto all = on_host::gather(mask, predicate, where);
  unsigned votes = 0;
  for (unsigned lane = 0; lane < on_host::kWarpSize; ++lane) {
    if ((mask >> lane & 1) != 0 && all[lane] != 0) votes |= 1u << lane;
  }
  return votes;
}
inline int __any_sync(unsigned mask, int predicate, Where where = Where::current()) {
  return __ballot_sync(mask, predicate, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate, Where where = Where::current()) {
  return __ballot_sync(mask, predicate, where) == mask;
}

template <class T>
T __ldg(const T* address) {
  return *address;
}
inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((std::uint64_t{a} * b) >> 32);
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline unsigned __float_as_uint(float x) {
  unsigned bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
inline float __uint_as_float(unsigned bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
