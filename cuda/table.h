// The CUDA device's kernel table.
#pragma once

#include "cuda/libraries.h"
#include "fovea/kernel.h"

namespace fovea::cuda {

/// What candidates need to know besides the op.
struct TableOptions {
  /// Null: none are used, as on the host, where tests run the kernels.
  const Libraries* libraries = nullptr;
  int sm = 0;  ///< the device's compute capability, such as 90; 0: none
  std::int64_t workspace_limit_bytes = std::int64_t{256} << 20;  ///< for one kernel
};

void fill_table(KernelTable& table, const TableOptions& options = {});

}  // namespace fovea::cuda
