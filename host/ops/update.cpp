// Checks of the update phase: which inputs each op takes, and which of them it overwrites.
#include "fovea/ops/update.h"

#include <cmath>

#include "host/ops/type_checks.h"

namespace fovea::ops {
namespace {

/// The flag that GradientCheck sets.
void require_finite_flag(const ValueType& type) { require_scalar(type, DType::i32, "'finite'"); }

void require_momentum(double momentum, std::string_view what) {
  FOVEA_REQUIRE(momentum >= 0 && momentum < 1, invalid_argument, what, " is in [0, 1), not ",
                momentum);
}

void require_epsilon(double epsilon) {
  FOVEA_REQUIRE(std::isfinite(epsilon) && epsilon >= 0, invalid_argument,
                "an optimizer's epsilon is >= 0, not ", epsilon);
}

/// How optimizers' inputs are laid out: these four, then `stride` values for each parameter, the
/// weight first, its gradient second, the optimizer's own state behind them.
constexpr std::size_t kUpdateHeader = 4;

void check_update(const UpdateAttributes& attributes, std::int64_t parameters, std::size_t stride,
                  std::span<const ValueType> inputs) {
  int clips = 0;
  for (double limit : {attributes.clip_value, attributes.clip_norm, attributes.global_clip_norm}) {
    FOVEA_REQUIRE(limit >= 0, invalid_argument, "gradients are clipped to a limit > 0, not ",
                  limit);
    clips += limit > 0 ? 1 : 0;
  }
  FOVEA_REQUIRE(clips <= 1, invalid_argument,
                "choose one of clip_value, clip_norm and global_clip_norm, not ", clips);
  FOVEA_REQUIRE(std::isfinite(attributes.weight_decay) && attributes.weight_decay >= 0,
                invalid_argument, "weight_decay is finite and >= 0, not ", attributes.weight_decay);
  FOVEA_REQUIRE(parameters >= 0, invalid_argument, "there cannot be ", parameters, " parameters");
  require_inputs(inputs, kUpdateHeader + stride * static_cast<std::size_t>(parameters));
  require_finite_flag(inputs[0]);
  require_scalar(inputs[1], DType::f64, "the sum of squares");
  require_scalar(inputs[2], DType::f32, "the rate");
  require_scalar(inputs[3], DType::i64, "'applied'");
  for (std::size_t i = kUpdateHeader; i < inputs.size(); i += stride) {
    require_equal_floating(inputs.subspan(i, stride), stride);
  }
}

/// All inputs behind the header but the gradients.
std::vector<int> update_effects(std::int64_t parameters, int stride) {
  std::vector<int> effects;
  for (int p = 0; p < parameters; ++p) {
    for (int part = 0; part < stride; ++part) {
      if (part != 1) effects.push_back(static_cast<int>(kUpdateHeader) + p * stride + part);
    }
  }
  return effects;
}

/// Of every stride-th input from `first` on, together.
double elements_of(std::span<const ValueType> inputs, std::size_t first, std::size_t stride) {
  std::int64_t elements = 0;
  for (std::size_t i = first; i < inputs.size(); i += stride) elements += inputs[i].shape.numel();
  return static_cast<double>(elements);
}

}  // namespace

std::vector<ValueType> AdvanceStep::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 5);
  require_scalar(inputs[0], DType::i64, "'attempted'");
  require_scalar(inputs[1], DType::i64, "'applied'");
  require_rank(inputs[2], 1, "the table of rates");
  require_type(inputs[2], {inputs[2].shape, DType::f32}, "the table of rates");
  FOVEA_REQUIRE(inputs[2].shape[0] >= 1, shape_mismatch, "the table of rates is empty");
  require_scalar(inputs[3], DType::i64, "the table's start");
  require_scalar(inputs[4], DType::f32, "the rate");
  return {};
}

std::vector<ValueType> GradientCheck::infer(std::span<const ValueType> inputs) const {
  FOVEA_REQUIRE(!inputs.empty(), invalid_argument, "the loss is missing");
  for (const ValueType& input : inputs) require_floating(input, "the loss and each gradient");
  require_scalar(inputs[0], inputs[0].dtype, "the loss");
  return {{{}, DType::f64}, {{}, DType::i32}};
}

