#include "fovea/ops/conv.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

/// One convolution: sizes and attributes, from which the cases of all its passes are made.
struct Convolution {
  std::string label;
  Shape x;  ///< (N, H, W, C)
  std::int64_t filters = 1;
  Size2 kernel = 3;
  ops::ConvAttributes attributes;

  Shape w() const { return {filters, kernel.h, kernel.w, x.c() / attributes.groups}; }
  Shape y() const {
    const WindowGeometry window = attributes.geometry({x.h(), x.w()}, kernel);
    return {x.n(), window.output.h, window.output.w, filters};
  }
  bool is_depthwise() const { return attributes.groups == x.c() && filters == x.c(); }
  bool is_first_layer() const { return attributes.groups == 1 && x.c() <= 4; }
};

std::vector<Convolution> convolutions() {
  const Padding same = Padding::same();
  return {
      {"1x1_one_of_all", {1, 1, 1, 1}, 1, 1, {}},
      {"1x1", {2, 5, 7, 13}, 11, 1, {}},
      {"1x1_stride_2", {2, 7, 6, 5}, 3, 1, {2, Padding::valid(), 1, 1}},
      {"3x3_valid", {2, 9, 8, 3}, 7, 3, {}},
      {"3x3_same", {3, 7, 5, 17}, 5, 3, {1, same, 1, 1}},
      {"3x3_same_stride_2", {2, 9, 6, 4}, 6, 3, {2, same, 1, 1}},
      {"3x3_explicit", {1, 6, 5, 2}, 3, 3, {1, Padding::cells(2, 0, 1, 3), 1, 1}},
      {"3x3_stride_3_leaves_cells", {2, 11, 10, 2}, 4, 3, {3, Padding::valid(), 1, 1}},
      {"3x3_dilation_2", {2, 9, 11, 3}, 4, 3, {1, Padding::valid(), 2, 1}},
      {"3x3_dilation_same", {1, 8, 7, 2}, 3, 3, {1, same, {2, 3}, 1}},
      {"5x3_uneven", {2, 8, 9, 3}, 5, {5, 3}, {{2, 1}, same, {1, 2}, 1}},
      {"7x7_stride_2", {1, 15, 13, 3}, 8, 7, {2, Padding::cells(3), 1, 1}},
      {"window_of_the_picture", {3, 4, 5, 6}, 2, {4, 5}, {}},
      {"groups_2", {2, 6, 5, 6}, 4, 3, {1, same, 1, 2}},
      {"groups_3_stride_2", {2, 7, 8, 9}, 6, 3, {2, same, 1, 3}},
      {"depthwise", {2, 6, 7, 5}, 5, 3, {1, same, 1, 5}},
      {"depthwise_two_filters_each", {1, 5, 6, 3}, 6, 3, {1, same, 1, 3}},
      {"depthwise_vectors", {2, 9, 10, 16}, 16, 3, {1, same, 1, 16}},
      {"depthwise_5x5", {1, 7, 6, 24}, 24, 5, {1, Padding::valid(), 1, 24}},
      {"depthwise_7x7", {1, 9, 11, 8}, 8, 7, {1, Padding::cells(3), 1, 8}},
      {"depthwise_stride_2", {2, 9, 8, 16}, 16, 3, {2, same, 1, 16}},
      {"depthwise_stride_3_leaves_cells", {1, 11, 10, 7}, 7, {2, 3}, {3, Padding::valid(), 1, 7}},
      {"depthwise_dilation", {1, 9, 11, 8}, 8, 3, {{2, 1}, same, {2, 3}, 8}},
      {"depthwise_wide_padding", {1, 4, 5, 8}, 8, 3, {1, Padding::cells(3, 1, 4, 5), 1, 8}},
      {"depthwise_many_channels", {1, 3, 5, 200}, 200, 3, {1, same, 1, 200}},
      {"first_layer", {4, 32, 32, 3}, 32, 3, {}},
      {"one_channel_odd_filters", {2, 7, 9, 1}, 13, {2, 5}, {{1, 2}, same, 1, 1}},
      {"four_channels_many_filters", {1, 6, 7, 4}, 72, 3, {2, same, 1, 1}},
      {"middle_layer", {4, 15, 15, 32}, 64, 3, {}},
      {"wide_layer", {4, 12, 12, 64}, 64, 3, {1, same, 1, 1}},
      {"residual_block", {2, 16, 16, 16}, 32, 3, {2, same, 1, 1}},
  };
}

