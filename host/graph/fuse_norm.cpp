// Fusions around batch norm in training.
#include <map>
#include <set>

#include "fovea/ops/basic.h"
#include "fovea/ops/norm.h"
#include "host/graph/match.h"
#include "host/graph/passes.h"
#include "host/graph/rewrite.h"

namespace fovea {
namespace {

/// batch_norm [-> add residual] -> activate, seen from its last node. Activations that save their
/// input for the backward pass have another consumer there and so never match.
struct NormChain {
  const Node* norm = nullptr;
  const Node* add = nullptr;
  const Node* activate = nullptr;
  Value residual;
};

NormChain match_forward(const Matcher& matcher, const Node& norm) {
  NormChain chain;
  Value value = norm.outputs[0];
  const Node* add = matcher.only_consumer<ops::Add>(value);
  if (add != nullptr) value = add->outputs[0];
  chain.activate = matcher.only_consumer<ops::Activate>(value);
  if (chain.activate == nullptr) return {};
  chain.norm = &norm;
  if (add != nullptr) {
    chain.add = add;
    chain.residual = add->inputs[0] == norm.outputs[0] ? add->inputs[1] : add->inputs[0];
  }
  return chain;
}

void emit_forward(const NormChain& chain, Rewriter& rewriter) {
  const auto& norm = Matcher::op<ops::BatchNorm>(*chain.norm);
  ops::BatchNormAct op;
  op.epsilon = norm.epsilon;
  op.momentum = norm.momentum;
  op.activation = Matcher::op<ops::Activate>(*chain.activate).activation;
  op.residual = chain.add != nullptr;
  std::vector<Value> inputs = rewriter.map(chain.norm->inputs);
  if (op.residual) inputs.push_back(rewriter.map(chain.residual));
  const std::vector<Value>& outputs = rewriter.add(op, inputs, chain.norm->path);
  rewriter.set(chain.activate->outputs[0], outputs[0]);
  rewriter.set(chain.norm->outputs[1], outputs[1]);
  rewriter.set(chain.norm->outputs[2], outputs[2]);
}

Graph fuse_forward(const Graph& graph) {
  const Matcher matcher(graph);
  std::map<const Node*, NormChain> by_last;
  std::set<const Node*> absorbed;
  for (const Node& node : graph.nodes()) {
    if (!Matcher::is<ops::BatchNorm>(node)) continue;
    const NormChain chain = match_forward(matcher, node);
    if (chain.norm == nullptr || absorbed.count(chain.activate) > 0) continue;
    for (const Node* part : {chain.norm, chain.add, chain.activate}) {
      if (part != nullptr) absorbed.insert(part);
    }
    by_last.emplace(chain.activate, chain);
  }
  return rewrite(graph, [&](const Node& node, int, Rewriter& rewriter) {
    const auto chain = by_last.find(&node);
    if (chain != by_last.end()) {
      emit_forward(chain->second, rewriter);
      return true;
    }
    return absorbed.count(&node) > 0;
  });
}

/// activate_backward -> batch_norm_backward. The masked gradient may have other consumers (the
/// residual branch): the fused op gives it too.
Graph fuse_backward(const Graph& graph) {
  const Matcher matcher(graph);
  std::map<const Node*, const Node*> norm_of;  // by the activation's node
  std::set<const Node*> absorbed;
  for (const Node& node : graph.nodes()) {
    if (!Matcher::is<ops::BatchNormBackward>(node)) continue;
    const Node* activate = matcher.producer<ops::ActivateBackward>(node.inputs[0]);
    // With two batch norms behind one activation, the first takes it.
    if (activate == nullptr || norm_of.count(activate) > 0) continue;
    norm_of.emplace(activate, &node);
    absorbed.insert(&node);
  }
  return rewrite(graph, [&](const Node& node, int, Rewriter& rewriter) {
    const auto found = norm_of.find(&node);
    if (found == norm_of.end()) return absorbed.count(&node) > 0;
    const Node& norm = *found->second;
    ops::BatchNormActBackward op;
    op.epsilon = Matcher::op<ops::BatchNormBackward>(norm).epsilon;
    op.activation = Matcher::op<ops::ActivateBackward>(node).activation;
    std::vector<Value> inputs = rewriter.map(node.inputs);
    for (std::size_t i = 1; i < norm.inputs.size(); ++i)
      inputs.push_back(rewriter.map(norm.inputs[i]));
    const std::vector<Value>& outputs = rewriter.add(op, inputs, norm.path);
    rewriter.set(node.outputs[0], outputs[0]);
    for (std::size_t i = 0; i < norm.outputs.size(); ++i)
      rewriter.set(norm.outputs[i], outputs[i + 1]);
    return true;
  });
}

}  // namespace

Graph fuse_batch_norm_activation(const Graph& graph) { return fuse_backward(fuse_forward(graph)); }

}  // namespace fovea
