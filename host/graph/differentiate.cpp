#include "host/graph/differentiate.h"

#include <memory>

#include "fovea/ops/basic.h"

namespace fovea {
namespace {

/// Which values depend on a target.
std::vector<bool> dependents(const Graph& graph, std::span<const Value> targets) {
  std::vector<bool> depends(static_cast<std::size_t>(graph.value_count()), false);
  for (Value target : targets) depends[static_cast<std::size_t>(target.id)] = true;
  for (const Node& node : graph.nodes()) {
    for (Value input : node.inputs) {
      if (!depends[static_cast<std::size_t>(input.id)]) continue;
      for (Value output : node.outputs) depends[static_cast<std::size_t>(output.id)] = true;
      break;
    }
  }
  return depends;
}

/// The gradients that have reached each value so far.
class Gradients {
 public:
  Gradients(Builder& builder, int value_count)
      : builder_(builder), sums_(static_cast<std::size_t>(value_count)) {}

  Value& operator[](Value value) { return sums_[static_cast<std::size_t>(value.id)]; }

  void add(Value value, Value gradient) {
    FOVEA_REQUIRE(builder_.type(gradient) == builder_.type(value), internal, "the gradient of ",
                  to_string(builder_.type(value)), " has type ",
                  to_string(builder_.type(gradient)));
    Value& sum = (*this)[value];
    sum = sum.defined() ? Value(builder_.add(ops::Add{}, {sum, gradient})) : gradient;
  }

 private:
  Builder& builder_;
  std::vector<Value> sums_;
};

void differentiate_node(Builder& builder, const Node& node, const std::vector<bool>& depends,
                        Gradients& gradients) {
  std::vector<Value> output_grads;
  bool reached = false;
  for (Value output : node.outputs) {
    output_grads.push_back(gradients[output]);
    reached |= output_grads.back().defined();
  }
  if (!reached) return;
  const auto wanted = std::make_unique<bool[]>(node.inputs.size());
  bool any = false;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    wanted[i] = depends[static_cast<std::size_t>(node.inputs[i].id)];
    any |= wanted[i];
  }
  if (!any) return;
  const auto scope = builder.scope(node.path);
  const std::vector<Value> input_grads = node.op->backward(
      {builder, node.inputs, node.outputs, output_grads, {wanted.get(), node.inputs.size()}});
  FOVEA_REQUIRE(input_grads.size() == node.inputs.size(), internal, "backward of ", node.op->name(),
                " returned ", input_grads.size(), " gradients for ", node.inputs.size(), " inputs");
  for (std::size_t i = 0; i < input_grads.size(); ++i) {
    if (wanted[i] && input_grads[i].defined()) gradients.add(node.inputs[i], input_grads[i]);
  }
}

}  // namespace

std::vector<Value> differentiate(Builder& builder, Value scalar, std::span<const Value> targets) {
  Graph& graph = builder.graph();
  FOVEA_REQUIRE(graph.type(scalar).shape.numel() == 1, shape_mismatch,
                "only a scalar can be differentiated, not ", to_string(graph.type(scalar)));
  const std::vector<bool> depends = dependents(graph, targets);
  Gradients gradients(builder, graph.value_count());
  const int forward_nodes = static_cast<int>(graph.nodes().size());
  if (depends[static_cast<std::size_t>(scalar.id)]) {
    gradients[scalar] = builder.constant(graph.type(scalar), 1.0);
  }
  for (int i = forward_nodes; i-- > 0;) {
    // A copy, since appending nodes moves them.
    const Node node = graph.nodes()[static_cast<std::size_t>(i)];
    differentiate_node(builder, node, depends, gradients);
  }
  std::vector<Value> result;
  for (Value target : targets) result.push_back(gradients[target]);
  return result;
}

}  // namespace fovea
