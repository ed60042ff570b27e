#include "host/cpu/table.h"

#include "host/base/plugin.h"
#include "host/cpu/reference/kernels.h"

namespace fovea {

std::string fill_cpu_table(KernelTable& table) {
  cpu::add_thin_matmul(table);
  cpu::add_thin_conv(table);
  const Plugin onednn = open_plugin("onednn", "fovea_onednn_register");
  std::string found = onednn.problem;
  if (onednn.symbol != nullptr) {
    found = reinterpret_cast<const char* (*)(KernelTable&)>(onednn.symbol)(table);  // NOLINT
  }
  cpu::add_reference_conv(table);
  cpu::add_reference_matmul(table);
  cpu::add_reference_pool(table);
  cpu::add_reference_norm(table);
  cpu::add_reference_basic(table);
  cpu::add_reference_activation(table);
  cpu::add_reference_loss(table);
  cpu::add_reference_row_loss(table);
  cpu::add_reference_update(table);
  cpu::add_reference_optimizers(table);
  cpu::add_reference_loss_scale(table);
  cpu::add_reference_data(table);
  cpu::add_reference_statistics(table);
  return found;
}

}  // namespace fovea