double GradientCheck::flops(std::span<const ValueType> inputs, std::span<const ValueType>) const {
  return 2 * elements_of(inputs, 1, 1);
}

std::vector<ValueType> HoldStep::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 3);
  require_scalar(inputs[0], DType::i64, "'held_at'");
  require_scalar(inputs[1], DType::i64, "'attempted'");
  require_finite_flag(inputs[2]);
  return {inputs[2]};
}

std::vector<ValueType> CommitStep::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 2);
  require_scalar(inputs[0], DType::i64, "'applied'");
  require_finite_flag(inputs[1]);
  return {};
}

std::vector<ValueType> UpdateAverages::infer(std::span<const ValueType> inputs) const {
  FOVEA_REQUIRE(averages >= 1, invalid_argument, "there is at least one average, not ", averages);
  const std::size_t last = 1 + 2 * static_cast<std::size_t>(averages);
  require_inputs(inputs, last + (counted ? 1 : 0));
  require_finite_flag(inputs[0]);
  if (counted) require_scalar(inputs[last], DType::i64, "'count'");
  for (std::size_t i = 1; i < last; i += 2) {
    require_equal_floating(inputs.subspan(i, 2), 2);
    require_type(inputs[i], {inputs[i].shape, inputs[1].dtype}, "each average");
  }
  FOVEA_REQUIRE(momentum >= 0 && momentum <= 1, invalid_argument,
                "an average's momentum is in [0, 1], not ", momentum);
  return {};
}

double UpdateAverages::flops(std::span<const ValueType> inputs, std::span<const ValueType>) const {
  return 3 * elements_of(inputs, 1, 2);
}

std::vector<int> UpdateAverages::effects() const {
  std::vector<int> effects(static_cast<std::size_t>(averages));
  for (std::size_t i = 0; i < effects.size(); ++i) effects[i] = static_cast<int>(1 + 2 * i);
  return effects;
}

std::vector<ValueType> AccumulateMetric::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 4);
  require_scalar(inputs[0], DType::f64, "the metric's sum");
  require_scalar(inputs[1], DType::f64, "the metric's count");
  require_rank(inputs[2], 1, "the metric's values");
  require_floating(inputs[2], "the metric's values");
  require_finite_flag(inputs[3]);
  return {};
}

std::vector<ValueType> AccumulateGradient::infer(std::span<const ValueType> inputs) const {
  FOVEA_REQUIRE(gradients >= 1, invalid_argument, "there is at least one gradient, not ",
                gradients);
  const auto each = static_cast<std::size_t>(stride());
  require_inputs(inputs, 1 + each * static_cast<std::size_t>(gradients));
  require_finite_flag(inputs[0]);
  for (std::size_t i = 1; i < inputs.size(); i += each) {
    require_equal_floating(inputs.subspan(i, each), each);
    require_type(inputs[i], {inputs[i].shape, inputs[1].dtype}, "each sum");
  }
  return {};
}

double AccumulateGradient::flops(std::span<const ValueType> inputs,
                                 std::span<const ValueType>) const {
  return clear ? 0 : elements_of(inputs, 1, 2);
}

std::vector<int> AccumulateGradient::effects() const {
  std::vector<int> effects(static_cast<std::size_t>(gradients));
  for (std::size_t i = 0; i < effects.size(); ++i) effects[i] = 1 + stride() * static_cast<int>(i);
  return effects;
}

std::vector<ValueType> AverageGradients::infer(std::span<const ValueType> inputs) const {
  FOVEA_REQUIRE(!inputs.empty() && inputs.size() % 2 == 0, invalid_argument,
                "gradients are averaged of sums and values by turns, not of ", inputs.size(),
                " inputs");
  FOVEA_REQUIRE(std::isfinite(factor), invalid_argument, "a factor is finite, not ", factor);
  std::vector<ValueType> outputs;
  for (std::size_t i = 0; i < inputs.size(); i += 2) {
    require_equal_floating(inputs.subspan(i, 2), 2);
    require_type(inputs[i], {inputs[i].shape, inputs[0].dtype}, "each sum");
    outputs.push_back(inputs[i]);
  }
  return outputs;
}

