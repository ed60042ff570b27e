// What a descriptor must make sense of when it is finalized, and what it then tells.
#pragma once

#include "tests/simulated_gpu/cudnn/descriptor.h"

namespace simulated_gpu::cudnn {

/// All required attributes are there, and what they refer to is finalized. Adds the outputs.
void check_and_complete(Content& content);

}  // namespace simulated_gpu::cudnn
