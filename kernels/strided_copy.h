// Copies of rows that lie apart in memory, which concatenating, slicing and padding come down to.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace fovea::kernels {

/// What a row is copied from and to, in bytes. The rows begin `from_stride` and `to_stride` bytes
/// from each other. A written row is `zeros_before` zeros, the `size` bytes that it has from the
/// source, `zeros_after` zeros.
struct RowCopy {
  std::int64_t rows = 0;
  const void* from = nullptr;
  std::int64_t from_stride = 0;
  void* to = nullptr;
  std::int64_t to_stride = 0;
  std::int64_t zeros_before = 0, size = 0, zeros_after = 0;
};

/// The two memories don't overlap; addresses, strides and sizes need no alignment, but a common
/// factor of up to 16 bytes makes it faster.
cudaError_t copy_rows(cudaStream_t stream, const RowCopy& copy);

}  // namespace fovea::kernels
