// The update phase against trajectories computed by hand from Keras's formulas, and the promise
// that a step with a NaN or an infinity in it changes nothing.
#include "fovea/ops/update.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "host/graph/execution.h"
#include "host/graph/plan.h"
#include "host/graph/run_op.h"
#include "host/graph/variables.h"

namespace fovea::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kRate = 0.125;  // exact in f32, the type in which rates are kept

Tensor vector_of(const std::vector<double>& values) {
  return Tensor::from<double>({static_cast<std::int64_t>(values.size())}, values);
}
Tensor scalar(double value, DType dtype) { return Tensor::full({}, value, dtype); }

std::vector<double> values_of(const Tensor& tensor) {
  return {tensor.span<double>().begin(), tensor.span<double>().end()};
}

void expect_near(const Tensor& tensor, const std::vector<double>& expected, double tolerance) {
  ASSERT_EQ(tensor.numel(), static_cast<std::int64_t>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(tensor.item(static_cast<std::int64_t>(i)), expected[i], tolerance) << i;
  }
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

/// The step's scalars, then for each parameter its weight, gradient and state.
struct UpdateInputs {
  bool finite = true;
  double sum_squares = 0;
  std::int64_t applied = 0;
  std::vector<Tensor> tensors;

  std::vector<Tensor> all() const {
    std::vector<Tensor> inputs = {scalar(finite ? 1 : 0, DType::i32),
                                  scalar(sum_squares, DType::f64), scalar(kRate, DType::f32),
                                  scalar(static_cast<double>(applied), DType::i64)};
    inputs.insert(inputs.end(), tensors.begin(), tensors.end());
    return inputs;
  }
};

template <class UpdateOp>
std::vector<Tensor> apply(const UpdateOp& op, const UpdateInputs& inputs) {
  return run_op(std::make_shared<const UpdateOp>(op), inputs.all(), {});
}

/// The new weight of one parameter without state.
std::vector<double> sgd_step(ops::SgdUpdate op, const std::vector<double>& w,
                             const std::vector<double>& g, double sum_squares = 0) {
  op.parameters = 1;
  return values_of(apply(op, {true, sum_squares, 0, {vector_of(w), vector_of(g)}})[0]);
}

// ---- SGD ----

TEST(SgdUpdate, MovesAgainstTheGradient) {
  EXPECT_EQ(sgd_step({}, {1, -2, 0}, {0.5, 4, 0}), (std::vector<double>{0.9375, -2.5, 0}));
}

/// Two steps with gradients 0.5 and -1 from w = 1, v = 0.
std::vector<Tensor> two_momentum_steps(bool nesterov) {
  ops::SgdUpdate op;
  op.momentum = 0.75;
  op.nesterov = nesterov;
  op.parameters = 1;
  const std::vector<Tensor> first =
      apply(op, {true, 0, 0, {vector_of({1}), vector_of({0.5}), vector_of({0})}});
  return apply(op, {true, 0, 1, {first[0], vector_of({-1}), first[1]}});
}

TEST(SgdUpdate, MomentumKeepsMoving) {
  // v1 = -1/16, w1 = 15/16; v2 = -3/64 + 1/8 = 5/64, w2 = 65/64
  const std::vector<Tensor> state = two_momentum_steps(false);
  expect_near(state[0], {65.0 / 64}, 1e-15);
  expect_near(state[1], {5.0 / 64}, 1e-15);
}

TEST(SgdUpdate, NesterovLooksAhead) {
  // v1 = -1/16, w1 = 1 - 3/64 - 1/16 = 57/64; v2 = 5/64, w2 = 57/64 + 15/256 + 1/8 = 275/256
  const std::vector<Tensor> state = two_momentum_steps(true);
  expect_near(state[0], {275.0 / 256}, 1e-15);
  expect_near(state[1], {5.0 / 64}, 1e-15);
}

TEST(SgdUpdate, DecayComesFirstAndDoesNotTouchTheGradient) {
  ops::SgdUpdate op;
  op.weight_decay = 0.5;  // w (1 - 1/16) - g / 8
  EXPECT_EQ(sgd_step(op, {1, -4}, {0.5, 0}), (std::vector<double>{0.875, -3.75}));
}

TEST(SgdUpdate, ClipsEachElement) {
  ops::SgdUpdate op;
  op.clip_value = 2;
  EXPECT_EQ(sgd_step(op, {0, 0, 0}, {1, 5, -3}), (std::vector<double>{-0.125, -0.25, 0.25}));
}

TEST(SgdUpdate, ClipsEachParametersNorm) {
  ops::SgdUpdate op;
  op.clip_norm = 2.5;
  op.parameters = 2;
  // |(3, 4)| = 5 is halved; |(1.5, 2)| = 2.5 stays.
  const std::vector<Tensor> state = apply(
      op,
      {true, 0, 0, {vector_of({0, 0}), vector_of({3, 4}), vector_of({0, 0}), vector_of({1.5, 2})}});
  expect_near(state[0], {-0.1875, -0.25}, 1e-15);
  expect_near(state[1], {-0.1875, -0.25}, 1e-15);
}

TEST(SgdUpdate, ClipsTheNormOfAllGradientsTogether) {
  ops::SgdUpdate op;
  op.global_clip_norm = 2;
  const std::vector<double> w = {0, 0}, g = {3, 4};
  EXPECT_EQ(sgd_step(op, w, g, 16), (std::vector<double>{-0.1875, -0.25}));  // norm 4: halved
  EXPECT_EQ(sgd_step(op, w, g, 3), (std::vector<double>{-0.375, -0.5}));     // below 2: as it is
}

/// A norm over several chunks, and over a parameter that ends inside one.
TEST(SgdUpdate, ClipsTheNormOfLargeParameters) {
  ops::SgdUpdate op;
  op.clip_norm = 1;
  op.parameters = 2;
  const Tensor w = Tensor::zeros({20011}, DType::f64);
  const std::vector<Tensor> state = apply(op, {true,
                                               0,
                                               0,
                                               {w, Tensor::full({20011}, 2, DType::f64), w.clone(),
                                                Tensor::full({20011}, 1e-3, DType::f64)}});
  const double scaled = -kRate / std::sqrt(20011.0);
  for (std::int64_t i = 0; i < w.numel(); i += 1000) {
    EXPECT_NEAR(state[0].item(i), scaled, 1e-14);
    EXPECT_NEAR(state[1].item(i), -kRate * 1e-3, 1e-17);  // norm 0.14
  }
}

// ---- Adam ----

struct AdamState {
  double w, m, v;
};

/// Three steps with these gradients; returns the state after each.
std::vector<AdamState> adam_steps(double weight_decay, double w, const std::vector<double>& g) {
  ops::AdamUpdate op;
  op.weight_decay = weight_decay;
  op.parameters = 1;
  std::vector<Tensor> state = {vector_of({w}), vector_of({0}), vector_of({0})};
  std::vector<AdamState> states;
  for (std::size_t step = 0; step < g.size(); ++step) {
    state = apply(op, {true,
                       0,
                       static_cast<std::int64_t>(step),
                       {state[0], vector_of({g[step]}), state[1], state[2]}});
    states.push_back({state[0].item(), state[1].item(), state[2].item()});
  }
  return states;
}

void expect_states(const std::vector<AdamState>& states, const std::vector<AdamState>& expected) {
  ASSERT_EQ(states.size(), expected.size());
  for (std::size_t i = 0; i < states.size(); ++i) {
    EXPECT_NEAR(states[i].w, expected[i].w, 1e-14) << "after step " << i + 1;
    EXPECT_NEAR(states[i].m, expected[i].m, 1e-15) << "after step " << i + 1;
    EXPECT_NEAR(states[i].v, expected[i].v, 1e-15) << "after step " << i + 1;
  }
}

// The numbers were computed from the formulas with 40 decimal digits.

TEST(AdamUpdate, FollowsKeras) {
  expect_states(adam_steps(0, 1, {0.5, -0.25, 2}), {{0.875000790564415073, 0.05, 0.00025},
                                                    {0.841708849009902100, 0.02, 0.00031225},
                                                    {0.757878020751367095, 0.218, 0.00431193775}});
  expect_states(adam_steps(0, -2, {4, 1e-3, 0}), {{-2.12499990117890124, 0.4, 0.016},
                                                  {-2.20878037996938435, 0.3601, 0.015984001},
                                                  {-2.27354293287074519, 0.32409, 0.015968016999}});
}

TEST(AdamUpdate, DecayIsDecoupled) {
  expect_states(adam_steps(0.25, 1, {0.5, -0.25, 2}),
                {{0.843750790564415073, 0.05, 0.00025},
                 {0.784091636804764129, 0.02, 0.00031225},
                 {0.675757944896080245, 0.218, 0.00431193775}});
}

TEST(AdamUpdate, ClipsBeforeTheMomentsMove) {
  ops::AdamUpdate op;
  op.clip_value = 2;
  op.parameters = 1;
  const std::vector<Tensor> state =
      apply(op, {true, 0, 0, {vector_of({0}), vector_of({-50}), vector_of({0}), vector_of({0})}});
  expect_near(state[1], {-0.2}, 1e-15);
  expect_near(state[2], {0.004}, 1e-15);
}

// ---- Nothing changes in a step that is not finite ----

template <class UpdateOp>
void expect_untouched(const UpdateOp& op, std::size_t states) {
  UpdateInputs inputs;
  inputs.finite = false;
  std::vector<Tensor> before;
  for (const std::int64_t size : {3, 20011}) {
    inputs.tensors.push_back(Tensor::full({size}, 0.1, DType::f64));
    before.push_back(inputs.tensors.back());
    inputs.tensors.push_back(Tensor::full({size}, kNan, DType::f64));
    for (std::size_t i = 0; i < states; ++i) {
      inputs.tensors.push_back(Tensor::full({size}, 0.7, DType::f64));
      before.push_back(inputs.tensors.back());
    }
  }
  inputs.sum_squares = kNan;
  const std::vector<Tensor> after = apply(op, inputs);
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i) EXPECT_TRUE(same_bits(after[i], before[i])) << i;
}

