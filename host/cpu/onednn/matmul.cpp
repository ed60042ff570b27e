// Matrix products. Matrices stay plain, but for weights that never change; transposing is a matter
// of strides.
#include "fovea/ops/matmul.h"

#include "host/cpu/onednn/activation.h"
#include "host/cpu/onednn/families.h"
#include "host/cpu/onednn/recipe.h"

namespace fovea::onednn {
namespace {

constexpr auto kF32 = dnnl::memory::data_type::f32;

Desc matrix(const Shape& shape, bool transposed) {
  return transposed ? Desc({shape[1], shape[0]}, kF32, Tag::ba)
                    : Desc({shape[0], shape[1]}, kF32, Tag::ab);
}

/// The operands are inputs 0 and 1; input 2, where there is one, is the bias.
LowerResult product(const LowerRequest& request, bool transpose_a, bool transpose_b,
                    const Activation& activation) {
  if (!has_activation(activation)) return Decline{"oneDNN has no such activation"};
  const Desc a = matrix(request.inputs[0].shape, transpose_a);
  const Desc b = matrix(request.inputs[1].shape, transpose_b);
  const Desc c = matrix(request.outputs[0].shape, false);
  const bool biased = request.inputs.size() > 2;
  const Desc bias = biased ? Desc({1, request.inputs[2].shape[0]}, kF32, Tag::ab) : Desc();
  dnnl::primitive_attr attributes = recipe_attributes();
  if (const auto function = eltwise_of(activation)) {
    dnnl::post_ops operations;
    append_eltwise(operations, function->forward, function->alpha);
    attributes.set_post_ops(operations);
  }
  const bool any_format = is_constant(request, 1) && !transpose_b;
  const Desc wanted_b = any_format ? Desc(dims_of(request.inputs[1].shape), kF32, Tag::any) : b;
  const auto desc = describe<dnnl::matmul>(cpu_engine(), attributes, a, wanted_b, bias, c);
  if (is_reference(desc.impl_info_str())) {
    return Decline{"oneDNN has only its reference kernel for this product"};
  }
  Recipe recipe(request);
  Recipe::Arguments arguments = {{DNNL_ARG_SRC, recipe.plain_input(0, a, a)},
                                 {DNNL_ARG_WEIGHTS, recipe.plain_input(1, b, desc.weights_desc())},
                                 {DNNL_ARG_DST, recipe.output(0, c)}};
  if (biased) arguments.emplace_back(DNNL_ARG_BIAS, recipe.plain_input(2, bias, bias));
  recipe.run<dnnl::matmul>(desc, arguments);
  return std::move(recipe).lowering();
}

LowerResult matmul(const ops::MatMul& op, const LowerRequest& request) {
  return product(request, op.transpose_a, op.transpose_b, {});
}

LowerResult matmul_bias_act(const ops::MatMulBiasAct& op, const LowerRequest& request) {
  return product(request, false, false, op.activation);
}

}  // namespace

void add_matrix_products(KernelTable& table) {
  table.add<ops::MatMul>(kLibrary, guarded(matmul));
  table.add<ops::MatMulBiasAct>(kLibrary, guarded(matmul_bias_act));
}

}  // namespace fovea::onednn
