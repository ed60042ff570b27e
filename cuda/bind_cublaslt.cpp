// Matrix products on cuBLASLt.
#include "cuda/bind.h"
#include "cuda/cublaslt/matmul.h"
#include "fovea/error.h"
#include "fovea/ops/matmul.h"

namespace fovea::cuda {
namespace {

/// A product, and what a table knows of how to compute it.
struct Cublaslt {
  std::shared_ptr<const cublaslt::Handle> handle;  // null: declines
  std::string problem;
  bool allow_tf32 = false;
  std::int64_t workspace_limit_bytes = 0;

  LowerResult lower(cublaslt::Product product) const {
    if (handle == nullptr) return Decline{problem};
    if (product.rows == 0 || product.inner == 0 || product.columns == 0) {
      return Decline{"an empty product"};
    }
    product.allow_tf32 = allow_tf32;
    product.workspace_limit_bytes = workspace_limit_bytes;
    try {
      auto matmul = std::make_unique<cublaslt::Matmul>(handle, product);
      Lowering lowering;
      lowering.workspace_bytes = matmul->workspace_bytes();
      lowering.kernel =
          make_kernel([matmul = std::move(matmul), bias = product.bias](const KernelContext& c) {
            matmul->run(c.input(0), c.input(1), bias ? c.input(2) : nullptr, c.output(0),
                        c.workspace(), stream_of(c));
          });
      return lowering;
    } catch (const Error& error) {
      return Decline{error.what()};
    }
  }
};

}  // namespace

void bind_cublaslt(KernelTable& table, const TableOptions& options) {
  Cublaslt library{nullptr, "no libraries are used on this device", options.allow_tf32,
                   options.workspace_limit_bytes};
  if (options.libraries != nullptr) {
    library.handle = options.libraries->cublaslt;
    library.problem = options.libraries->cublaslt_problem;
  }
  table.add<ops::MatMul>("cublaslt", [library](const ops::MatMul& op, const LowerRequest& request) {
    const Shape& a = request.inputs[0].shape;
    const Shape& c = request.outputs[0].shape;
    cublaslt::Product product{request.inputs[0].dtype, c[0], a[op.transpose_a ? 0 : 1], c[1]};
    product.transpose_a = op.transpose_a;
    product.transpose_b = op.transpose_b;
    return library.lower(product);
  });
  table.add<ops::MatMulBiasAct>(
      "cublaslt",
      [library](const ops::MatMulBiasAct& op, const LowerRequest& request) -> LowerResult {
        using Kind = Activation::Kind;
        if (op.activation.kind != Kind::identity && op.activation.kind != Kind::relu) {
          return Decline{"cuBLASLt fuses a bias and relu only"};
        }
        const Shape& x = request.inputs[0].shape;
        cublaslt::Product product{request.inputs[0].dtype, x[0], x[1], request.outputs[0].shape[1]};
        product.bias = true;
        product.relu = op.activation.kind == Kind::relu;
        return library.lower(product);
      });
}

}  // namespace fovea::cuda