TEST(UpdateOps, OptimizersChangeNothingInAStepThatIsNotFinite) {
  ops::UpdateAttributes attributes;
  attributes.weight_decay = 0.1;
  for (const int clip : {0, 1, 2}) {
    attributes.clip_norm = clip == 1 ? 1 : 0;
    attributes.global_clip_norm = clip == 2 ? 1 : 0;
    ops::SgdUpdate sgd;
    ops::AdamUpdate adam;
    static_cast<ops::UpdateAttributes&>(sgd) = attributes;
    static_cast<ops::UpdateAttributes&>(adam) = attributes;
    sgd.parameters = adam.parameters = 2;
    expect_untouched(sgd, 0);
    expect_untouched(adam, 2);
    sgd.momentum = 0.9;
    expect_untouched(sgd, 1);
  }
}

/// All of a step's update phase in one graph, from the check to the count of applied steps.
class UpdatePhase {
 public:
  UpdatePhase() : variables_(cpu_device()) {
    Graph graph;
    Builder builder(graph, DType::f64);
    const Value loss = builder.input("loss", {{}, DType::f64});
    const Value gradient = builder.input("gradient", {{3}, DType::f64});
    const auto state = [&](const char* path, const ValueType& type) {
      return builder.global_state(path, type, 1);
    };
    const ValueType moment{{3}, DType::f64}, counter{{}, DType::i64}, number{{}, DType::f64};
    const Value applied = state("applied", counter);
    const Outputs check = builder.add(ops::GradientCheck{}, {loss, gradient});
    ops::AdamUpdate adam;
    adam.parameters = 1;
    builder.add(adam, {check[1], check[0], builder.constant({{}, DType::f32}, kRate), applied,
                       state("w", moment), gradient, state("m", moment), state("v", moment)});
    builder.add(ops::UpdateAverages{}, {check[1], state("average", moment), gradient});
    builder.add(ops::AccumulateGradient{}, {check[1], state("gradients", moment), gradient});
    builder.add(ops::AccumulateMetric{},
                {state("sum", number), state("count", number), gradient, check[1]});
    builder.add(ops::CommitStep{}, {applied, check[1]});
    auto plan = std::make_shared<const Plan>(graph, cpu_device(), PlanOptions{});
    variables_.create_missing(plan->graph(), 0);
    execution_ =
        std::make_unique<Execution>(plan, variables_, std::make_shared<Arena>(cpu_device()));
  }

