#include "tests/support/numeric_gradient.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fovea/detail/philox.h"
#include "fovea/ops/basic.h"
#include "fovea/ops/source.h"
#include "host/graph/differentiate.h"
#include "host/graph/execution.h"
#include "host/graph/passes.h"
#include "host/graph/variables.h"

namespace fovea::test {
namespace {

constexpr std::int64_t kSample = 100;

ValueType type_of(const Tensor& tensor) { return {tensor.shape(), tensor.dtype()}; }

std::string input_name(std::size_t index) { return "input" + std::to_string(index); }

/// A graph made ready to run, its inputs bound to `inputs`, whose memory it reads at every run.
class Program {
 public:
  Program(const Graph& graph, Variables& variables, const std::vector<Tensor>& inputs)
      : plan_(compile_graph(graph, cpu_device(), PlanOptions{})),
        execution_(plan_, variables, std::make_shared<Arena>(cpu_device())) {
    for (std::size_t i = 0; i < plan_->inputs().size(); ++i) {
      for (std::size_t k = 0; k < inputs.size(); ++k) {
        if (plan_->inputs()[i].name == input_name(k)) execution_.bind_input(i, inputs[k].raw());
      }
    }
    execution_.poison();
  }
  void run() { execution_.run(); }
  Tensor output(std::size_t index) const { return execution_.output(index); }

 private:
  std::shared_ptr<const Plan> plan_;
  Execution execution_;
};

/// Something to differentiate with respect to: values, and how to make a changed value count.
struct Target {
  std::string name;
  Value value;
  Tensor values;
  std::function<void(const Tensor&)> apply;
};

/// The elements to check: all, or a sample that is the same at every run.
std::vector<std::int64_t> sample(std::int64_t count) {
  std::vector<std::int64_t> elements;
  for (std::int64_t i = 0; i < std::min(count, kSample); ++i) {
    elements.push_back(count <= kSample ? i
                                        : static_cast<std::int64_t>(detail::permute_index(
                                              static_cast<std::uint64_t>(i),
                                              static_cast<std::uint64_t>(count), 7)));
  }
  return elements;
}

/// f'(0) from central differences over shrinking steps, extrapolated to step 0 (Ridders, "Accurate
/// computation of F'(x) and F'(x)F''(x)", 1982): the entry of the extrapolation table that differs
/// least from its neighbours. Neither steep functions nor sums of many terms are lost to a step
/// that is too long or too short. Stops at an estimated error of `tolerance`.
template <class Function>
double derivative(const Function& f, double tolerance) {
  constexpr int kLevels = 7;
  constexpr double kShrink = 4;
  double table[kLevels][kLevels];  // [order of extrapolation][step]
  double step = 1e-2, best = 0, best_error = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kLevels && best_error > tolerance; ++i, step /= kShrink) {
    table[0][i] = (f(step) - f(-step)) / (2 * step);
    double factor = 1;
    for (int order = 1; order <= i; ++order) {
      factor *= kShrink * kShrink;
      const double shorter = table[order - 1][i], longer = table[order - 1][i - 1];
      const double value = shorter + (shorter - longer) / (factor - 1);
      const double error = std::max(std::abs(value - shorter), std::abs(value - longer));
      table[order][i] = value;
      if (error < best_error) {
        best = value;
        best_error = error;
      }
    }
  }
  return best;
}

/// Compares one target's gradient, moving its elements one at a time and putting them back.
void compare(Program& forward, Target& target, const Tensor& analytic, GradientReport& report) {
  double scale = 0, largest = 0, worst = 0;
  for (double value : analytic.span<double>()) scale = std::max(scale, std::abs(value));
  std::string place;
  for (std::int64_t element : sample(target.values.numel())) {
    const double x = target.values.item(element);
    const auto set = [&](double value) {
      target.values.data<double>()[element] = value;
      target.apply(target.values);
    };
    const auto moved = [&](double step) {
      set(x + step);
      forward.run();
      return forward.output(0).item();
    };
    const double numeric = derivative(moved, 1e-9 * scale);
    set(x);
    const double given = analytic.item(element);
    const double error = std::abs(given - numeric);
    largest = std::max(largest, std::abs(numeric));
    if (!(error <= worst)) {  // also for a NaN
      worst = error;
      place = fovea::detail::concat(target.name, ", element ", element, ": ", given, " instead of ",
                                    numeric);
    }
  }
  const double relative = largest > 0 ? worst / largest : worst;
  if (!(relative <= report.worst_error)) {
    report.worst_error = relative;
    report.worst_place = place;
  }
}

/// The scalar f: each output times random weights, which are added to `inputs` as one more tensor.
Value project(Builder& builder, const std::vector<Value>& outputs, std::vector<Tensor>& inputs) {
  Value sum;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Shape shape = builder.shape(outputs[i]);
    Tensor weights(shape, DType::f64);
    for (std::int64_t k = 0; k < weights.numel(); ++k) {
      const auto word = detail::philox4x32(11, i, static_cast<std::uint64_t>(k)).word[0];
      weights.data<double>()[k] = 2.0 * detail::uniform01(word) - 1;
    }
    const Value weight = builder.input(input_name(inputs.size()), type_of(weights));
    inputs.push_back(weights);
    const Value product = builder.add(ops::Multiply{}, {outputs[i], weight});
    ops::Scale count;
    count.factor = static_cast<double>(shape.numel());
    const Value part = builder.add(count, {builder.add(ops::Mean{}, {product})});
    sum = sum.defined() ? Value(builder.add(ops::Add{}, {sum, part})) : part;
  }
  return sum;
}

