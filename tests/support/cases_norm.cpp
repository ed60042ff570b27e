#include "fovea/ops/conv.h"
#include "fovea/ops/norm.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

/// A parameter or a statistic: one number per channel, f32 where x has 16 bits.
CaseInput per_channel(std::int64_t channels, Fill fill = uniform()) {
  return {{channels}, std::move(fill), std::nullopt, true};
}

/// (gamma, beta, mean, var), of so many channels.
std::vector<CaseInput> channel_inputs(std::int64_t count) {
  return {per_channel(count, uniform(0.5, 2)), per_channel(count), per_channel(count),
          per_channel(count, uniform(0.5, 2))};
}

/// Inputs of the forward ops: (x, gamma, beta, mean, var).
std::vector<CaseInput> forward_inputs(const Shape& x) {
  std::vector<CaseInput> inputs = channel_inputs(x.c());
  inputs.insert(inputs.begin(), {x});
  return inputs;
}

/// Inputs of the backward ops: (dy, x, gamma, mean, var).
std::vector<CaseInput> backward_inputs(const Shape& x) {
  const std::int64_t channels = x.c();
  return {{x},
          {x},
          per_channel(channels, uniform(0.5, 2)),
          per_channel(channels),
          per_channel(channels, uniform(0.5, 2))};
}

void add_plain(const std::string& label, const Shape& x, std::vector<OpCase>& cases) {
  cases.push_back(OpCase(label, ops::BatchNorm{}, forward_inputs(x)).differentiate({0, 1, 2}));
  cases.push_back(OpCase(label, ops::BatchNormBackward{}, backward_inputs(x)));
  cases.push_back(
      OpCase(label, ops::BatchNormInference{}, forward_inputs(x)).differentiate({0, 1, 2}));
  cases.push_back(OpCase(label, ops::BatchNormInferenceBackward{}, backward_inputs(x)));
}

void add_fused(const std::string& label, const Shape& x, Activation activation, bool residual,
               std::vector<OpCase>& cases) {
  ops::BatchNormAct forward;
  forward.activation = activation;
  forward.residual = residual;
  std::vector<CaseInput> inputs = forward_inputs(x);
  if (residual) inputs.push_back({x});
  const OpCase op_case(label, forward, inputs);
  const bool relu = activation.kind == Activation::Kind::relu;
  cases.push_back(relu ? op_case : op_case.reference_may_decline());
  if (residual) return;

  ops::BatchNormActBackward backward;
  backward.activation = activation;
  inputs = backward_inputs(x);
  inputs.insert(inputs.begin() + 1, {x, away_from_zero()});
  const OpCase backward_case(label, backward, inputs);
  cases.push_back(relu ? backward_case : backward_case.reference_may_decline());
}

/// Behind a 3x3 convolution of x to so many filters.
void add_convolved(const std::string& label, const Shape& x, std::int64_t filters,
                   Activation activation, bool residual, std::vector<OpCase>& cases) {
  ops::Conv2dBatchNormAct op;
  op.padding = Padding::same();
  op.activation = activation;
  op.residual = residual;
  std::vector<CaseInput> inputs = channel_inputs(filters);
  inputs.insert(inputs.begin(), {{x}, {{filters, 3, 3, x.c()}}});
  if (residual) inputs.push_back({{x.n(), x.h(), x.w(), filters}});
  cases.push_back(OpCase(label, op, inputs));
}

/// Behind the gradient of a convolution's input, x, by so many filters of 3x3. The batch norm's
/// output keeps away from 0: x is far from the mean, and the offset small.
void add_convolved_backward(const std::string& label, const Shape& x, std::int64_t filters,
                            Size2 stride, std::vector<OpCase>& cases) {
  ops::Conv2dBackwardDataBatchNormRelu op;
  op.padding = Padding::cells(1);
  op.stride = stride;
  const WindowGeometry window = op.geometry({x.h(), x.w()}, 3);
  const std::int64_t c = x.c();
  cases.push_back(OpCase(label, op,
                         {{{x.n(), window.output.h, window.output.w, filters}},
                          {{filters, 3, 3, c}},
                          {x, away_from_zero(0.5)},
                          per_channel(c, uniform(0.5, 2)),
                          per_channel(c, uniform(-0.1, 0.1)),
                          per_channel(c, uniform(-0.1, 0.1)),
                          per_channel(c, uniform(0.5, 2))}));
}

