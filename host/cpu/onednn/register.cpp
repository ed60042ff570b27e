// The plug-in's one entry: libfovea opens libfovea_onednn.so and calls this before it adds its own
// plain kernels, so that these come first. Returns the library's name and version.
#include <string>

#include "fovea/export.h"
#include "host/cpu/onednn/compat.h"
#include "host/cpu/onednn/families.h"

extern "C" FOVEA_API const char* fovea_onednn_register(fovea::KernelTable& table);

const char* fovea_onednn_register(fovea::KernelTable& table) {
  using namespace fovea::onednn;
  add_convolutions(table);
  add_matrix_products(table);
  add_activations(table);
  add_movement(table);
  add_pooling(table);
  add_normalization(table);
  add_arithmetic(table);
  static const std::string found = [] {
    const dnnl_version_t& version = *dnnl_version();
    return "oneDNN " + std::to_string(version.major) + "." + std::to_string(version.minor) + "." +
           std::to_string(version.patch);
  }();
  return found.c_str();
}
