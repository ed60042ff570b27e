// Gradients looked at: the graph is run once with every value and every gradient as an output, and
// each op once more by itself, for its local derivatives.
#include "fovea/trace.h"

#include <cstdio>
#include <map>
#include <memory>
#include <set>

#include "fovea/ops/basic.h"
#include "fovea/ops/source.h"
#include "host/graph/differentiate.h"
#include "host/graph/execution.h"
#include "host/graph/passes.h"
#include "host/graph/variables.h"

namespace fovea {
namespace {

constexpr std::int64_t kMostDerivatives = 65536;
constexpr std::int64_t kShownNumbers = 6;

using Named = std::map<std::string, Tensor>;

ValueType type_of(const Tensor& tensor) { return {tensor.shape(), tensor.dtype()}; }

/// A graph made ready to run, its inputs bound by name to memory of the caller's.
class Program {
 public:
  Program(const Graph& graph, Variables& variables, const Named& inputs)
      : inputs_(inputs),
        execution_(compile_graph(graph, cpu_device(), {.fuse = false}), variables,
                   std::make_shared<Arena>(cpu_device())) {
    const std::vector<Plan::Named>& planned = execution_.plan().inputs();
    for (std::size_t i = 0; i < planned.size(); ++i) {
      execution_.bind_input(i, inputs_.at(planned[i].name).raw());
    }
  }
  Named run() {
    execution_.run();
    Named outputs;
    const std::vector<Plan::Named>& planned = execution_.plan().outputs();
    for (std::size_t i = 0; i < planned.size(); ++i) {
      outputs[planned[i].name] = execution_.output(i);
    }
    return outputs;
  }

 private:
  Named inputs_;
  Execution execution_;
};

/// A copy of a value as an output, since the value itself may be an input or a constant.
void mark_copy(Builder& b, const std::string& name, Value value) {
  b.graph().mark_output(name, b.add(ops::Scale{}, {value}));
}

/// The derivatives of one of an op's outputs by one of its inputs, (output values, input values).
/// Row by row: the op's backward rule for a gradient that is 1 in one place.
Tensor local_derivatives(const Node& node, std::size_t output, std::size_t input,
                         const std::vector<Tensor>& values) {
  Graph graph;
  Builder b(graph, DType::f64);
  Named bound;
  std::vector<Value> inputs;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string name = std::to_string(i);
    inputs.push_back(b.input(name, type_of(values[i])));
    bound[name] = values[i];
  }
  const std::vector<Value> outputs = b.add(node.op, inputs).values();
  const std::int64_t rows = b.shape(outputs[output]).numel(), columns = values[input].numel();
  FOVEA_REQUIRE(
      rows * columns <= kMostDerivatives, invalid_argument, "'", node.path, "' (", node.op->name(),
      ") has ", rows, " x ", columns,
      " local derivatives, more than anybody can look at; trace a smaller batch or model");
  Tensor seed = Tensor::zeros(b.shape(outputs[output]), DType::f64);
  bound["seed"] = seed;
  std::vector<Value> output_grads(outputs.size());
  output_grads[output] = b.input("seed", type_of(seed));
  const auto wanted = std::make_unique<bool[]>(inputs.size());
  wanted[input] = true;
  const Value gradient =
      node.op->backward({b, inputs, outputs, output_grads, {wanted.get(), inputs.size()}})[input];
  Tensor derivatives = Tensor::zeros({rows, columns}, DType::f64);
  if (!gradient.defined()) return derivatives;
  mark_copy(b, "gradient", gradient);
  Variables variables(cpu_device());
  Program program(graph, variables, bound);
  for (std::int64_t row = 0; row < rows; ++row) {
    seed.data<double>()[row] = 1;
    const Tensor by_input = program.run().at("gradient");
    std::copy_n(by_input.data<double>(), columns, derivatives.data<double>() + row * columns);
    seed.data<double>()[row] = 0;
  }
  return derivatives;
}

/// A forward graph on its way to a trace.
class Tracer {
 public:
  /// `known` are the inputs; gradients flow to `targets` and what depends on them.
  Tracer(Graph& graph, Value result, Named known, const std::vector<Value>& targets,
         Variables& variables)
      : graph_(graph), result_(result), known_(std::move(known)), variables_(variables) {
    find_reached(targets);
    evaluate();
    name_values();
  }

  GradientTrace trace() const {
    GradientTrace trace;
    for (const Node& node : nodes_) {
      for (std::size_t o = 0; o < node.outputs.size(); ++o) {
        if (reached_.count(node.outputs[o].id) > 0) trace.nodes.push_back(traced(node, o));
      }
    }
    return trace;
  }

