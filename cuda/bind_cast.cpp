// Conversions between floating types on CUDA.
#include "cuda/bind.h"
#include "fovea/ops/basic.h"
#include "kernels/cast.h"

namespace fovea::cuda {
namespace {

cudaError_t cast(const ops::Cast& op, const KernelContext& context) {
  const ValueType& x = context.input_type(0);
  return kernels::cast(stream_of(context), x.dtype, context.input(0), op.dtype, context.output(0),
                       x.shape.numel());
}

std::string declines_cast(const ops::Cast& op, const LowerRequest& request) {
  if (request.inputs[0].dtype != DType::f64 && op.dtype != DType::f64) return {};
  return "CUDA kernels convert between f32, f16 and bf16; use the CPU for f64";
}

}  // namespace

void bind_cast(KernelTable& table) {
  table.add<ops::Cast>("cuda", bind<ops::Cast>(cast, {{}, nullptr, declines_cast}));
}

}  // namespace fovea::cuda
