// The handle of a model.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "fovea/model.h"
#include "host/c_api/handles.h"

struct fovea_model : fovea::c_api::Handle<fovea_model> {
  static constexpr const char* kName = "fovea_model";
  static constexpr std::uint64_t kTag = fovea::c_api::handle_tag(5);
  explicit fovea_model(fovea::Model model)
      : value(std::move(model)),
        weights(value.network().parameters()),
        device(value.device_name()) {}

  fovea::Model value;
  std::vector<fovea::ParameterRecord> weights;
  std::string device;
  bool in_fit = false;  ///< a callback must not free it, nor begin another fit()
};