  /// Runs a step and returns everything that lasts.
  std::vector<Tensor> step(double loss, const std::vector<double>& gradient) {
    const Tensor loss_tensor = scalar(loss, DType::f64), gradient_tensor = vector_of(gradient);
    const auto& inputs = execution_->plan().inputs();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      execution_->bind_input(i,
                             inputs[i].name == "loss" ? loss_tensor.raw() : gradient_tensor.raw());
    }
    execution_->run();
    std::vector<Tensor> state;
    for (const Variables::Entry& entry : variables_.entries()) {
      state.push_back(variables_.read(entry.path));
    }
    return state;
  }
  std::int64_t applied() const { return variables_.read_integer("applied"); }

 private:
  Variables variables_;
  std::unique_ptr<Execution> execution_;
};

TEST(UpdateOps, ANonFiniteStepLeavesEveryStateBitIdentical) {
  UpdatePhase phase;
  const std::vector<Tensor> before = phase.step(0.5, {1, -2, 3});
  EXPECT_EQ(phase.applied(), 2);
  for (const auto& [loss, last] : {std::pair(kNan, 0.0), std::pair(-kInfinity, 0.0),
                                   std::pair(0.5, kNan), std::pair(0.5, kInfinity)}) {
    const std::vector<Tensor> after = phase.step(loss, {1, -2, last});
    ASSERT_EQ(after.size(), before.size());
    for (std::size_t i = 0; i < after.size(); ++i) EXPECT_TRUE(same_bits(after[i], before[i])) << i;
  }
  const std::vector<Tensor> next = phase.step(0.5, {1, -2, 3});
  EXPECT_EQ(phase.applied(), 3);
  for (std::size_t i = 0; i < next.size(); ++i) EXPECT_FALSE(same_bits(next[i], before[i])) << i;
}

