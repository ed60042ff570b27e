// The plug-in's one entry: libfovea opens libfovea_onednn.so and calls this before it adds its own
// plain kernels, so that these come first.
#include "fovea/export.h"
#include "host/cpu/onednn/families.h"

extern "C" FOVEA_API void fovea_onednn_register(fovea::KernelTable& table);

void fovea_onednn_register(fovea::KernelTable& table) {
  using namespace fovea::onednn;
  add_convolutions(table);
  add_matrix_products(table);
  add_activations(table);
  add_movement(table);
  add_pooling(table);
  add_normalization(table);
  add_arithmetic(table);
}
