// What a block of a launch over a SegmentTable asks first.
#pragma once

#include "kernels/segments.h"

namespace fovea::kernels {

/// The segment of this block: the last whose first block is not behind it (so segments of no
/// elements are nobody's).
template <class Table>
__device__ __forceinline__ int segment_of_block(const Table& table) {
  int low = 0;
  int high = table.segments - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (table.first_block[middle] <= blockIdx.x) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

}  // namespace fovea::kernels
