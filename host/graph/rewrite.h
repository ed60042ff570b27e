// Rewriting a graph: a new graph is emitted node by node, each node copied or replaced.
#pragma once

#include <concepts>
#include <functional>
#include <span>
#include <vector>

#include "fovea/graph.h"

namespace fovea {

/// The new graph under construction, and where each old value went.
class Rewriter {
 public:
  explicit Rewriter(const Graph& old)
      : old_(old), mapped_(static_cast<std::size_t>(old.value_count())) {}

  const Graph& old() const { return old_; }
  /// The new graph's value for an old one, which must have been emitted already.
  Value map(Value old_value) const;
  std::vector<Value> map(std::span<const Value> old_values) const;
  void set(Value old_value, Value new_value) {
    mapped_[static_cast<std::size_t>(old_value.id)] = new_value;
  }
  /// Appends a node to the new graph; its inputs are new values.
  const std::vector<Value>& add(OpPtr op, std::vector<Value> inputs, const std::string& path) {
    return graph_.add(std::move(op), std::move(inputs), path).outputs;
  }
  template <std::derived_from<Op> DerivedOp>
  const std::vector<Value>& add(DerivedOp op, std::vector<Value> inputs, const std::string& path) {
    return add(std::make_shared<const DerivedOp>(std::move(op)), std::move(inputs), path);
  }
  void copy(const Node& node);
  Graph& graph() { return graph_; }

 private:
  const Graph& old_;
  Graph graph_;
  std::vector<Value> mapped_;
};

/// Emits every node of `graph` in order. `rule(node, index, rewriter)` returns true when it has
/// dealt with the node itself (mapping its outputs, or leaving them to a later node); others are
/// copied.
using RewriteRule = std::function<bool(const Node& node, int index, Rewriter& rewriter)>;
Graph rewrite(const Graph& graph, const RewriteRule& rule);

/// Drops nodes that neither have effects nor lead to an output or an effect. Inputs stay.
FOVEA_INTERNAL Graph remove_dead(const Graph& graph);

}  // namespace fovea
