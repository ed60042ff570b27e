// Loops over neighbouring channels in vector registers, compiled for several instruction sets of
// which the machine's best is taken at run time.
//
// A group of W lanes is an array of W numbers, and what is done to it a `#pragma omp simd` loop of
// W steps, which the compiler turns into a vector instruction or a few. (The compiler's own vector
// types would read better, but GCC 12 splits them up for the oldest instruction set before it makes
// the clones for the others.)
#pragma once

#include <cstdint>

// A function with this attribute is compiled once for each instruction set named, with everything
// that is inlined into it; so what it calls must be FOVEA_INLINE.
#if defined(__x86_64__) && defined(__linux__)
#define FOVEA_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOVEA_CLONES
#endif
#define FOVEA_INLINE __attribute__((always_inline)) inline

namespace fovea::onednn {

/// The lanes of a cell in groups that fit a vector: as many of 16 as go, one of 8, the rest single.
struct LaneGroups {
  explicit LaneGroups(std::int64_t lanes)
      : of_16(lanes / 16), of_8(lanes % 16 / 8), count(of_16 + of_8 + lanes % 8) {}

  struct Group {
    std::int64_t first;
    int width;
  };
  Group operator[](std::int64_t i) const {
    if (i < of_16) return {i * 16, 16};
    if (i < of_16 + of_8) return {of_16 * 16, 8};
    return {of_16 * 16 + of_8 * 8 + (i - of_16 - of_8), 1};
  }

  std::int64_t of_16, of_8, count;
};

/// Calls body.run<W>(first lane) for a group.
template <class Body>
FOVEA_INLINE void with_width(const LaneGroups::Group& group, const Body& body) {
  switch (group.width) {
    case 16:
      return body.template run<16>(group.first);
    case 8:
      return body.template run<8>(group.first);
    default:
      return body.template run<1>(group.first);
  }
}

}  // namespace fovea::onednn
