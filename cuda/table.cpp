// What runs where: the first candidate to accept is used.
#include "cuda/table.h"

#include "cuda/bind.h"

namespace fovea::cuda {

void fill_table(KernelTable& table) {
  bind_activation(table);
  bind_norm(table);
  bind_update(table);
}

std::string declines_by_type(const LowerRequest& request) {
  for (const auto& types : {request.inputs, request.outputs}) {
    for (const ValueType& type : types) {
      if (!is_floating(type.dtype)) continue;
      if (type.dtype != DType::f64) return {};
      return "CUDA kernels compute in f32, f16 and bf16; use the CPU for f64";
    }
  }
  return {};
}

}  // namespace fovea::cuda
