#include "host/graph/run_op.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <valarray>

#include "fovea/ops/basic.h"
#include "host/graph/execution.h"
#include "host/graph/plan.h"
#include "host/graph/variables.h"

namespace fovea {
namespace {

ValueType type_of(const Tensor& tensor) { return {tensor.shape(), tensor.dtype()}; }

std::string input_name(std::size_t index) { return "input" + std::to_string(index); }

/// The graph of one op. Overwritten inputs are state, all others inputs.
Graph graph_of(const OpPtr& op, std::span<const Tensor> inputs, const std::vector<int>& effects,
               const RunOptions& options) {
  Graph graph;
  Builder builder(graph);
  std::vector<Value> values;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool overwritten = std::count(effects.begin(), effects.end(), static_cast<int>(i)) > 0;
    Value value = overwritten ? builder.global_state(input_name(i), type_of(inputs[i]), 0)
                              : builder.input(input_name(i), type_of(inputs[i]));
    if (options.inputs_in_arena && !overwritten && is_floating(inputs[i].dtype())) {
      value = builder.add(ops::Scale{}, {value});
    }
    values.push_back(value);
  }
  std::vector<Value> outputs;
  if (options.expand) {
    outputs = op->expand(builder, values).value();
  } else {
    outputs = builder.add(op, values).values();
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    graph.mark_output("output" + std::to_string(i), outputs[i]);
  }
  return graph;
}

/// A candidate's answer to plain inputs, every output being read.
LowerResult lower(const OpPtr& op, std::span<const Tensor> inputs, const std::string& candidate,
                  const Device& device) {
  std::vector<ValueType> input_types;
  for (const Tensor& input : inputs) input_types.push_back(type_of(input));
  const std::vector<ValueType> output_types = op->infer(input_types);
  const std::vector<Layout> layouts(inputs.size());
  const std::valarray<bool> used(true, output_types.size());
  const LowerRequest request{
      input_types, output_types, layouts, {std::begin(used), used.size()}, {}, 1};
  for (const KernelTable::Candidate& known : device.kernels().candidates(op->name())) {
    if (known.name == candidate) return known.factory(*op, request);
  }
  return Decline{"there is no such candidate"};
}

/// An op ready to run: a plan of its own, state and inputs in place.
struct LoneRun {
  std::shared_ptr<const Plan> plan;
  std::shared_ptr<Stream> stream;
  Variables variables;
  Execution execution;

  LoneRun(const OpPtr& op, std::span<const Tensor> inputs, const RunOptions& options)
      : plan(std::make_shared<const Plan>(graph_of(op, inputs, op->effects(), options),
                                          options.device, plan_options(*op, options))),
        stream(options.device->make_stream()),
        variables(options.device, stream),
        execution(plan, with_state(*op, inputs), std::make_shared<Arena>(options.device, stream)) {
    for (std::size_t i = 0; i < plan->inputs().size(); ++i) {
      const std::string& name = plan->inputs()[i].name;
      for (std::size_t k = 0; k < inputs.size(); ++k) {
        if (name == input_name(k)) execution.bind_input(i, inputs[k].raw());
      }
    }
    if (options.poison) execution.poison();
  }

 private:
  static PlanOptions plan_options(const Op& op, const RunOptions& options) {
    PlanOptions result;
    result.threads = options.threads;
    result.allow_tf32 = options.allow_tf32;
    if (!options.candidate.empty()) result.force[std::string(op.name())] = options.candidate;
    return result;
  }

  Variables& with_state(const Op& op, std::span<const Tensor> inputs) {
    variables.create_missing(plan->graph(), 0);
    for (int index : op.effects()) {
      const auto i = static_cast<std::size_t>(index);
      variables.write(input_name(i), inputs[i]);
    }
    return variables;
  }
};

}  // namespace

std::vector<Tensor> run_op(const OpPtr& op, std::span<const Tensor> inputs,
                           const RunOptions& options) {
  LoneRun lone(op, inputs, options);
  lone.execution.run();
  std::vector<Tensor> results;
  for (std::size_t i = 0; i < lone.plan->outputs().size(); ++i) {
    results.push_back(lone.execution.output(i));
  }
  for (int index : op->effects()) {
    results.push_back(lone.variables.read(input_name(static_cast<std::size_t>(index))));
  }
  return results;
}

double time_op(const OpPtr& op, std::span<const Tensor> inputs, const RunOptions& options,
               int repeats) {
  LoneRun lone(op, inputs, options);
  const std::vector<double> times = lone.execution.profile(repeats);
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (lone.plan->steps()[i].op->name() == op->name()) return times[i];
  }
  return 0;  // a view, which no kernel runs
}

std::vector<Tensor> run_reference(const OpPtr& op, std::span<const Tensor> inputs) {
  RunOptions options;
  options.expand = is_fused(op, inputs);
  // A view has no kernel at all.
  if (!options.expand && op->name() != ops::Reshape::kName) options.candidate = "reference";
  return run_op(op, inputs, options);
}

bool is_fused(const OpPtr& op, std::span<const Tensor> inputs) {
  Graph graph;  // the parts go to a graph that is thrown away
  Builder builder(graph);
  std::vector<Value> values;
  for (const Tensor& input : inputs) values.push_back(builder.constant(type_of(input), 0));
  return op->expand(builder, values).has_value();
}

std::optional<std::string> decline_reason(const OpPtr& op, std::span<const Tensor> inputs,
                                          const std::string& candidate, const Device& device) {
  const LowerResult result = lower(op, inputs, candidate, device);
  if (const auto* decline = std::get_if<Decline>(&result)) return decline->reason;
  return std::nullopt;
}

bool may_work_in_place(const OpPtr& op, std::span<const Tensor> inputs,
                       const std::string& candidate, const Device& device) {
  const LowerResult result = lower(op, inputs, candidate, device);
  const auto* lowering = std::get_if<Lowering>(&result);
  return lowering != nullptr && !lowering->in_place.empty();
}

std::vector<std::string> candidates_of(std::string_view op, const Device& device) {
  std::vector<std::string> names;
  for (const auto& candidate : device.kernels().candidates(op)) {
    names.push_back(candidate.name);
  }
  return names;
}

double relative_error(const Tensor& a, const Tensor& b) {
  FOVEA_REQUIRE(a.shape() == b.shape(), shape_mismatch, "comparing ", a.shape(), " with ",
                b.shape());
  double difference = 0, norm = 0;
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    const double x = a.item(i), y = b.item(i);
    if (std::isnan(x) && std::isnan(y)) continue;
    if (x == y) {  // infinities included
      if (std::isfinite(y)) norm += y * y;
      continue;
    }
    if (!std::isfinite(x) || !std::isfinite(y)) return std::numeric_limits<double>::infinity();
    difference += (x - y) * (x - y);
    norm += y * y;
  }
  return std::sqrt(norm > 0 ? difference / norm : difference);
}

}  // namespace fovea