template <class BackwardOp>
BackwardOp with_attributes(const Convolution& conv) {
  BackwardOp op;
  static_cast<ops::ConvAttributes&>(op) = conv.attributes;
  return op;
}

void add_passes(const Convolution& conv, std::vector<OpCase>& cases) {
  const Size2 input(conv.x.h(), conv.x.w());
  const OpCase forward = OpCase(conv.label, ops::Conv2d(conv.attributes), {{conv.x}, {conv.w()}});
  const bool small = conv.x.numel() < 5000;  // gradients are a matter of indices, not of size
  cases.push_back(small ? forward.differentiate({0, 1}) : forward);
  cases.push_back(OpCase(conv.label, ops::Conv2dBackwardData(conv.attributes, input),
                         {{conv.y()}, {conv.w()}}));
  cases.push_back(OpCase(conv.label, ops::Conv2dBackwardFilter(conv.attributes, conv.kernel),
                         {{conv.x}, {conv.y()}}));
  auto filter_bias = with_attributes<ops::Conv2dBackwardFilterBias>(conv);
  filter_bias.kernel = conv.kernel;
  cases.push_back(OpCase(conv.label, filter_bias, {{conv.x}, {conv.y()}}));
}

void add_fused(const Convolution& conv, const std::string& label, Activation activation,
               bool residual, std::vector<OpCase>& cases) {
  auto op = with_attributes<ops::Conv2dBiasAct>(conv);
  op.activation = activation;
  op.residual = residual;
  std::vector<CaseInput> inputs = {{conv.x}, {conv.w()}, {{conv.filters}}};
  if (residual) inputs.push_back({conv.y()});
  cases.push_back(OpCase(conv.label + "_" + label, op, inputs));
}

/// The kernels that are made for such convolutions.
std::vector<std::string> candidates_for(const Convolution& conv, const std::string& op) {
  std::vector<std::string> candidates;
  if (conv.is_depthwise()) candidates.emplace_back("depthwise");
  if (conv.is_first_layer() && op != ops::Conv2dBackwardData::kName) {
    candidates.emplace_back("first_layer");
  }
  return candidates;
}

}  // namespace

std::vector<OpCase> conv_cases() {
  std::vector<OpCase> cases;
  for (const Convolution& conv : convolutions()) {
    std::vector<OpCase> own;
    add_passes(conv, own);
    add_fused(conv, "bias", {}, false, own);
    add_fused(conv, "relu", {Activation::Kind::relu, 0}, false, own);
    add_fused(conv, "residual_relu", {Activation::Kind::relu, 0}, true, own);
    for (const OpCase& op_case : own) {
      cases.push_back(op_case.cuda_must_accept(candidates_for(conv, op_case.op_name())));
    }
  }
  const Convolution conv = {"3x3_same", {3, 7, 5, 17}, 5, 3, {1, Padding::same(), 1, 1}};
  add_fused(conv, "residual", {}, true, cases);
  add_fused(conv, "leaky_relu", {Activation::Kind::leaky_relu, 0.2}, false, cases);
  add_fused(conv, "elu", {Activation::Kind::elu, 0.7}, false, cases);
  add_fused(conv, "sigmoid", {Activation::Kind::sigmoid, 0}, false, cases);
  add_fused(conv, "tanh", {Activation::Kind::tanh, 0}, false, cases);
  add_fused(conv, "gelu", {Activation::Kind::gelu, 0}, false, cases);
  add_fused(conv, "silu", {Activation::Kind::silu, 0}, false, cases);
  for (OpCase& op_case : cases) op_case = op_case.must_accept({"onednn"});
  return cases;
}

}  // namespace fovea::test
