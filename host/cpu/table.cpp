#include "host/cpu/table.h"

#include "host/base/plugin.h"
#include "host/cpu/reference/kernels.h"

namespace fovea {

std::string fill_cpu_table(KernelTable& table) {
  const Plugin onednn = open_plugin("onednn", "fovea_onednn_register");
  if (onednn.symbol != nullptr) {
    reinterpret_cast<void (*)(KernelTable&)>(onednn.symbol)(table);  // NOLINT
  }
  add_reference_conv(table);
  add_reference_matmul(table);
  add_reference_pool(table);
  add_reference_norm(table);
  add_reference_basic(table);
  add_reference_activation(table);
  add_reference_loss(table);
  add_reference_update(table);
  return onednn.detail;
}

}  // namespace fovea
