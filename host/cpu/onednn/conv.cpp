// Convolutions. oneDNN chooses the formats of pictures and weights (its blocked ones are far faster
// than plain ones). Weights that change between runs stay plain in the plan and are reordered in
// each of them, which takes a few microseconds.
#include "fovea/ops/conv.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "host/cpu/onednn/activation.h"
#include "host/cpu/onednn/families.h"
#include "host/cpu/onednn/recipe.h"

namespace fovea::onednn {
namespace {

/// A convolution's tensors and window in oneDNN's terms.
struct Problem {
  ValueType x, y;
  Desc any_weights, plain_weights;
  Desc bias;
  Dims strides, dilations, pads_before, pads_after;
  bool dense_3x3;  ///< a 3x3 window that moves by single cells, all channels in one group
};

/// `weights` is (K, R, S, C / groups); with groups, oneDNN wants (groups, K / groups, ...).
Problem problem_of(const ops::ConvAttributes& attributes, const ValueType& x,
                   const ValueType& weights, const ValueType& y) {
  const Shape& w = weights.shape;
  const WindowGeometry geometry =
      attributes.geometry({x.shape.h(), x.shape.w()}, Size2{w[1], w[2]});
  Dims dims = {w[0], w[3], w[1], w[2]};
  Dims strides = {w[1] * w[2] * w[3], 1, w[2] * w[3], w[3]};
  if (attributes.groups > 1) {
    const std::int64_t filters = w[0] / attributes.groups;
    dims[0] = filters;
    dims.insert(dims.begin(), attributes.groups);
    strides.insert(strides.begin(), filters * strides[0]);
  }
  const auto f32 = dnnl::memory::data_type::f32;
  return {x,
          y,
          Desc(dims, f32, Tag::any),
          Desc(dims, f32, strides),
          Desc({w[0]}, f32, Tag::a),
          {geometry.stride.h, geometry.stride.w},
          {geometry.dilation.h - 1, geometry.dilation.w - 1},
          {geometry.pad_top, geometry.pad_left},
          {geometry.pad_bottom, geometry.pad_right},
          geometry.kernel == Size2(3) && geometry.stride == Size2(1) &&
              geometry.dilation == Size2(1) && attributes.groups == 1};
}

using Algorithm = dnnl::algorithm;

/// From where on Winograd's F(4x4, 3x3) is the faster algorithm for a pass, as measured. It
/// multiplies a quarter as often as the direct one and is as accurate here (1e-6 of the result's
/// norm), but transforms every 4x4 tile before and after: it pays where channels are many, tiles
/// not few, and most of their cells inside the picture. (oneDNN's own choice, convolution_auto,
/// takes it for convolutions that it makes five times slower.)
struct WinogradPays {
  std::int64_t channels;  ///< both of x and of y, at least
  std::int64_t tiles;     ///< of the batch, at least
  double fill;            ///< share of the tiles' cells that lie in the picture, at least
};
constexpr WinogradPays kForwardPays = {32, 64, 0.6};
// Constant weights are transformed once. They grow by it, so they must not be so many that reading
// them takes the time.
constexpr WinogradPays kConstantWeightsPay = {32, 1, 0.75};
constexpr std::int64_t kMostConstantFilters = 128 * 256;  // channels of x by channels of y
constexpr WinogradPays kBackwardDataPays = {32, 64, 0.9};
constexpr WinogradPays kBackwardFilterPays = {64, 32, 0.6};

/// The algorithms to try, best first, for a pass that covers the picture `tiled` with tiles.
std::vector<Algorithm> algorithms_for(const Problem& p, const Shape& tiled,
                                      const WinogradPays& pays) {
  const std::int64_t tiles = (tiled.h() + 3) / 4 * ((tiled.w() + 3) / 4);
  const double fill = static_cast<double>(tiled.h() * tiled.w()) / static_cast<double>(16 * tiles);
  if (p.dense_3x3 && std::min(p.x.shape.c(), p.y.shape.c()) >= pays.channels &&
      tiled.n() * tiles >= pays.tiles && fill >= pays.fill) {
    return {Algorithm::convolution_winograd, Algorithm::convolution_direct};
  }
  return {Algorithm::convolution_direct};
}

/// Without a bias where `bias` is null. Of constant weights, Winograd's transformation is left to
/// the reorder into its format.
dnnl::convolution_forward::primitive_desc describe_forward(const Problem& p, Algorithm algorithm,
                                                           Tag format,
                                                           const dnnl::primitive_attr& attributes,
                                                           const Desc* bias,
                                                           bool constant_weights = false) {
  const bool transformed = constant_weights && algorithm == Algorithm::convolution_winograd;
  const auto kind =
      transformed ? dnnl::prop_kind::forward_inference : dnnl::prop_kind::forward_training;
  return describe<dnnl::convolution_forward>(
      cpu_engine(), attributes, kind, algorithm, tagged_desc(p.x, format), p.any_weights,
      bias != nullptr ? *bias : Desc(), tagged_desc(p.y, format), p.strides, p.dilations,
      p.pads_before, p.pads_after);
}

/// The first algorithm and format of pictures for which `describe_as` gives a fast implementation.
template <class DescribeAs>
auto first_fast(const std::vector<Algorithm>& algorithms, const DescribeAs& describe_as)
    -> std::optional<decltype(describe_as(Algorithm::undef, Tag::any))> {
  for (const Algorithm algorithm : algorithms) {
    for (const Tag format : {Tag::any, Tag::nhwc, Tag::nchw}) {
      try {
        auto desc = describe_as(algorithm, format);
        if (!is_reference(desc.impl_info_str())) return desc;
      } catch (const dnnl::error&) {
        // Not in this format.
      }
    }
  }
  return {};
}

Decline no_fast_kernel() { return {"oneDNN has only its reference kernel for this convolution"}; }

LowerResult forward(const Problem& problem, const LowerRequest& request,
                    const Activation& activation, bool residual) {
  const bool biased = request.inputs.size() > 2;
  const Desc* bias = biased ? &problem.bias : nullptr;
  const bool constant = is_constant(request, 1);
  std::vector<Algorithm> algorithms = algorithms_for(problem, problem.y.shape, kForwardPays);
  if (constant && problem.x.shape.c() * problem.y.shape.c() <= kMostConstantFilters &&
      algorithms.size() == 1) {
    algorithms = algorithms_for(problem, problem.y.shape, kConstantWeightsPay);
  }
  const auto plain = first_fast(algorithms, [&](Algorithm algorithm, Tag tag) {
    return describe_forward(problem, algorithm, tag, recipe_attributes(), bias, constant);
  });
  if (!plain) return no_fast_kernel();
  if (!has_activation(activation)) return Decline{"oneDNN has no such activation"};
  auto desc = *plain;
  if (residual || activation.kind != Activation::Kind::identity) {
    dnnl::post_ops operations;
    if (residual) operations.append_binary(dnnl::algorithm::binary_add, plain->dst_desc());
    if (const auto function = eltwise_of(activation)) {
      append_eltwise(operations, function->forward, function->alpha);
    }
    dnnl::primitive_attr attributes = recipe_attributes();
    attributes.set_post_ops(operations);
    const auto fused = first_fast(algorithms, [&](Algorithm algorithm, Tag tag) {
      return describe_forward(problem, algorithm, tag, attributes, bias, constant);
    });
    if (!fused || fused->dst_desc() != plain->dst_desc()) {
      return Decline{"oneDNN cannot add this activation or residual to its convolution"};
    }
    desc = *fused;
  }

  Recipe recipe(request);
  Recipe::Arguments arguments = {
      {DNNL_ARG_SRC, recipe.input(0, desc.src_desc())},
      {DNNL_ARG_WEIGHTS, recipe.plain_input(1, problem.plain_weights, desc.weights_desc())},
      {DNNL_ARG_DST, recipe.output(0, desc.dst_desc())}};
  if (biased) arguments.emplace_back(DNNL_ARG_BIAS, recipe.input(2, problem.bias));
  if (residual) {
    arguments.emplace_back(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
                           recipe.input(3, desc.dst_desc()));
  }
  recipe.run<dnnl::convolution_forward>(desc, arguments);
  return std::move(recipe).lowering();
}

LowerResult conv2d(const ops::Conv2d& op, const LowerRequest& request) {
  return forward(problem_of(op, request.inputs[0], request.inputs[1], request.outputs[0]), request,
                 {}, false);
}

LowerResult conv2d_bias_act(const ops::Conv2dBiasAct& op, const LowerRequest& request) {
  return forward(problem_of(op, request.inputs[0], request.inputs[1], request.outputs[0]), request,
                 op.activation, op.residual);
}

LowerResult backward_data(const ops::Conv2dBackwardData& op, const LowerRequest& request) {
  const Problem p = problem_of(op, request.outputs[0], request.inputs[1], request.inputs[0]);
  const auto desc = first_fast(
      algorithms_for(p, p.x.shape, kBackwardDataPays), [&](Algorithm algorithm, Tag format) {
        return describe_backward<dnnl::convolution_backward_data>(
            cpu_engine(), recipe_attributes(), describe_forward(p, algorithm, format, {}, nullptr),
            algorithm, tagged_desc(p.x, format), p.any_weights, tagged_desc(p.y, format), p.strides,
            p.dilations, p.pads_before, p.pads_after);
      });
  if (!desc) return no_fast_kernel();
  Recipe recipe(request);
  recipe.run<dnnl::convolution_backward_data>(
      *desc, {{DNNL_ARG_DIFF_DST, recipe.input(0, desc->diff_dst_desc())},
              {DNNL_ARG_WEIGHTS, recipe.plain_input(1, p.plain_weights, desc->weights_desc())},
              {DNNL_ARG_DIFF_SRC, recipe.output(0, desc->diff_src_desc())}});
  return std::move(recipe).lowering();
}

/// (x, dy) -> (dw) or, `biased`, (dw, db).
LowerResult backward_filter(const ops::ConvAttributes& attributes, const LowerRequest& request,
                            bool biased) {
  const Problem p =
      problem_of(attributes, request.inputs[0], request.outputs[0], request.inputs[1]);
  const Desc bias = biased ? p.bias : Desc();
  const auto desc = first_fast(
      algorithms_for(p, p.y.shape, kBackwardFilterPays), [&](Algorithm algorithm, Tag format) {
        return describe_backward<dnnl::convolution_backward_weights>(
            cpu_engine(), recipe_attributes(), describe_forward(p, algorithm, format, {}, nullptr),
            algorithm, tagged_desc(p.x, format), p.any_weights, bias, tagged_desc(p.y, format),
            p.strides, p.dilations, p.pads_before, p.pads_after);
      });
  if (!desc) return no_fast_kernel();
  Recipe recipe(request);
  Recipe::Arguments arguments = {
      {DNNL_ARG_SRC, recipe.input(0, desc->src_desc())},
      {DNNL_ARG_DIFF_DST, recipe.input(1, desc->diff_dst_desc())},
      {DNNL_ARG_DIFF_WEIGHTS, recipe.plain_output(0, p.plain_weights, desc->diff_weights_desc())}};
  if (biased) arguments.emplace_back(DNNL_ARG_DIFF_BIAS, recipe.output(1, p.bias));
  recipe.run<dnnl::convolution_backward_weights>(*desc, arguments);
  return std::move(recipe).lowering();
}

LowerResult conv2d_backward_filter(const ops::Conv2dBackwardFilter& op,
                                   const LowerRequest& request) {
  return backward_filter(op, request, false);
}

LowerResult conv2d_backward_filter_bias(const ops::Conv2dBackwardFilterBias& op,
                                        const LowerRequest& request) {
  return backward_filter(op, request, true);
}

}  // namespace

void add_convolutions(KernelTable& table) {
  table.add<ops::Conv2d>(kLibrary, guarded(conv2d));
  table.add<ops::Conv2dBiasAct>(kLibrary, guarded(conv2d_bias_act));
  table.add<ops::Conv2dBackwardData>(kLibrary, guarded(backward_data));
  table.add<ops::Conv2dBackwardFilter>(kLibrary, guarded(conv2d_backward_filter));
  table.add<ops::Conv2dBackwardFilterBias>(kLibrary, guarded(conv2d_backward_filter_bias));
}

}  // namespace fovea::onednn
