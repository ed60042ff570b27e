#include "host/graph/rewrite.h"

#include "fovea/ops/source.h"

namespace fovea {

Value Rewriter::map(Value old_value) const {
  const Value value = mapped_[static_cast<std::size_t>(old_value.id)];
  FOVEA_REQUIRE(value.defined(), internal, "a pass dropped the value of '",
                old_.producer_node(old_value).path, "', which is still used");
  return value;
}

std::vector<Value> Rewriter::map(std::span<const Value> old_values) const {
  std::vector<Value> values;
  values.reserve(old_values.size());
  for (Value value : old_values) values.push_back(map(value));
  return values;
}

void Rewriter::copy(const Node& node) {
  const std::vector<Value>& outputs = add(node.op, map(node.inputs), node.path);
  for (std::size_t i = 0; i < outputs.size(); ++i) set(node.outputs[i], outputs[i]);
}

Graph rewrite(const Graph& graph, const RewriteRule& rule) {
  Rewriter rewriter(graph);
  int index = 0;
  for (const Node& node : graph.nodes()) {
    if (!rule(node, index++, rewriter)) rewriter.copy(node);
  }
  for (const auto& output : graph.outputs()) {
    rewriter.graph().mark_output(output.first, rewriter.map(output.second));
  }
  return std::move(rewriter.graph());
}

Graph remove_dead(const Graph& graph) {
  std::vector<bool> live(static_cast<std::size_t>(graph.value_count()), false);
  for (const auto& output : graph.outputs())
    live[static_cast<std::size_t>(output.second.id)] = true;
  std::vector<bool> keep(graph.nodes().size(), false);
  for (std::size_t i = graph.nodes().size(); i-- > 0;) {
    const Node& node = graph.nodes()[i];
    bool needed = !node.op->effects().empty() || node.op->name() == ops::Input::kName;
    for (Value output : node.outputs) needed |= live[static_cast<std::size_t>(output.id)];
    if (!needed) continue;
    keep[i] = true;
    for (Value input : node.inputs) live[static_cast<std::size_t>(input.id)] = true;
  }
  return rewrite(graph, [&](const Node&, int index, Rewriter&) {
    return !keep[static_cast<std::size_t>(index)];
  });
}

}  // namespace fovea
