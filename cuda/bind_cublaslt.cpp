// Matrix products on cuBLASLt, and the convolutions that are matrix products: with 1x1 windows that
// neither skip nor pad, each pixel's channels are multiplied by one matrix.
#include "cuda/bind.h"
#include "cuda/cublaslt/matmul.h"
#include "fovea/error.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/matmul.h"

namespace fovea::cuda {
namespace {

/// Which inputs of the op are a product's left and right matrix.
struct Operands {
  std::size_t a = 0, b = 1;
};

/// What a table knows of cuBLASLt.
struct Cublaslt {
  std::shared_ptr<const cublaslt::Handle> handle;  // null: declines
  std::string problem;
  std::int64_t workspace_limit_bytes = 0;

  /// A bias is the op's input 2, its gradient the output 1.
  LowerResult lower(cublaslt::Product product, const LowerRequest& request,
                    Operands operands = {}) const {
    if (handle == nullptr) return Decline{problem};
    if (product.rows == 0 || product.inner == 0 || product.columns == 0) {
      return Decline{"an empty product"};
    }
    product.allow_tf32 = request.allow_tf32;
    product.workspace_limit_bytes = workspace_limit_bytes;
    try {
      auto matmul = std::make_unique<cublaslt::Matmul>(handle, product, request.variant);
      Lowering lowering;
      lowering.workspace_bytes = matmul->workspace_bytes();
      lowering.variants = cublaslt::kMaxVariants;
      lowering.kernel =
          make_kernel([matmul = std::move(matmul), product, operands](const KernelContext& c) {
            const void* bias = product.bias            ? c.input(2)
                               : product.bias_gradient ? c.output(1)
                                                       : nullptr;
            matmul->run(c.input(operands.a), c.input(operands.b), bias, c.output(0), c.workspace(),
                        stream_of(c));
          });
      return lowering;
    } catch (const Error& error) {
      return Decline{error.what()};
    }
  }
};

bool is_relu_or_identity(const Activation& activation) {
  return activation.kind == Activation::Kind::identity || activation.kind == Activation::Kind::relu;
}

LowerResult product_of(const Cublaslt& library, const ops::MatMul& op, const LowerRequest& r) {
  const Shape& a = r.inputs[0].shape;
  const Shape& c = r.outputs[0].shape;
  cublaslt::Product product{r.inputs[0].dtype, c[0], a[op.transpose_a ? 0 : 1], c[1]};
  product.transpose_a = op.transpose_a;
  product.transpose_b = op.transpose_b;
  return library.lower(product, r);
}

LowerResult product_of(const Cublaslt& library, const ops::MatMulBiasAct& op,
                       const LowerRequest& r) {
  if (!is_relu_or_identity(op.activation)) return Decline{"cuBLASLt fuses a bias and relu only"};
  const Shape& x = r.inputs[0].shape;
  cublaslt::Product product{r.inputs[0].dtype, x[0], x[1], r.outputs[0].shape[1]};
  product.bias = true;
  product.relu = op.activation.kind == Activation::Kind::relu;
  return library.lower(product, r);
}

LowerResult product_of(const Cublaslt& library, const ops::MatMulBackwardWeightBias&,
                       const LowerRequest& r) {
  const Shape& x = r.inputs[0].shape;
  cublaslt::Product product{r.inputs[0].dtype, x[1], x[0], r.inputs[1].shape[1]};
  product.transpose_a = true;
  product.bias_gradient = true;
  return library.lower(product, r);
}

/// Why a convolution of pictures `x` with weights `w` is not one matrix product, or empty.
std::string not_a_product(const ops::ConvAttributes& attributes, const Shape& x, const Shape& w) {
  const WindowGeometry g = attributes.geometry({x.h(), x.w()}, {w[1], w[2]});
  const bool pads = g.pad_top != 0 || g.pad_bottom != 0 || g.pad_left != 0 || g.pad_right != 0;
  if (g.kernel != Size2(1) || g.stride != Size2(1) || pads || attributes.groups != 1) {
    return "only a 1x1 convolution of stride 1 without padding and groups is a matrix product";
  }
  return {};
}

std::int64_t pixels(const Shape& picture) { return picture.n() * picture.h() * picture.w(); }

/// y (pixels, K) = x (pixels, C) w (K, C)^T.
cublaslt::Product forward_product(const ValueType& x, const Shape& w) {
  cublaslt::Product product{x.dtype, pixels(x.shape), w.c(), w.n()};
  product.transpose_b = true;
  return product;
}

LowerResult product_of(const Cublaslt& library, const ops::Conv2d& op, const LowerRequest& r) {
  std::string reason = not_a_product(op, r.inputs[0].shape, r.inputs[1].shape);
  if (!reason.empty()) return Decline{std::move(reason)};
  return library.lower(forward_product(r.inputs[0], r.inputs[1].shape), r);
}

LowerResult product_of(const Cublaslt& library, const ops::Conv2dBiasAct& op,
                       const LowerRequest& r) {
  std::string reason = not_a_product(op, r.inputs[0].shape, r.inputs[1].shape);
  if (!reason.empty()) return Decline{std::move(reason)};
  if (op.residual || !is_relu_or_identity(op.activation)) {
    return Decline{"cuBLASLt fuses a bias and relu only"};
  }
  cublaslt::Product product = forward_product(r.inputs[0], r.inputs[1].shape);
  product.bias = true;
  product.relu = op.activation.kind == Activation::Kind::relu;
  return library.lower(product, r);
}

/// dx (pixels, C) = dy (pixels, K) w (K, C).
LowerResult product_of(const Cublaslt& library, const ops::Conv2dBackwardData& op,
                       const LowerRequest& r) {
  const Shape& w = r.inputs[1].shape;
  std::string reason = not_a_product(op, r.outputs[0].shape, w);
  if (!reason.empty()) return Decline{std::move(reason)};
  return library.lower({r.inputs[0].dtype, pixels(r.inputs[0].shape), w.n(), w.c()}, r);
}

/// dw (K, C) = dy (pixels, K)^T x (pixels, C).
LowerResult product_of(const Cublaslt& library, const ops::Conv2dBackwardFilter& op,
                       const LowerRequest& r) {
  const Shape& w = r.outputs[0].shape;
  std::string reason = not_a_product(op, r.inputs[0].shape, w);
  if (!reason.empty()) return Decline{std::move(reason)};
  cublaslt::Product product{r.inputs[0].dtype, w.n(), pixels(r.inputs[0].shape), w.c()};
  product.transpose_a = true;
  return library.lower(product, r, {1, 0});
}

template <class DerivedOp>
void add_product(KernelTable& table, const Cublaslt& library) {
  table.add<DerivedOp>("cublaslt", [library](const DerivedOp& op, const LowerRequest& request) {
    return product_of(library, op, request);
  });
}

}  // namespace

void bind_cublaslt(KernelTable& table, const TableOptions& options) {
  Cublaslt library{nullptr, "no libraries are used on this device", options.workspace_limit_bytes};
  if (options.libraries != nullptr) {
    library.handle = options.libraries->cublaslt;
    library.problem = options.libraries->cublaslt_problem;
  }
  add_product<ops::MatMul>(table, library);
  add_product<ops::MatMulBiasAct>(table, library);
  add_product<ops::MatMulBackwardWeightBias>(table, library);
  add_product<ops::Conv2d>(table, library);
  add_product<ops::Conv2dBackwardData>(table, library);
  add_product<ops::Conv2dBackwardFilter>(table, library);
  add_product<ops::Conv2dBiasAct>(table, library);
}

}  // namespace fovea::cuda
