// Splitting a loop over threads, on OpenMP: the pool of threads that oneDNN also uses. Work is
// split over independent outputs only, so that results do not depend on the number of threads.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace fovea::cpu {

/// Splits [0, count) evenly and calls body(part, begin, end) for each part on a thread of its own,
/// 0 <= part < threads. A thread gets `grain` items at least: pass how many are worth its while.
/// Runs inline where one part is left. Allocates nothing; `body` must not throw.
template <class Body>
void parallel_parts(int threads, std::int64_t count, std::int64_t grain, const Body& body) {
  if (count <= 0) return;
  const std::int64_t parts =
      std::min<std::int64_t>(threads, count / std::max<std::int64_t>(grain, 1));
  if (parts <= 1) {
    body(0, std::int64_t{0}, count);
    return;
  }
#pragma omp parallel num_threads(static_cast <int>(parts))
  {
    const std::int64_t actual = omp_get_num_threads();  // may be fewer than asked for
    const int part = omp_get_thread_num();
    const std::int64_t begin = count * part / actual;
    const std::int64_t end = count * (part + 1) / actual;
    if (begin < end) body(part, begin, end);
  }
}

/// The grain for items of `operations` simple operations each: about ten microseconds of work.
inline std::int64_t grain_of(std::int64_t operations) {
  return 1 + (std::int64_t{1} << 15) / std::max<std::int64_t>(operations, 1);
}

/// As parallel_parts, for a body(begin, end) that needs no scratch memory of its own.
template <class Body>
void parallel_for(int threads, std::int64_t count, std::int64_t grain, const Body& body) {
  parallel_parts(threads, count, grain,
                 [&](int, std::int64_t begin, std::int64_t end) { body(begin, end); });
}

}  // namespace fovea::cpu
