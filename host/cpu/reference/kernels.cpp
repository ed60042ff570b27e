// How the reference kernels choose between float and double.
#include "host/cpu/reference/kernels.h"

#include <string>

namespace fovea::cpu::detail {

DType computing_type(const LowerRequest& request, int type_input) {
  if (type_input >= 0) return request.inputs[static_cast<std::size_t>(type_input)].dtype;
  for (const ValueType& type : request.inputs) {
    if (is_floating(type.dtype)) return type.dtype;
  }
  for (const ValueType& type : request.outputs) {
    if (is_floating(type.dtype)) return type.dtype;
  }
  return request.inputs.empty() ? request.outputs[0].dtype : request.inputs[0].dtype;
}

std::string decline_reason(DType dtype) {
  return "the CPU has no " + std::string(dtype_name(dtype)) + " kernels; use --precision f32";
}

}  // namespace fovea::cpu::detail
