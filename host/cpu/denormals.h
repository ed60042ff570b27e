// Denormal numbers (below 1.2e-38 in f32) count as zero while the CPU's kernels run: processors
// take a hundred times as long over them, and the moments of an optimizer decay into them wherever
// a gradient stays zero. The mode is that of a thread, so each one of the pool is switched, and put
// back as it was before the caller gets it back.
#pragma once

#include <omp.h>

#include <cstdint>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace fovea::cpu {

#if defined(__SSE2__)
using FloatMode = unsigned;
inline FloatMode float_mode() { return _mm_getcsr(); }
inline void set_float_mode(FloatMode mode) { _mm_setcsr(mode); }
constexpr FloatMode kDenormalsAreZero = 0x8040;  // as results and as operands
#elif defined(__aarch64__)
using FloatMode = std::uint64_t;
inline FloatMode float_mode() {
  FloatMode mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
}
inline void set_float_mode(FloatMode mode) { asm volatile("msr fpcr, %0" : : "r"(mode)); }
constexpr FloatMode kDenormalsAreZero = std::uint64_t{1} << 24;
#else  // processors whose switch we do not know keep denormals
using FloatMode = unsigned;
inline FloatMode float_mode() { return 0; }
inline void set_float_mode(FloatMode) {}
constexpr FloatMode kDenormalsAreZero = 0;
#endif

inline thread_local FloatMode mode_before = 0;

inline void flush_denormals() {
  mode_before = float_mode();
  set_float_mode(mode_before | kDenormalsAreZero);
}

// The caller switches itself outside the regions, since LLVM's OpenMP ends one that runs on a
// single thread by putting that thread's mode back; and after the others, since threads that a
// region starts begin in the caller's mode.
inline void begin_flushing_denormals(int threads) {
#pragma omp parallel num_threads(threads)
  if (omp_get_thread_num() != 0) flush_denormals();
  flush_denormals();
}

inline void end_flushing_denormals(int threads) {
  set_float_mode(mode_before);
#pragma omp parallel num_threads(threads)
  if (omp_get_thread_num() != 0) set_float_mode(mode_before);
}

}  // namespace fovea::cpu
