// The CUDA device's kernel table.
#pragma once

#include "fovea/kernel.h"

namespace fovea::cuda {

void fill_table(KernelTable& table);

}  // namespace fovea::cuda
