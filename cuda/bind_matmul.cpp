// Matrix products on CUDA.
#include "cuda/bind.h"
#include "fovea/ops/matmul.h"
#include "kernels/matmul.h"

namespace fovea::cuda {
namespace {

using kernels::MatmulShape;

MatmulShape shape_of(const ops::MatMul& op, const Shape& a, const Shape& b) {
  return {.rows = a[op.transpose_a ? 1 : 0],
          .columns = b[op.transpose_b ? 0 : 1],
          .inner = a[op.transpose_a ? 0 : 1],
          .transpose_a = op.transpose_a,
          .transpose_b = op.transpose_b};
}
MatmulShape shape_of(const ops::MatMulBiasAct&, const Shape& x, const Shape& w) {
  return {.rows = x[0], .columns = w[1], .inner = x[1]};
}

kernels::Epilogue epilogue_of(const ops::MatMul&, const KernelContext&) { return {}; }
kernels::Epilogue epilogue_of(const ops::MatMulBiasAct& op, const KernelContext& context) {
  return {.bias = context.input(2), .function = function_of(op.activation)};
}

template <class DerivedOp>
MatmulShape shape_of(const DerivedOp& op, const LowerRequest& request) {
  return shape_of(op, request.inputs[0].shape, request.inputs[1].shape);
}
template <class DerivedOp>
MatmulShape shape_of(const DerivedOp& op, const KernelContext& context) {
  return shape_of(op, context.input_shape(0), context.input_shape(1));
}

template <class DerivedOp>
cudaError_t run_simple(const DerivedOp& op, const KernelContext& context) {
  return kernels::matmul_simple(stream_of(context), shape_of(op, context),
                                context.input_type(0).dtype, context.input(0), context.input(1),
                                epilogue_of(op, context), context.output(0), context.workspace());
}

/// A launcher's reason, behind that of the types.
std::string declines(const LowerRequest& request, const char* reason) {
  std::string by_type = declines_by_type(request);
  if (!by_type.empty() || reason == nullptr) return by_type;
  return reason;
}

template <class DerivedOp>
LowerResult lower_gemm(const DerivedOp& op, const LowerRequest& request) {
  const MatmulShape shape = shape_of(op, request);
  std::string reason = declines(request, kernels::matmul_gemm_declines(shape));
  if (!reason.empty()) return Decline{std::move(reason)};
  const auto choices = kernels::matmul_gemm_choices(shape, request.inputs[0].dtype);
  const auto variant = static_cast<std::size_t>(request.variant);
  if (variant >= choices.size()) return Decline{"there is no such variant"};
  const kernels::GemmChoice choice = choices[variant];
  Lowering lowering;
  lowering.kernel = make_kernel([op, shape, choice](const KernelContext& context) {
    check(kernels::matmul_gemm(stream_of(context), shape, context.input_type(0).dtype,
                               context.allow_tf32(), choice, context.input(0), context.input(1),
                               epilogue_of(op, context), context.output(0), context.workspace()),
          DerivedOp::kName);
  });
  lowering.workspace_bytes = kernels::matmul_gemm_workspace_bytes(shape, choice);
  lowering.variants = static_cast<int>(choices.size());
  return lowering;
}

template <class DerivedOp>
void bind_product(KernelTable& table) {
  BindOptions<DerivedOp> simple;
  simple.workspace_bytes = [](const DerivedOp& op, const LowerRequest& request) {
    return kernels::matmul_simple_workspace_bytes(shape_of(op, request));
  };
  simple.declines = [](const DerivedOp& op, const LowerRequest& request) {
    return declines(request, kernels::matmul_simple_declines(shape_of(op, request)));
  };
  table.add<DerivedOp>("gemm", lower_gemm<DerivedOp>);
  table.add<DerivedOp>("simple", bind<DerivedOp>(run_simple<DerivedOp>, simple));
}

}  // namespace

void bind_matmul(KernelTable& table) {
  bind_product<ops::MatMul>(table);
  bind_product<ops::MatMulBiasAct>(table);
}

}  // namespace fovea::cuda
