// Activations in whatever format their input lies.
#include "host/cpu/onednn/activation.h"

#include "host/cpu/onednn/families.h"
#include "host/cpu/onednn/recipe.h"

namespace fovea::onednn {

std::optional<Eltwise> eltwise_of(const Activation& activation) {
  using dnnl::algorithm;
  const auto alpha = static_cast<float>(activation.alpha);
  switch (activation.kind) {
    case Activation::Kind::identity:
      return {};
    case Activation::Kind::relu:
      return Eltwise{algorithm::eltwise_relu, algorithm::eltwise_relu_use_dst_for_bwd};
    case Activation::Kind::leaky_relu:
      return Eltwise{algorithm::eltwise_relu, algorithm::eltwise_relu_use_dst_for_bwd, alpha};
    case Activation::Kind::elu:
      return Eltwise{algorithm::eltwise_elu, algorithm::eltwise_elu_use_dst_for_bwd, alpha};
    case Activation::Kind::sigmoid:
      return Eltwise{algorithm::eltwise_logistic, algorithm::eltwise_logistic_use_dst_for_bwd};
    case Activation::Kind::tanh:
      return Eltwise{algorithm::eltwise_tanh, algorithm::eltwise_tanh_use_dst_for_bwd};
    case Activation::Kind::gelu:
      return Eltwise{algorithm::eltwise_gelu_erf, algorithm::eltwise_gelu_erf};
    case Activation::Kind::silu:
      return Eltwise{algorithm::eltwise_swish, algorithm::eltwise_swish, 1.0F};
    default:
      return {};
  }
  return {};
}

namespace {

Decline no_function() { return {"oneDNN has no such elementwise function"}; }
Decline no_fast_kernel() { return {"oneDNN has only its reference kernel for this activation"}; }

LowerResult activate(const ops::Activate& op, const LowerRequest& request) {
  const auto function = eltwise_of(op.activation);
  if (!function) return no_function();
  const Desc lies = desc_of(request.inputs[0], request.input_layouts[0]);
  const auto desc =
      describe_eltwise(cpu_engine(), recipe_attributes(), function->forward, lies, function->alpha);
  if (is_reference(desc.impl_info_str())) return no_fast_kernel();
  Recipe recipe(request);
  recipe.run<dnnl::eltwise_forward>(
      desc, {{DNNL_ARG_SRC, recipe.input(0, lies)}, {DNNL_ARG_DST, recipe.output(0, lies)}});
  recipe.allow_in_place(0, 0);
  return std::move(recipe).lowering();
}

LowerResult activate_backward(const ops::ActivateBackward& op, const LowerRequest& request) {
  const auto function = eltwise_of(op.activation);
  if (!function) return no_function();
  // The gradient's format, unless only the saved tensor is in one of the library's.
  const std::size_t leader = request.input_layouts[0].plain() ? 1 : 0;
  const Desc lies = desc_of(request.inputs[leader], request.input_layouts[leader]);
  const auto hint = describe_eltwise(cpu_engine(), {}, function->backward, lies, function->alpha);
  const auto desc = describe_eltwise_backward(cpu_engine(), recipe_attributes(), hint,
                                              function->backward, lies, function->alpha);
  if (is_reference(desc.impl_info_str())) return no_fast_kernel();
  const int saved =
      ops::ActivateBackward::saves_input(op.activation.kind) ? DNNL_ARG_SRC : DNNL_ARG_DST;
  Recipe recipe(request);
  recipe.run<dnnl::eltwise_backward>(desc, {{DNNL_ARG_DIFF_DST, recipe.input(0, lies)},
                                            {saved, recipe.input(1, lies)},
                                            {DNNL_ARG_DIFF_SRC, recipe.output(0, lies)}});
  recipe.allow_in_place(0, 0);
  return std::move(recipe).lowering();
}

}  // namespace

void add_activations(KernelTable& table) {
  table.add<ops::Activate>(kLibrary, guarded(activate));
  table.add<ops::ActivateBackward>(kLibrary, guarded(activate_backward));
}

}  // namespace fovea::onednn
