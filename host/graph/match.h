// Matching patterns in a graph.
#pragma once

#include <string_view>
#include <vector>

#include "fovea/graph.h"

namespace fovea {

/// A graph with what pattern matching asks of it.
class Matcher {
 public:
  explicit Matcher(const Graph& graph)
      : graph_(graph), uses_(graph.use_counts()), consumers_(uses_.size()) {
    for (const Node& node : graph.nodes()) {
      for (Value input : node.inputs) consumers_[index(input)].push_back(&node);
    }
  }

  /// The node that makes `value`, if it is an op of this type and `value` its first output.
  template <class DerivedOp>
  const Node* producer(Value value) const {
    const Node& node = graph_.producer_node(value);
    return is<DerivedOp>(node) && node.outputs.front() == value ? &node : nullptr;
  }
  /// The only node that uses `value` (and uses it once), if it is an op of this type and `value` is
  /// not an output of the graph.
  template <class DerivedOp>
  const Node* only_consumer(Value value) const {
    if (uses_[index(value)] != 1 || consumers_[index(value)].size() != 1) return nullptr;
    const Node* node = consumers_[index(value)].front();
    return is<DerivedOp>(*node) ? node : nullptr;
  }
  /// Some node of this type that uses `value`.
  template <class DerivedOp>
  const Node* any_consumer(Value value) const {
    for (const Node* node : consumers_[index(value)]) {
      if (is<DerivedOp>(*node)) return node;
    }
    return nullptr;
  }
  const std::vector<const Node*>& consumers(Value value) const { return consumers_[index(value)]; }
  bool used(Value value) const { return uses_[index(value)] > 0; }
  /// The node's place in the order of execution.
  int position(const Node& node) const { return graph_.producer(node.outputs.front()); }

  template <class DerivedOp>
  static bool is(const Node& node) {
    return node.op->name() == DerivedOp::kName;
  }
  template <class DerivedOp>
  static const DerivedOp& op(const Node& node) {
    return static_cast<const DerivedOp&>(*node.op);
  }

 private:
  static std::size_t index(Value value) { return static_cast<std::size_t>(value.id); }

  const Graph& graph_;
  std::vector<int> uses_;
  std::vector<std::vector<const Node*>> consumers_;
};

}  // namespace fovea
