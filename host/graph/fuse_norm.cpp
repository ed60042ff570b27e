// Fusions around batch norm in training.
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "fovea/ops/basic.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/norm.h"
#include "host/graph/match.h"
#include "host/graph/measured_fusion.h"
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

/// The fused op for a convolution and the batch norm in training that reads it.
ops::Conv2dBatchNormAct conv_and_norm(const Node& conv, const Node& norm) {
  ops::Conv2dBatchNormAct op;
  static_cast<ops::ConvAttributes&>(op) = Matcher::op<ops::Conv2d>(conv);
  if (Matcher::is<ops::BatchNorm>(norm)) {
    const auto& plain = Matcher::op<ops::BatchNorm>(norm);
    op.epsilon = plain.epsilon;
    op.momentum = plain.momentum;
  } else {
    const auto& fused = Matcher::op<ops::BatchNormAct>(norm);
    op.epsilon = fused.epsilon;
    op.momentum = fused.momentum;
    op.activation = fused.activation;
    op.residual = fused.residual;
  }
  return op;
}

/// The convolution and the batch norm become one where the batch norm stands: others that read the
/// convolution, such as its backward pass, must come later.
const Node* conv_before(const Matcher& matcher, const Node& norm) {
  if (!Matcher::is<ops::BatchNorm>(norm) && !Matcher::is<ops::BatchNormAct>(norm)) return nullptr;
  const Node* conv = matcher.producer<ops::Conv2d>(norm.inputs[0]);
  if (conv == nullptr) return nullptr;
  const auto& consumers = matcher.consumers(norm.inputs[0]);
  const bool first = std::all_of(consumers.begin(), consumers.end(), [&](const Node* consumer) {
    return matcher.position(*consumer) >= matcher.position(norm);
  });
  return first ? conv : nullptr;
}

/// A batch norm in training with relu behind it and nothing between.
struct NormAndRelu {
  Value x, gamma, beta, mean, var;
};

/// The one whose output this is, if any.
std::optional<NormAndRelu> norm_before_relu(const Graph& graph, Value output) {
  const Node& node = graph.producer_node(output);
  const std::vector<Value>&in = node.inputs, &out = node.outputs;
  const auto is_plain = [](const auto& op) {
    return op.activation.kind == Activation::Kind::relu && !op.residual;
  };
  if (Matcher::is<ops::BatchNormAct>(node) && out[0] == output &&
      is_plain(Matcher::op<ops::BatchNormAct>(node))) {
    return NormAndRelu{in[0], in[1], in[2], out[1], out[2]};
  }
  if (Matcher::is<ops::Conv2dBatchNormAct>(node) && out[1] == output &&
      is_plain(Matcher::op<ops::Conv2dBatchNormAct>(node))) {
    return NormAndRelu{out[0], in[2], in[3], out[2], out[3]};
  }
  return std::nullopt;
}

/// conv2d_backward_data -> batch_norm_act_backward as one.
struct BackwardChain {
  const Node* conv = nullptr;
  ops::Conv2dBackwardDataBatchNormRelu op;
  std::vector<Value> inputs;
};

/// That ends in `norm`; without a `conv` where there is none. The fused op does not give the masked
/// gradient, which a residual branch would want.
BackwardChain match_backward_data(const Graph& graph, const Matcher& matcher, const Node& norm) {
  if (!Matcher::is<ops::BatchNormActBackward>(norm) || matcher.used(norm.outputs[0]) ||
      Matcher::op<ops::BatchNormActBackward>(norm).activation.kind != Activation::Kind::relu) {
    return {};
  }
  const Node* conv = matcher.producer<ops::Conv2dBackwardData>(norm.inputs[0]);
  if (conv == nullptr ||
      matcher.only_consumer<ops::BatchNormActBackward>(norm.inputs[0]) == nullptr) {
    return {};
  }
  const auto forward = norm_before_relu(graph, norm.inputs[1]);
  if (!forward) return {};
  const std::vector<Value> read = {norm.inputs[0], norm.inputs[1], forward->x,
                                   forward->gamma, forward->mean,  forward->var};
  if (norm.inputs != read) return {};
  BackwardChain chain;
  chain.conv = conv;
  static_cast<ops::ConvAttributes&>(chain.op) = Matcher::op<ops::Conv2dBackwardData>(*conv);
  chain.op.epsilon = Matcher::op<ops::BatchNormActBackward>(norm).epsilon;
  chain.inputs = {conv->inputs[0], conv->inputs[1], forward->x,  forward->gamma,
                  forward->beta,   forward->mean,   forward->var};
  return chain;
}

}  // namespace

