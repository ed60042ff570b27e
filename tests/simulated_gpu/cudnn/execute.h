// From an execution plan and a variant pack to work in a stream.
#pragma once

#include "tests/simulated_gpu/cudnn/descriptor.h"

namespace simulated_gpu::cudnn {

void execute(cudnnHandle_t handle, cudaStream_t stream, const ContentPtr& plan,
             const ContentPtr& pack);

}  // namespace simulated_gpu::cudnn