double AverageGradients::flops(std::span<const ValueType> inputs,
                               std::span<const ValueType>) const {
  return 2 * elements_of(inputs, 0, 2);
}

std::vector<ValueType> SgdUpdate::infer(std::span<const ValueType> inputs) const {
  require_momentum(momentum, "momentum");
  check_update(*this, parameters, momentum > 0 ? 3 : 2, inputs);
  return {};
}

double SgdUpdate::flops(std::span<const ValueType> inputs, std::span<const ValueType>) const {
  if (momentum == 0) return 2 * elements_of(inputs, kUpdateHeader, 2);
  return (nesterov ? 6 : 4) * elements_of(inputs, kUpdateHeader, 3);
}

std::vector<int> SgdUpdate::effects() const {
  return update_effects(parameters, momentum > 0 ? 3 : 2);
}

std::vector<ValueType> AdamUpdate::infer(std::span<const ValueType> inputs) const {
  require_momentum(beta1, "beta1");
  require_momentum(beta2, "beta2");
  require_epsilon(epsilon);
  check_update(*this, parameters, 4, inputs);
  return {};
}

double AdamUpdate::flops(std::span<const ValueType> inputs, std::span<const ValueType>) const {
  return 12 * elements_of(inputs, kUpdateHeader, 4);
}

std::vector<int> AdamUpdate::effects() const { return update_effects(parameters, 4); }

std::vector<ValueType> AdagradUpdate::infer(std::span<const ValueType> inputs) const {
  require_epsilon(epsilon);
  check_update(*this, parameters, 3, inputs);
  return {};
}

double AdagradUpdate::flops(std::span<const ValueType> inputs, std::span<const ValueType>) const {
  return 6 * elements_of(inputs, kUpdateHeader, 3);
}

std::vector<int> AdagradUpdate::effects() const { return update_effects(parameters, 3); }

std::vector<ValueType> RmsPropUpdate::infer(std::span<const ValueType> inputs) const {
  require_momentum(rho, "rho");
  require_momentum(momentum, "momentum");
  require_epsilon(epsilon);
  check_update(*this, parameters, 2 + static_cast<std::size_t>(states()), inputs);
  return {};
}

double RmsPropUpdate::flops(std::span<const ValueType> inputs, std::span<const ValueType>) const {
  const int operations = 8 + (centered ? 5 : 0) + (momentum > 0 ? 2 : 0);
  return operations * elements_of(inputs, kUpdateHeader, 2 + static_cast<std::size_t>(states()));
}

std::vector<int> RmsPropUpdate::effects() const { return update_effects(parameters, 2 + states()); }

std::vector<ValueType> AdamaxUpdate::infer(std::span<const ValueType> inputs) const {
  require_momentum(beta1, "beta1");
  require_momentum(beta2, "beta2");
  require_epsilon(epsilon);
  check_update(*this, parameters, 4, inputs);
  return {};
}

double AdamaxUpdate::flops(std::span<const ValueType> inputs, std::span<const ValueType>) const {
  return 9 * elements_of(inputs, kUpdateHeader, 4);
}

std::vector<int> AdamaxUpdate::effects() const { return update_effects(parameters, 4); }

std::vector<ValueType> NadamUpdate::infer(std::span<const ValueType> inputs) const {
  require_momentum(beta1, "beta1");
  require_momentum(beta2, "beta2");
  require_epsilon(epsilon);
  check_update(*this, parameters, 4, inputs);
  return {};
}

double NadamUpdate::flops(std::span<const ValueType> inputs, std::span<const ValueType>) const {
  return 15 * elements_of(inputs, kUpdateHeader, 4);
}

std::vector<int> NadamUpdate::effects() const { return update_effects(parameters, 4); }

}  // namespace fovea::ops