Graph fuse_conv_batch_norm(const Graph& graph, Device& device, const PlanOptions& options) {
  const Matcher matcher(graph);
  std::map<const Node*, const Node*> conv_of;  // by the batch norm
  std::set<const Node*> absorbed;
  const auto inputs_of = [](const Node& conv, const Node& norm) {
    std::vector<Value> inputs = conv.inputs;
    inputs.insert(inputs.end(), norm.inputs.begin() + 1, norm.inputs.end());
    return inputs;
  };
  for (const Node& norm : graph.nodes()) {
    const Node* conv = conv_before(matcher, norm);
    if (conv == nullptr) continue;
    const PlanStep fused =
        step_of(graph, std::make_shared<const ops::Conv2dBatchNormAct>(conv_and_norm(*conv, norm)),
                inputs_of(*conv, norm));
    const std::vector<PlanStep> parts = {step_of(graph, conv->op, conv->inputs),
                                         step_of(graph, norm.op, norm.inputs)};
    if (!accepted_and_pays(fused, parts, device, options)) continue;
    conv_of.emplace(&norm, conv);
    absorbed.insert(conv);
  }
  return rewrite(graph, [&](const Node& node, int, Rewriter& rewriter) {
    const auto found = conv_of.find(&node);
    if (found == conv_of.end()) return absorbed.count(&node) > 0;
    const Node& conv = *found->second;
    const std::vector<Value>& outputs =
        rewriter.add(conv_and_norm(conv, node), rewriter.map(inputs_of(conv, node)), conv.path);
    rewriter.set(conv.outputs[0], outputs[0]);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      rewriter.set(node.outputs[i], outputs[i + 1]);
    }
    return true;
  });
}

Graph fuse_backward_data_batch_norm(const Graph& graph, Device& device,
                                    const PlanOptions& options) {
  const Matcher matcher(graph);
  std::map<const Node*, BackwardChain> chains;  // by the batch norm's backward pass
  std::set<const Node*> absorbed;
  for (const Node& norm : graph.nodes()) {
    const BackwardChain chain = match_backward_data(graph, matcher, norm);
    if (chain.conv == nullptr) continue;
    const PlanStep fused =
        step_of(graph, std::make_shared<const ops::Conv2dBackwardDataBatchNormRelu>(chain.op),
                chain.inputs);
    const std::vector<PlanStep> parts = {step_of(graph, chain.conv->op, chain.conv->inputs),
                                         step_of(graph, norm.op, norm.inputs)};
    if (!accepted_and_pays(fused, parts, device, options)) continue;
    chains.emplace(&norm, chain);
    absorbed.insert(chain.conv);
  }
  return rewrite(graph, [&](const Node& node, int, Rewriter& rewriter) {
    const auto found = chains.find(&node);
    if (found == chains.end()) return absorbed.count(&node) > 0;
    const std::vector<Value>& outputs =
        rewriter.add(found->second.op, rewriter.map(found->second.inputs), node.path);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      rewriter.set(node.outputs[i + 1], outputs[i]);
    }
    return true;
  });
}

Graph fuse_batch_norm_activation(const Graph& graph) { return fuse_backward(fuse_forward(graph)); }

}  // namespace fovea