std::vector<Target> find_targets(const Graph& graph, Variables& variables,
                                 const std::vector<Value>& values,
                                 const std::vector<Tensor>& inputs,
                                 const std::vector<int>& indices) {
  std::vector<Target> targets;
  for (int index : indices) {
    const auto i = static_cast<std::size_t>(index);
    targets.push_back({input_name(i), values.at(i), inputs[i], [](const Tensor&) {}});
  }
  for (const Node& node : graph.nodes()) {
    if (node.op->name() != ops::Parameter::kName) continue;
    targets.push_back({node.path, node.outputs[0], variables.read(node.path),
                       [&variables, path = node.path](const Tensor& changed) {
                         variables.write(path, changed);
                       }});
  }
  return targets;
}

}  // namespace

GradientReport check_gradients(const DifferentiableFunction& function,
                               const std::vector<Tensor>& inputs,
                               const std::vector<int>& target_inputs) {
  std::vector<Tensor> bound;  // copies, whose elements are moved in place
  for (const Tensor& input : inputs) bound.push_back(input.clone());
  Graph graph;
  Builder builder(graph, DType::f64);
  std::vector<Value> values;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    values.push_back(builder.input(input_name(i), type_of(inputs[i])));
  }
  const Value scalar = project(builder, function(builder, values), bound);
  Variables variables(cpu_device());
  variables.create_missing(graph, 1);
  std::vector<Target> targets = find_targets(graph, variables, values, bound, target_inputs);
  std::vector<Value> target_values;
  for (const Target& target : targets) target_values.push_back(target.value);

  Graph forward_graph = graph;
  forward_graph.mark_output("scalar", scalar);
  const std::vector<Value> gradients = differentiate(builder, scalar, target_values);
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    FOVEA_REQUIRE(gradients[i].defined(), invalid_argument, "'", targets[i].name,
                  "' gets no gradient");
    graph.mark_output(targets[i].name, gradients[i]);
  }
  Program backward(graph, variables, bound);
  backward.run();
  Program forward(forward_graph, variables, bound);
  GradientReport report;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    compare(forward, targets[i], backward.output(i), report);
  }
  return report;
}

}  // namespace fovea::test
