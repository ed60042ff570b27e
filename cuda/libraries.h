// NVIDIA's libraries, where they were found at run time.
#pragma once

#include <memory>
#include <string>

#include "cuda/device_properties.h"

namespace fovea::cuda {

namespace cudnn {
class PlanCache;
class Target;
}  // namespace cudnn
namespace cublaslt {
class Handle;
}

/// What one device has of them. Kernels share ownership of what they use.
struct Libraries {
  std::shared_ptr<cudnn::Target> cudnn;  ///< null: not used
  std::string cudnn_problem;             ///< why not
  /// Which of cuDNN's engines were chosen by earlier processes; null: chosen each time.
  std::shared_ptr<cudnn::PlanCache> cudnn_plans;
  std::shared_ptr<const cublaslt::Handle> cublaslt;
  std::string cublaslt_problem;
  std::string versions;  ///< of those that are used: ", cuDNN 91900, cuBLASLt 130000"
};

/// Opens what there is for the calling thread's current device, or, for cuDNN, the device that
/// `device` describes. Never throws for what is missing. FOVEA_DISABLE_PLUGINS=cudnn,cublaslt turns
/// them off.
Libraries open_libraries(const DeviceProperties& device);

/// Writes down for later processes what was chosen, where that can be done.
void save_choices(const Libraries& libraries) noexcept;

}  // namespace fovea::cuda