// ---- The check ----

TEST(GradientCheck, AddsUpAllSquares) {
  const std::vector<Tensor> check =
      run_op(std::make_shared<ops::GradientCheck>(),
             std::vector<Tensor>{scalar(100, DType::f64), vector_of({1, -2}), vector_of({3})}, {});
  EXPECT_EQ(check[0].item(), 14);
  EXPECT_EQ(check[1].item(), 1);
}

/// An f32 square that f32 could not hold does not count as infinite.
TEST(GradientCheck, LargeF32GradientsAreFinite) {
  const std::vector<Tensor> check =
      run_op(std::make_shared<ops::GradientCheck>(),
             std::vector<Tensor>{scalar(1, DType::f32), Tensor::full({9}, 3e38, DType::f32)}, {});
  EXPECT_EQ(check[1].item(), 1);
  EXPECT_NEAR(check[0].item() / 8.1e77, 1, 1e-6);
}

TEST(GradientCheck, FindsOneBadElementAnywhere) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const std::int64_t place : {0, 7, 8191, 8192, 16384, 20010}) {
      for (const double bad : {kNan, kInfinity, -kInfinity}) {
        Tensor gradient = Tensor::full({20011}, 1e-3, DType::f64);
        gradient.data<double>()[place] = bad;
        const std::vector<Tensor> check =
            run_op(std::make_shared<ops::GradientCheck>(),
                   std::vector<Tensor>{scalar(1, dtype), gradient.to(dtype)}, {});
        EXPECT_EQ(check[1].item(), 0) << bad << " at " << place;
      }
    }
  }
}

