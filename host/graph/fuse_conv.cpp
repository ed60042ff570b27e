// Fusions around convolutions and matrix products.
#include <map>
#include <set>

#include "fovea/ops/basic.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/pool.h"
#include "host/graph/match.h"
#include "host/graph/measured_fusion.h"
#include "host/graph/passes.h"
#include "host/graph/rewrite.h"

namespace fovea {
namespace {

/// conv|matmul -> add_bias [-> add residual] [-> activate], seen from its last node.
struct BiasChain {
  const Node* product = nullptr;
  const Node* bias = nullptr;
  const Node* add = nullptr;
  const Node* activate = nullptr;
  Value residual;
  const Node& last() const {
    return activate != nullptr ? *activate : add != nullptr ? *add : *bias;
  }
};

template <class Product>
BiasChain match_chain(const Matcher& matcher, const Node& product) {
  BiasChain chain;
  const Node* bias = matcher.only_consumer<ops::AddBias>(product.outputs[0]);
  if (bias == nullptr || bias->inputs[0] != product.outputs[0]) return chain;
  chain.product = &product;
  chain.bias = bias;
  Value value = bias->outputs[0];
  if constexpr (std::is_same_v<Product, ops::Conv2d>) {
    if (const Node* add = matcher.only_consumer<ops::Add>(value)) {
      chain.add = add;
      chain.residual = add->inputs[0] == value ? add->inputs[1] : add->inputs[0];
      value = add->outputs[0];
    }
  }
  chain.activate = matcher.only_consumer<ops::Activate>(value);
  return chain;
}

Value emit_chain(const BiasChain& chain, Rewriter& rewriter) {
  Activation activation;
  if (chain.activate != nullptr)
    activation = Matcher::op<ops::Activate>(*chain.activate).activation;
  std::vector<Value> inputs = rewriter.map(chain.product->inputs);
  inputs.push_back(rewriter.map(chain.bias->inputs[1]));
  if (Matcher::is<ops::MatMul>(*chain.product)) {
    ops::MatMulBiasAct op;
    op.activation = activation;
    return rewriter.add(op, inputs, chain.product->path).front();
  }
  ops::Conv2dBiasAct op;
  static_cast<ops::ConvAttributes&>(op) = Matcher::op<ops::Conv2d>(*chain.product);
  op.activation = activation;
  op.residual = chain.add != nullptr;
  if (op.residual) inputs.push_back(rewriter.map(chain.residual));
  return rewriter.add(op, inputs, chain.product->path).front();
}

}  // namespace

Graph fuse_bias_activation(const Graph& graph) {
  const Matcher matcher(graph);
  std::map<const Node*, BiasChain> by_last;
  std::set<const Node*> absorbed;
  for (const Node& node : graph.nodes()) {
    BiasChain chain;
    if (Matcher::is<ops::Conv2d>(node)) chain = match_chain<ops::Conv2d>(matcher, node);
    if (Matcher::is<ops::MatMul>(node)) {
      const auto& op = Matcher::op<ops::MatMul>(node);
      if (!op.transpose_a && !op.transpose_b) chain = match_chain<ops::MatMul>(matcher, node);
    }
    // Two convolutions that are added could both claim the Add; the first one has it.
    if (chain.add != nullptr && absorbed.count(chain.add) > 0) {
      chain.add = chain.activate = nullptr;
    }
    if (chain.product == nullptr) continue;
    for (const Node* part : {chain.product, chain.bias, chain.add, chain.activate}) {
      if (part != nullptr) absorbed.insert(part);
    }
    by_last.emplace(&chain.last(), chain);
  }
  return rewrite(graph, [&](const Node& node, int, Rewriter& rewriter) {
    const auto chain = by_last.find(&node);
    if (chain != by_last.end()) {
      rewriter.set(node.outputs[0], emit_chain(chain->second, rewriter));
      return true;
    }
    return absorbed.count(&node) > 0;
  });
}

Graph fuse_filter_bias_gradients(const Graph& graph) {
  const Matcher matcher(graph);
  const auto partner = [&](const Node& node) -> const Node* {
    if (Matcher::is<ops::Conv2dBackwardFilter>(node)) {
      return matcher.any_consumer<ops::BiasGrad>(node.inputs[1]);
    }
    if (Matcher::is<ops::BiasGrad>(node)) {
      return matcher.any_consumer<ops::Conv2dBackwardFilter>(node.inputs[0]);
    }
    return nullptr;
  };
  return rewrite(graph, [&](const Node& node, int, Rewriter& rewriter) {
    const Node* other = partner(node);
    // Only pairs that choose each other: a tensor may feed several convolutions' gradients.
    if (other == nullptr || partner(*other) != &node) return false;
    if (matcher.position(*other) < matcher.position(node)) return true;  // emitted with the first
    const Node& filter = Matcher::is<ops::BiasGrad>(node) ? *other : node;
    const Node& bias = Matcher::is<ops::BiasGrad>(node) ? node : *other;
    const auto& parts = Matcher::op<ops::Conv2dBackwardFilter>(filter);
    ops::Conv2dBackwardFilterBias op;
    static_cast<ops::ConvAttributes&>(op) = parts;
    op.kernel = parts.kernel;
    const std::vector<Value>& outputs = rewriter.add(op, rewriter.map(filter.inputs), filter.path);
    rewriter.set(filter.outputs[0], outputs[0]);
    rewriter.set(bias.outputs[0], outputs[1]);
    return true;
  });
}

Graph fuse_weight_bias_gradients(const Graph& graph, Device& device, const PlanOptions& options) {
  const Matcher matcher(graph);
  std::map<const Node*, const Node*> bias_of;  // by the product
  std::set<const Node*> absorbed;
  for (const Node& product : graph.nodes()) {
    if (!Matcher::is<ops::MatMul>(product)) continue;
    const auto& op = Matcher::op<ops::MatMul>(product);
    if (!op.transpose_a || op.transpose_b) continue;
    const Node* bias = matcher.any_consumer<ops::BiasGrad>(product.inputs[1]);
    if (bias == nullptr || absorbed.count(bias) > 0) continue;
    if (graph.producer(product.inputs[0]) > matcher.position(*bias)) continue;
    const PlanStep fused =
        step_of(graph, std::make_shared<const ops::MatMulBackwardWeightBias>(), product.inputs);
    const std::vector<PlanStep> parts = {step_of(graph, product.op, product.inputs),
                                         step_of(graph, bias->op, bias->inputs)};
    if (!accepted_and_pays(fused, parts, device, options)) continue;
    bias_of.emplace(&product, bias);
    absorbed.insert(bias);
  }
  // Both are made where the first of them stood, where x and dy are there already.
  const auto emit = [&](const Node& product, const Node& bias, Rewriter& rewriter) {
    const std::vector<Value>& outputs =
        rewriter.add(ops::MatMulBackwardWeightBias{}, rewriter.map(product.inputs), product.path);
    rewriter.set(product.outputs[0], outputs[0]);
    rewriter.set(bias.outputs[0], outputs[1]);
  };
  return rewrite(graph, [&](const Node& node, int, Rewriter& rewriter) {
    for (const auto& [product, bias] : bias_of) {
      if (&node != product && &node != bias) continue;
      const bool product_first = matcher.position(*product) < matcher.position(*bias);
      if ((&node == product) == product_first) emit(*product, *bias, rewriter);
      return true;
    }
    return false;
  });
}

Graph relu_before_pool_backward(const Graph& graph) {
  const Matcher matcher(graph);
  // The pooling whose backward pass feeds this relu's backward pass, and nothing else.
  const auto pool_backward = [&](const Node& node) -> const Node* {
    if (!Matcher::is<ops::ActivateBackward>(node)) return nullptr;
    if (Matcher::op<ops::ActivateBackward>(node).activation.kind != Activation::Kind::relu) {
      return nullptr;
    }
    const Node* backward = matcher.producer<ops::MaxPool2dBackward>(node.inputs[0]);
    if (backward == nullptr ||
        matcher.only_consumer<ops::ActivateBackward>(node.inputs[0]) == nullptr) {
      return nullptr;
    }
    const Node& pool = graph.producer_node(backward->inputs[1]);
    return Matcher::is<ops::MaxPool2d>(pool) && pool.inputs[0] == node.inputs[1] ? backward
                                                                                 : nullptr;
  };
  return rewrite(graph, [&](const Node& node, int, Rewriter& rewriter) {
    if (Matcher::is<ops::MaxPool2dBackward>(node)) {
      const Node* relu = matcher.only_consumer<ops::ActivateBackward>(node.outputs[0]);
      return relu != nullptr && pool_backward(*relu) == &node;  // emitted with the relu
    }
    const Node* backward = pool_backward(node);
    if (backward == nullptr) return false;
    const Node& pool = graph.producer_node(backward->inputs[1]);
    const Value masked =
        rewriter
            .add(node.op, {rewriter.map(backward->inputs[0]), rewriter.map(pool.outputs[0])},
                 node.path)
            .front();
    rewriter.set(
        node.outputs[0],
        rewriter.add(backward->op, {masked, rewriter.map(backward->inputs[1])}, backward->path)
            .front());
    return true;
  });
}

Graph fold_batch_norm(const Graph& graph) {
  const Matcher matcher(graph);
  /// conv [-> add_bias] -> batch_norm_inference, seen from the batch norm.
  struct Fold {
    const Node* conv = nullptr;
    const Node* bias = nullptr;
  };
  std::map<const Node*, Fold> folds;
  std::set<const Node*> absorbed;
  for (const Node& node : graph.nodes()) {
    if (!Matcher::is<ops::BatchNormInference>(node)) continue;
    Fold fold;
    fold.bias = matcher.producer<ops::AddBias>(node.inputs[0]);
    const Value product = fold.bias != nullptr ? fold.bias->inputs[0] : node.inputs[0];
    fold.conv = matcher.producer<ops::Conv2d>(product);
    if (fold.conv == nullptr ||
        matcher.only_consumer<ops::BatchNormInference>(node.inputs[0]) == nullptr) {
      continue;
    }
    if (fold.bias != nullptr && matcher.only_consumer<ops::AddBias>(product) == nullptr) continue;
    absorbed.insert(fold.conv);
    if (fold.bias != nullptr) absorbed.insert(fold.bias);
    folds.emplace(&node, fold);
  }
  return rewrite(graph, [&](const Node& node, int, Rewriter& rewriter) {
    const auto found = folds.find(&node);
    if (found == folds.end()) return absorbed.count(&node) > 0;
    const Fold& fold = found->second;
    ops::FoldBatchNorm op;
    op.epsilon = Matcher::op<ops::BatchNormInference>(node).epsilon;
    std::vector<Value> inputs = {rewriter.map(fold.conv->inputs[1])};
    for (std::size_t i = 1; i < node.inputs.size(); ++i)
      inputs.push_back(rewriter.map(node.inputs[i]));
    if (fold.bias != nullptr) inputs.push_back(rewriter.map(fold.bias->inputs[1]));
    const std::vector<Value> folded = rewriter.add(op, inputs, node.path);
    const Value product =
        rewriter
            .add(fold.conv->op, {rewriter.map(fold.conv->inputs[0]), folded[0]}, fold.conv->path)
            .front();
    rewriter.set(node.outputs[0],
                 rewriter.add(ops::AddBias{}, {product, folded[1]}, node.path).front());
    return true;
  });
}

}  // namespace fovea
