// Cases of the update phase, in steps that are finite and steps that are not. Weights, gradients,
// averages and optimizers' state are f32 where activations have 16 bits.
#include "fovea/ops/update.h"

#include <cmath>
#include <limits>

#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

CaseInput flag(bool finite) { return {{}, constant(finite ? 1 : 0), DType::i32}; }
CaseInput counter(double value) { return {{}, constant(value), DType::i64}; }
CaseInput wide(const Shape& shape, Fill fill = uniform()) {
  return {shape, std::move(fill), std::nullopt, true};
}

void add_counters(std::vector<OpCase>& cases) {
  for (const auto& [label, applied] :
       {std::pair("before_table", 2), std::pair("in_table", 9), std::pair("past_table", 40)}) {
    cases.push_back(OpCase(label, ops::AdvanceStep{},
                           {counter(11),
                            counter(applied),
                            {{13}, uniform(), DType::f32},
                            counter(5),
                            {{}, constant(-1), DType::f32}}));
  }
  cases.push_back(OpCase("finite", ops::CommitStep{}, {counter(11), flag(true)}));
  cases.push_back(OpCase("not_finite", ops::CommitStep{}, {counter(11), flag(false)}));
}

/// So many small shapes, a few of them alike.
std::vector<Shape> many_shapes(std::int64_t count) {
  std::vector<Shape> shapes;
  for (std::int64_t i = 0; i < count; ++i) shapes.push_back({1 + i % 11});
  return shapes;
}

/// `many`: more than one launch takes.
std::vector<std::pair<std::string, std::vector<Shape>>> gradient_shapes(std::int64_t many) {
  return {{"odd", {{3, 17}}},
          {"more_than_one_launch_takes", many_shapes(many)},
          {"many", {{70001}, {5}, {0}, {1024}}}};
}

void add_gradient_sums(std::vector<OpCase>& cases) {
  for (const auto& [label, shapes] : gradient_shapes(110)) {
    ops::AverageGradients op;
    op.factor = 0.25;
    std::vector<CaseInput> inputs;
    for (const Shape& shape : shapes) inputs.insert(inputs.end(), {wide(shape), wide(shape)});
    cases.push_back(OpCase(label, op, inputs));
  }
  for (const bool finite : {true, false}) {
    for (const auto& [label, shapes] : gradient_shapes(200)) {
      for (const bool clear : {false, true}) {
        ops::AccumulateGradient op;
        op.gradients = static_cast<std::int64_t>(shapes.size());
        op.clear = clear;
        std::vector<CaseInput> inputs = {flag(finite)};
        for (const Shape& shape : shapes) {
          for (int i = 0; i < op.stride(); ++i) inputs.push_back(wide(shape));
        }
        cases.push_back(OpCase(
            detail::concat(label, clear ? "_clear" : "", finite ? "" : "_not_finite"), op, inputs));
      }
    }
  }
}

void add_averages(std::vector<OpCase>& cases) {
  for (const bool finite : {true, false}) {
    for (const auto& [label, shapes] :
         {std::pair("odd", std::vector<Shape>{{3, 17}}), std::pair("several", many_shapes(21)),
          std::pair("more_than_one_launch_takes", many_shapes(200)),
          std::pair("many", std::vector<Shape>{{70001}, {5}, {0}, {1024}})}) {
      ops::UpdateAverages op;
      op.momentum = 0.9;
      op.averages = static_cast<std::int64_t>(shapes.size());
      std::vector<CaseInput> inputs = {flag(finite)};
      for (const Shape& shape : shapes) inputs.insert(inputs.end(), {wide(shape), wide(shape)});
      cases.push_back(OpCase(label + std::string(finite ? "" : "_not_finite"), op, inputs));
      if (shapes.size() > 4) continue;
      op.counted = true;
      for (const double count : {0, 3}) {
        std::vector<CaseInput> with_count = inputs;
        with_count.push_back(counter(count));
        cases.push_back(
            OpCase(detail::concat(label, "_counted_", count, finite ? "" : "_not_finite"), op,
                   with_count));
      }
    }
    const CaseInput number{{}, uniform(1, 2), DType::f64};
    cases.push_back(OpCase(finite ? "odd" : "not_finite", ops::AccumulateMetric{},
                           {number, number, {{37}}, flag(finite)}));
  }
}

