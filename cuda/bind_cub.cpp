// CUB, as a rival of our own reductions.
#include <limits>

#include "cuda/bind.h"
#include "cuda/cub_reduction.h"
#include "fovea/ops/basic.h"

namespace fovea::cuda {
namespace {

cudaError_t reduce(const ops::Mean&, void* workspace, std::size_t& workspace_bytes,
                   cudaStream_t stream, const ValueType& x_type, const void* x, void* y) {
  return cub_mean(workspace, workspace_bytes, stream, x_type.dtype, x, y, x_type.shape.numel());
}

cudaError_t reduce(const ops::WeightPenalty& op, void* workspace, std::size_t& workspace_bytes,
                   cudaStream_t stream, const ValueType& x_type, const void* x, void* y) {
  return cub_weight_penalty(workspace, workspace_bytes, stream, x_type.dtype,
                            static_cast<float>(op.l1), static_cast<float>(op.l2), x, y,
                            x_type.shape.numel());
}

/// CUB says how much workspace it needs by looking at the current GPU.
template <class DerivedOp>
LowerResult lower(const DerivedOp& op, const LowerRequest& request) {
  std::string reason = declines_by_type(request);
  const std::int64_t count = request.inputs[0].shape.numel();
  if (count == 0 || count > std::numeric_limits<int>::max())
    reason = "it sums 1 to 2^31 - 1 numbers";
  if (!reason.empty()) return Decline{reason};
  std::size_t bytes = 0;
  const cudaError_t status =
      reduce(op, nullptr, bytes, nullptr, request.inputs[0], nullptr, nullptr);
  if (status != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    return Decline{cudaGetErrorString(status)};
  }
  Lowering lowering;
  lowering.workspace_bytes = static_cast<std::int64_t>(bytes);
  lowering.kernel = make_kernel([op, bytes](const KernelContext& context) {
    std::size_t workspace_bytes = bytes;
    check(reduce(op, context.workspace(), workspace_bytes, stream_of(context),
                 context.input_type(0), context.input(0), context.output(0)),
          DerivedOp::kName);
  });
  return lowering;
}

}  // namespace

void bind_cub(KernelTable& table) {
  table.add<ops::Mean>("cub", lower<ops::Mean>);
  table.add<ops::WeightPenalty>("cub", lower<ops::WeightPenalty>);
}

}  // namespace fovea::cuda
