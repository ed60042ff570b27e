// What runs where: the first candidate to accept is used.
#include "cuda/table.h"

#include "cuda/bind.h"

namespace fovea::cuda {

void fill_table(KernelTable& table, [[maybe_unused]] const TableOptions& options) {
#ifdef FOVEA_HAS_CUDNN
  bind_cudnn(table, options);
#endif
#ifdef FOVEA_HAS_CUBLASLT
  bind_cublaslt(table, options);
#endif
  bind_conv(table);
  bind_matmul(table);
  bind_bias(table);
  bind_norm(table);
  bind_pool(table);
  bind_basic(table);
  bind_cast(table);
  bind_activation(table);
  bind_loss(table);
  bind_loss_scale(table);
  bind_update(table);
  bind_data(table);
  bind_thrust(table);
#ifndef FOVEA_KERNELS_ON_HOST
  bind_cub(table);
#endif
}

}  // namespace fovea::cuda
