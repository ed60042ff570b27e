// The plug-in's one entry: libfovea opens libfovea_onednn.so and calls this before it adds its own
// plain kernels, so that these come first. Returns the library's name and version.
#include <string>

#include "fovea/export.h"
#include "host/cpu/onednn/compat.h"
#include "host/cpu/onednn/families.h"

extern "C" FOVEA_API const char* fovea_onednn_register(fovea::KernelTable& table);

const char* fovea_onednn_register(fovea::KernelTable& table) {
  namespace onednn = fovea::onednn;
  onednn::add_convolutions(table);
  onednn::add_matrix_products(table);
  onednn::add_activations(table);
  onednn::add_movement(table);
  onednn::add_pooling(table);
  onednn::add_normalization(table);
  onednn::add_arithmetic(table);
  static const std::string found = [] {
    const dnnl_version_t& version = *dnnl_version();
    return "oneDNN " + std::to_string(version.major) + "." + std::to_string(version.minor) + "." +
           std::to_string(version.patch);
  }();
  return found.c_str();
}
