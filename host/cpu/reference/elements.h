// Loops over elements and rows, and sums. All give the same bits whatever the number of threads;
// sums because they add up fixed chunks, each in a fixed order.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "fovea/kernel.h"
#include "host/cpu/parallel.h"

namespace fovea::cpu {

/// Calls body(i) for all i in [0, count), split over threads. Bodies are independent of each other:
/// `body` may write an output that shares memory with an input only after reading the same element.
template <class Body>
void for_each_element(int threads, std::int64_t count, const Body& body) {
  parallel_for(threads, count, grain_of(1), [&](std::int64_t begin, std::int64_t end) {
    const Body independent = body;  // a copy whose pointers the compiler can keep in registers
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) independent(i);
  });
}

/// Calls body(row) for all rows in [0, rows), each so many elements of costlier work, such as an
/// exp.
template <class Body>
void for_each_row(int threads, std::int64_t rows, std::int64_t row_elements, const Body& body) {
  constexpr std::int64_t kElementOperations = 8;
  parallel_for(threads, rows, grain_of(kElementOperations * row_elements),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t row = begin; row < end; ++row) body(row);
               });
}

/// The sum of term(i) over [begin, end) in double, in an order that vector units can follow: eight
/// interleaved partial sums, then their sum.
template <class Term>
double sum_elements(std::int64_t begin, std::int64_t end, const Term& term) {
  constexpr std::int64_t kLanes = 8;
  double lanes[kLanes] = {};
  std::int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += static_cast<double>(term(i + lane));
    }
  }
  for (std::int64_t lane = 0; i < end; ++i, ++lane) lanes[lane] += static_cast<double>(term(i));
  return std::accumulate(lanes, lanes + kLanes, 0.0);
}

/// Elements that one thread sums, or updates, at a time.
constexpr std::int64_t kChunk = 1 << 13;

inline std::int64_t chunk_count(std::int64_t elements) { return (elements + kChunk - 1) / kChunk; }

/// The scratch memory that sum_chunks needs for tensors of this size.
inline std::int64_t chunk_sum_bytes(std::int64_t elements) {
  return chunk_count(elements) * static_cast<std::int64_t>(sizeof(double));
}

/// The sum of term(i) over [0, count), chunk by chunk on all threads. The context's workspace holds
/// one partial sum per chunk.
template <class Term>
double sum_chunks(const KernelContext& context, std::int64_t count, const Term& term) {
  auto* partial = static_cast<double*>(context.workspace());
  const std::int64_t chunks = chunk_count(count);
  parallel_for(context.threads(), chunks, grain_of(kChunk),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t chunk = begin; chunk < end; ++chunk) {
                   const std::int64_t first = chunk * kChunk;
                   partial[chunk] = sum_elements(first, std::min(first + kChunk, count), term);
                 }
               });
  return std::accumulate(partial, partial + chunks, 0.0);
}

/// 1 / (1 + e^-x), without overflow for any x.
template <class T>
T sigmoid(T x) {
  const T small = std::exp(-std::abs(x));
  return (x < 0 ? small : T{1}) / (1 + small);
}

}  // namespace fovea::cpu
