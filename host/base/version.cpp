#include "fovea/version.h"

namespace fovea {

std::string version() { return FOVEA_VERSION; }

std::string compiler() {
#ifdef __clang__
  return std::string("clang++ ") + __clang_version__;
#else
  return std::string("g++ ") + __VERSION__;
#endif
}

}  // namespace fovea
