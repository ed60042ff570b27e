// What is known of a GPU before anything runs on it.
#pragma once

#include <string>

namespace fovea::cuda {

struct DeviceProperties {
  std::string name;  ///< "NVIDIA H100 80GB HBM3"
  int sm = 0;        ///< compute capability: 90 for 9.0, 120 for 12.0
  /// How cuDNN describes the device, for work on plans where the device is absent (the format of
  /// CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION). Empty: the current device, which is present.
  std::string cudnn_json = {};
};

}  // namespace fovea::cuda