void add_fold(const std::string& label, const Shape& w, bool bias, std::vector<OpCase>& cases) {
  std::vector<CaseInput> inputs = channel_inputs(w[0]);
  inputs.insert(inputs.begin(), {w});
  if (bias) inputs.push_back({{w[0]}});
  cases.push_back(OpCase(label, ops::FoldBatchNorm{}, inputs));
}

}  // namespace

std::vector<OpCase> norm_cases() {
  std::vector<OpCase> cases;
  const std::vector<std::pair<std::string, Shape>> shapes = {
      {"one_channel", {4, 3, 2, 1}}, {"odd", {2, 5, 3, 7}},   {"vectors", {13, 17}},
      {"block", {2, 4, 4, 16}},      {"wide", {2, 3, 3, 67}}, {"resnet", {8, 16, 16, 32}}};
  for (const auto& [label, x] : shapes) {
    add_plain(label, x, cases);
    add_fused(label + "_relu", x, {Activation::Kind::relu, 0}, false, cases);
    add_fused(label + "_residual_relu", x, {Activation::Kind::relu, 0}, true, cases);
  }
  for (OpCase& op_case : cases) op_case = op_case.must_accept({"blocked"});
  const Shape odd = {2, 5, 3, 7};
  add_fused("gelu", odd, {Activation::Kind::gelu, 0}, false, cases);
  add_fused("leaky_relu", odd, {Activation::Kind::leaky_relu, 0.2}, false, cases);
  add_fused("residual", odd, {}, true, cases);
  add_fused("identity", odd, {}, false, cases);
  using Kind = Activation::Kind;
  for (const auto& [label, kind] :
       {std::pair("elu", Kind::elu), std::pair("sigmoid", Kind::sigmoid),
        std::pair("tanh", Kind::tanh), std::pair("silu", Kind::silu)}) {
    add_fused(label, {3, 2, 2, 8}, {kind, 0.7}, false, cases);
    add_fused(label + std::string("_residual"), {3, 2, 2, 8}, {kind, 0.7}, true, cases);
  }

  // Many rows for each thread of a GPU; more channels than a block's threads stand side by side.
  // Not of mean 0: a mean far below the values' size has no digits to compare.
  const Shape tall = {70001, 1}, broad = {9, 2, 2, 600};
  for (const auto& [label, x] : {std::pair("tall", tall), std::pair("broad", broad)}) {
    std::vector<CaseInput> inputs = forward_inputs(x);
    inputs[0].fill = uniform(-1, 2);
    cases.push_back(OpCase(label, ops::BatchNorm{}, inputs));
    cases.push_back(OpCase(label, ops::BatchNormBackward{}, backward_inputs(x)));
    cases.push_back(OpCase(label, ops::BatchNormInference{}, forward_inputs(x)));
  }

  // A mean far from zero: statistics taken in one pass would lose their digits.
  std::vector<CaseInput> far = forward_inputs({4, 6, 5, 3});
  far[0].fill = uniform(999, 1001);
  cases.push_back(OpCase("mean_far_from_zero", ops::BatchNorm{}, far).tolerance(1e-4));

  add_convolved("identity", {2, 6, 5, 8}, 16, {}, false, cases);
  add_convolved("relu", {3, 8, 7, 16}, 24, {Kind::relu, 0}, false, cases);
  add_convolved("residual_relu", {3, 7, 8, 24}, 8, {Kind::relu, 0}, true, cases);
  add_convolved("odd", {2, 5, 7, 3}, 5, {Kind::relu, 0}, true, cases);

  add_convolved_backward("even", {3, 8, 7, 16}, 24, 1, cases);
  add_convolved_backward("strided", {3, 7, 8, 24}, 8, 2, cases);
  add_convolved_backward("odd", {2, 5, 7, 3}, 5, 1, cases);

  add_fold("3x3", {7, 3, 3, 5}, false, cases);
  add_fold("3x3_bias", {7, 3, 3, 5}, true, cases);
  add_fold("1x1", {16, 1, 1, 8}, true, cases);
  return cases;
}

}  // namespace fovea::test