// ---- Counters and sums ----

TEST(AdvanceStep, ReadsTheRateOfTheNextUpdateFromItsTable) {
  const Tensor table = Tensor::from({3}, {0.5f, 0.25f, 0.125f});
  const auto rate = [&](double applied) {
    const std::vector<Tensor> state =
        run_op(std::make_shared<ops::AdvanceStep>(),
               std::vector<Tensor>{scalar(41, DType::i64), scalar(applied, DType::i64), table,
                                   scalar(10, DType::i64), scalar(-1, DType::f32)},
               {});
    EXPECT_EQ(state[0].item(), 42);
    return state[1].item();
  };
  EXPECT_EQ(rate(10), 0.5);
  EXPECT_EQ(rate(12), 0.125);
  EXPECT_EQ(rate(13), 0.125);  // past the end: the last
  EXPECT_EQ(rate(3), 0.5);     // before the start: the first
}

TEST(UpdateAverages, KeepTheShareNamed) {
  ops::UpdateAverages op;
  op.momentum = 0.75;
  op.averages = 2;
  const std::vector<Tensor> state =
      run_op(std::make_shared<ops::UpdateAverages>(op),
             std::vector<Tensor>{scalar(1, DType::i32), vector_of({4, -8}), vector_of({8, 0}),
                                 vector_of({0}), vector_of({1})},
             {});
  EXPECT_EQ(values_of(state[0]), (std::vector<double>{5, -6}));
  EXPECT_EQ(values_of(state[1]), (std::vector<double>{0.25}));
}

TEST(AccumulateMetric, AddsValuesAndTheirNumber) {
  const std::vector<Tensor> state =
      run_op(std::make_shared<ops::AccumulateMetric>(),
             std::vector<Tensor>{scalar(10, DType::f64), scalar(5, DType::f64),
                                 vector_of({1, 0, 1, 0.5}), scalar(1, DType::i32)},
             {});
  EXPECT_EQ(state[0].item(), 12.5);
  EXPECT_EQ(state[1].item(), 9);
}

TEST(AccumulateGradient, AddsOrClears) {
  ops::AccumulateGradient op;
  op.gradients = 2;
  const Tensor finite = scalar(1, DType::i32), first = vector_of({1, 2}), second = vector_of({3});
  const std::vector<Tensor> sums =
      run_op(std::make_shared<ops::AccumulateGradient>(op),
             std::vector<Tensor>{finite, first, vector_of({10, -20}), second, vector_of({4})}, {});
  EXPECT_EQ(values_of(sums[0]), (std::vector<double>{11, -18}));
  EXPECT_EQ(values_of(sums[1]), (std::vector<double>{7}));
  op.clear = true;
  const std::vector<Tensor> cleared = run_op(std::make_shared<ops::AccumulateGradient>(op),
                                             std::vector<Tensor>{finite, first, second}, {});
  EXPECT_EQ(values_of(cleared[0]), (std::vector<double>{0, 0}));
  EXPECT_EQ(values_of(cleared[1]), (std::vector<double>{0}));
}

TEST(AverageGradients, AddsTheLastOnesAndScales) {
  ops::AverageGradients op;
  op.factor = 0.5;
  const std::vector<Tensor> means = run_op(
      std::make_shared<ops::AverageGradients>(op),
      std::vector<Tensor>{vector_of({1, 2}), vector_of({10, -20}), vector_of({3}), vector_of({4})},
      {});
  EXPECT_EQ(values_of(means[0]), (std::vector<double>{5.5, -9}));
  EXPECT_EQ(values_of(means[1]), (std::vector<double>{3.5}));
}

}  // namespace
}  // namespace fovea::test