void add_gradient_check(std::vector<OpCase>& cases) {
  const double infinity = std::numeric_limits<double>::infinity();
  const ops::GradientCheck op;
  cases.push_back(OpCase("loss_alone", op, {{{}}}));
  cases.push_back(OpCase("small", op, {{{}}, wide({1}), wide({3, 7}), wide({17})}));
  cases.push_back(OpCase("many", op, {{{}}, wide({5, 20011}), wide({3, 7})}));
  cases.push_back(OpCase("infinite_loss", op, {{{}, constant(infinity)}, wide({3, 7})}));
  cases.push_back(
      OpCase("infinite_gradient", op, {{{}}, wide({3, 7}), wide({5}, constant(-infinity))}));
  cases.push_back(OpCase("nan_gradient", op, {{{}}, wide({3}, constant(std::nan(""))), wide({5})}));
  // Squares that f32 cannot hold, and more gradients than one launch takes.
  cases.push_back(OpCase("large_values", op, {{{}}, wide({37}, uniform(1e25, 1e30))}));
  std::vector<CaseInput> gradients = {{{}}};
  for (const Shape& shape : many_shapes(200)) gradients.push_back(wide(shape));
  cases.push_back(OpCase("many_gradients", op, gradients));
}

/// finite, sum_squares, rate, applied; then w, g and so many positive states for each parameter.
std::vector<CaseInput> update_inputs(bool finite, const std::vector<Shape>& shapes, int states) {
  std::vector<CaseInput> inputs = {
      flag(finite), {{}, constant(9), DType::f64}, {{}, constant(0.01), DType::f32}, counter(7)};
  for (const Shape& shape : shapes) {
    inputs.push_back(wide(shape));
    inputs.push_back(wide(shape));
    for (int i = 0; i < states; ++i) inputs.push_back(wide(shape, uniform(0.1, 1)));
  }
  return inputs;
}

struct Variant {
  std::string label;
  ops::UpdateAttributes attributes;
};

std::vector<Variant> update_variants() {
  return {{"plain", {}},
          {"decay", {0.1, 0, 0, 0}},
          {"clip_value", {0, 0.5, 0, 0}},
          {"clip_norm", {0, 0, 1.5, 0}},
          {"clip_norm_and_decay", {0.1, 0, 100, 0}},
          {"global_clip_norm", {0, 0, 0, 2}}};
}

/// Every variant over parameters of several sizes, and one step that may change nothing.
template <class UpdateOp>
void add_optimizer(const std::string& label, const UpdateOp& optimizer, int states,
                   std::vector<OpCase>& cases) {
  const std::vector<Shape> shapes = {{3, 3, 2, 5}, {1}, {20011}, {17}};
  const auto add = [&](const std::string& name, bool finite, const std::vector<Shape>& parameters,
                       UpdateOp op) {
    op.parameters = static_cast<std::int64_t>(parameters.size());
    cases.push_back(OpCase(label + "_" + name, op, update_inputs(finite, parameters, states)));
  };
  for (const Variant& variant : update_variants()) {
    UpdateOp op = optimizer;
    static_cast<ops::UpdateAttributes&>(op) = variant.attributes;
    add(variant.label, true, shapes, op);
  }
  add("many", true, {{90001}, {13}}, optimizer);
  add("not_finite", false, shapes, optimizer);
  add("no_parameters", true, {}, optimizer);
  add("many_parameters", true, many_shapes(100), optimizer);  // more than one launch takes
}

}  // namespace

std::vector<OpCase> update_cases() {
  std::vector<OpCase> cases;
  add_counters(cases);
  add_gradient_sums(cases);
  add_averages(cases);
  add_gradient_check(cases);
  ops::SgdUpdate sgd;
  add_optimizer("sgd", sgd, 0, cases);
  sgd.momentum = 0.9;
  add_optimizer("momentum", sgd, 1, cases);
  sgd.nesterov = true;
  add_optimizer("nesterov", sgd, 1, cases);
  add_optimizer("adam", ops::AdamUpdate{}, 2, cases);
  add_optimizer("adagrad", ops::AdagradUpdate{}, 1, cases);
  ops::RmsPropUpdate rmsprop;
  add_optimizer("rmsprop", rmsprop, rmsprop.states(), cases);
  rmsprop.momentum = 0.8;
  add_optimizer("rmsprop_momentum", rmsprop, rmsprop.states(), cases);
  // A state that is its own mean: spreads v - a^2 keep away from 0.
  rmsprop.rho = 0.5;
  rmsprop.centered = true;
  rmsprop.epsilon = 1.5;
  add_optimizer("rmsprop_centered_momentum", rmsprop, rmsprop.states(), cases);
  rmsprop.momentum = 0;
  add_optimizer("rmsprop_centered", rmsprop, rmsprop.states(), cases);
  add_optimizer("adamax", ops::AdamaxUpdate{}, 2, cases);
  add_optimizer("nadam", ops::NadamUpdate{}, 2, cases);
  ops::AdamUpdate clipped;
  clipped.clip_norm = 0.7;
  clipped.parameters = 200;  // more gradients than one launch takes
  cases.push_back(
      OpCase("adam_many_parameters_clip_norm", clipped, update_inputs(true, many_shapes(200), 2)));
  return cases;
}

}  // namespace fovea::test
