// Many tensors of any sizes in one launch: a table of them that travels in the kernel's arguments,
// so that no copy to the device comes first.
#pragma once

#include <cstdint>

#include "kernels/launch.h"

namespace fovea::kernels {

/// Segments, each with `Tensors` (the pointers to arrays of one size) and that size. Segment s is
/// the work of blocks [first_block[s], first_block[s + 1]), kPerBlock elements each. CUDA passes
/// 4 KiB of arguments on every GPU: the table leaves some for others.
template <class Tensors, int kPerBlock>
struct SegmentTable {
  static constexpr int kElementsPerBlock = kPerBlock;
  static constexpr int kCapacity =
      3900 / static_cast<int>(sizeof(Tensors) + sizeof(std::int64_t) + sizeof(unsigned));

  Tensors tensors[kCapacity] = {};
  std::int64_t count[kCapacity] = {};
  unsigned first_block[kCapacity] = {};
  int segments = 0;
  unsigned blocks = 0;

  bool full() const { return segments == kCapacity; }
  /// Precondition: the table is not full.
  void add(const Tensors& pointers, std::int64_t elements) {
    tensors[segments] = pointers;
    count[segments] = elements;
    first_block[segments] = blocks;
    blocks += blocks_for(elements, kPerBlock);
    ++segments;
  }
};

/// What is read and what is written, in f32, aligned to 16 bytes.
struct TensorPair {
  const float* x;
  float* y;
};
using PairTable = SegmentTable<TensorPair, 1024>;

/// The same with two that are read.
struct TensorTriple {
  const float* x;
  const float* z;
  float* y;
};
using TripleTable = SegmentTable<TensorTriple, 1024>;

}  // namespace fovea::kernels
