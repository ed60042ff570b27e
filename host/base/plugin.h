// Plug-ins: parts of the library that need another library, opened on first use.
#pragma once

#include <string>

#include "fovea/export.h"

namespace fovea {

struct Plugin {
  void* symbol = nullptr;  ///< null when the plug-in cannot be used
  std::string problem;     ///< why it is not used
};

/// Whether FOVEA_DISABLE_PLUGINS=name,name turns off the part of that name.
FOVEA_INTERNAL bool plugin_disabled(const std::string& name);

/// Opens libfovea_<name>.so from the folder of libfovea.so and looks up `symbol`. Plug-ins stay
/// loaded.
FOVEA_INTERNAL Plugin open_plugin(const std::string& name, const char* symbol);

}  // namespace fovea