 private:
  /// What the result depends on, and which of that depends on a target.
  void find_reached(const std::vector<Value>& targets) {
    nodes_ = graph_.nodes();
    for (Value target : targets) dependent_.insert(target.id);
    for (const Node& node : nodes_) {
      for (Value input : node.inputs) {
        if (dependent_.count(input.id) == 0) continue;
        for (Value output : node.outputs) {
          if (is_floating(graph_.type(output).dtype)) dependent_.insert(output.id);
        }
      }
    }
    reached_.insert(result_.id);
    for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
      for (Value output : node->outputs) {
        if (reached_.count(output.id) == 0) continue;
        for (Value input : node->inputs) reached_.insert(input.id);
      }
    }
  }

  bool is_source(Value value) const { return graph_.producer_node(value).inputs.empty(); }

  /// Runs the graph and its gradients, all values being outputs.
  void evaluate() {
    std::vector<Value> targets;
    for (int id : dependent_) {
      if (reached_.count(id) > 0 && id != result_.id) targets.push_back({id});
    }
    Builder b(graph_, DType::f64);
    const std::vector<Value> gradients = differentiate(b, result_, targets);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (gradients[i].defined()) mark_copy(b, "d" + std::to_string(targets[i].id), gradients[i]);
    }
    for (int id : reached_) {
      if (!is_source({id})) graph_.mark_output("v" + std::to_string(id), {id});
    }
    outputs_ = Program(graph_, variables_, known_).run();
  }

  Tensor value_of(Value value) const {
    const Node& node = graph_.producer_node(value);
    if (!node.inputs.empty()) return outputs_.at("v" + std::to_string(value.id));
    if (node.op->name() == ops::Input::kName) return known_.at(node.path);
    if (node.op->name() == ops::Constant::kName) {
      const auto& constant = static_cast<const ops::Constant&>(*node.op);
      return Tensor::full(constant.shape, constant.value, constant.dtype);
    }
    return variables_.read(node.path);
  }

  Tensor gradient_of(Value value) const {
    const ValueType& type = graph_.type(value);
    if (value == result_) return Tensor::full(type.shape, 1, DType::f64);
    if (dependent_.count(value.id) == 0) return {};
    const auto found = outputs_.find("d" + std::to_string(value.id));
    return found == outputs_.end() ? Tensor::zeros(type.shape, DType::f64) : found->second;
  }

  /// A path, with the op where several nodes share it, with a number where that is not enough.
  void name_values() {
    std::map<std::string, int> nodes_at;
    for (const Node& node : nodes_) ++nodes_at[node.path];
    std::set<std::string> taken;
    for (const Node& node : nodes_) {
      const std::string op(node.op->name());
      const bool alone = nodes_at[node.path] == 1 || node.path == op;
      const std::string stem = alone ? node.path : node.path + "." + op;
      for (Value output : node.outputs) {
        if (reached_.count(output.id) == 0) continue;
        std::string name = stem;
        for (int i = 1; !taken.insert(name).second; ++i) name = stem + "_" + std::to_string(i);
        names_[output.id] = name;
      }
    }
  }

  TraceNode traced(const Node& node, std::size_t output) const {
    const Value value = node.outputs[output];
    TraceNode result{
        names_.at(value.id), std::string(node.op->name()), value_of(value), gradient_of(value), {}};
    if (dependent_.count(value.id) == 0) return result;
    std::vector<Tensor> inputs;
    for (Value input : node.inputs) inputs.push_back(value_of(input));
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (dependent_.count(node.inputs[i].id) == 0) continue;
      result.inputs.push_back(
          {names_.at(node.inputs[i].id), local_derivatives(node, output, i, inputs)});
    }
    return result;
  }

  Graph& graph_;
  Value result_;
  Named known_;
  Variables& variables_;
  std::vector<Node> nodes_;  ///< of the forward graph
  std::set<int> dependent_;  ///< values that depend on a target
  std::set<int> reached_;    ///< values that the result depends on
  Named outputs_;
  std::map<int, std::string> names_;
};

// ---- Drawing ----

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.8g", value);
  return text;
}

/// "1.1", or "[1, 2, 3, ...] (4, 25)".
std::string text_of(const Tensor& tensor) {
  if (tensor.numel() == 1) return number(tensor.item());
  std::string text = "[";
  for (std::int64_t i = 0; i < std::min(tensor.numel(), kShownNumbers); ++i) {
    text += (i > 0 ? ", " : "") + number(tensor.item(i));
  }
  text += tensor.numel() > kShownNumbers ? ", ...]" : "]";
  return tensor.shape().rank() > 1 ? text + " " + tensor.shape().str() : text;
}

class Tree {
 public:
  explicit Tree(const GradientTrace& trace) : trace_(trace) {}

  std::string str() {
    draw(trace_.result(), "");
    return text_;
  }

 private:
  void draw(const TraceNode& node, const std::string& indent) {
    if (!drawn_.insert(node.name).second) {
      text_ += node.name + ", drawn above\n";
      return;
    }
    text_ += node.name + (node.name == node.op ? "" : " (" + node.op + ")") + " = " +
             text_of(node.value);
    if (node.gradient.defined()) text_ += ", gradient " + text_of(node.gradient);
    text_ += "\n";
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const TraceEdge& edge = node.inputs[i];
      const bool last = i + 1 == node.inputs.size();
      text_ += indent + (last ? "└─ " : "├─ ") + "x " + text_of(edge.derivative) + " ─ ";
      draw(trace_.node(edge.from), indent + (last ? "   " : "│  "));
    }
  }

  const GradientTrace& trace_;
  std::string text_;
  std::set<std::string> drawn_;
};

GradientTrace trace_graph(Graph& graph, Value result, Named known,
                          const std::vector<Value>& targets, Variables& variables) {
  FOVEA_REQUIRE(result.defined() && graph.type(result).shape.numel() == 1, shape_mismatch,
                "only a single number can be traced",
                result.defined() ? ", not " + to_string(graph.type(result)) : "",
                "; end in a mean or a loss");
  return Tracer(graph, result, std::move(known), targets, variables).trace();
}

}  // namespace

const TraceNode& GradientTrace::node(const std::string& name) const {
  std::string known;
  for (const TraceNode& each : nodes) {
    if (each.name == name) return each;
    known += (known.empty() ? "" : ", ") + each.name;
  }
  fail(ErrorCode::invalid_argument, "nothing in this trace is named '", name, "'; known: ", known);
}

std::string GradientTrace::str() const { return Tree(*this).str(); }

GradientTrace trace_gradients(
    const std::vector<TraceInput>& inputs,
    const std::function<Value(Builder&, const std::vector<Value>&)>& function) {
  Graph graph;
  Builder b(graph, DType::f64);
  Named known;
  std::vector<Value> values;
  for (const TraceInput& input : inputs) {
    const Tensor value =
        is_floating(input.value.dtype()) ? input.value.to(DType::f64) : input.value;
    FOVEA_REQUIRE(known.emplace(input.name, value).second, invalid_argument,
                  "two inputs are named '", input.name, "'; give each a name of its own");
    values.push_back(b.input(input.name, type_of(value)));
  }
  const Value result = function(b, values);
  std::vector<Value> targets;
  for (Value value : values) {
    if (is_floating(b.type(value).dtype)) targets.push_back(value);
  }
  Variables variables(cpu_device());
  variables.create_missing(graph, 0);
  return trace_graph(graph, result, std::move(known), targets, variables);
}

GradientTrace trace_gradients(const Model& model, const Tensor& x, const Loss& loss,
                              const Tensor& target) {
  const Network& network = model.network();
  FOVEA_REQUIRE(network.inputs().size() == 1 && network.outputs().size() == 1, invalid_argument,
                "only models with one input and one output can be traced, not '", network.name(),
                "'");
  const auto as_f64 = [](const Tensor& t) { return is_floating(t.dtype()) ? t.to(DType::f64) : t; };
  const std::string input_name = network.inputs().front().name;
  const std::string target_name = input_name == "target" ? "target_1" : "target";
  Named known = {{input_name, as_f64(x)}, {target_name, as_f64(target)}};
  Graph forward;
  {
    Builder b(forward, DType::f64);
    const Value input = b.input(input_name, type_of(known.at(input_name)));
    forward.mark_output("output", network.build(b, {{input_name, input}}).front().second);
  }
  Graph graph = specialize(forward, false, [](const std::string&) { return false; });
  const Value output = graph.outputs().front().second;
  graph.clear_outputs();
  Builder b(graph, DType::f64);
  Value result;
  {
    const auto scope = b.scope("loss");
    const Value wanted = b.input(target_name, type_of(known.at(target_name)));
    result = b.add(ops::Mean{}, {append_loss(b, loss, output, wanted)});
  }
  Variables variables(cpu_device());
  variables.create_missing(graph, 0);
  for (const std::string& path : model.weight_paths()) {
    if (variables.contains(path)) variables.write(path, model.weight(path).to(DType::f64));
  }
  std::vector<Value> targets;
  for (const Node& node : graph.nodes()) {
    const bool parameter = node.op->name() == ops::Parameter::kName;
    const bool input = node.op->name() == ops::Input::kName && node.path == input_name;
    const Value value = node.outputs.empty() ? Value{} : node.outputs.front();
    if (parameter || (input && is_floating(graph.type(value).dtype))) targets.push_back(value);
  }
  return trace_graph(graph, result, std::move(known), targets, variables);
}

}  // namespace fovea
