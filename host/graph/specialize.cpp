#include "fovea/ops/basic.h"
#include "fovea/ops/norm.h"
#include "host/graph/match.h"
#include "host/graph/passes.h"
#include "host/graph/rewrite.h"

namespace fovea {

Graph specialize(const Graph& graph, bool training,
                 const std::function<bool(const std::string& path)>& frozen) {
  return rewrite(graph, [&](const Node& node, int, Rewriter& rewriter) {
    if (Matcher::is<ops::Dropout>(node) && !training) {
      rewriter.set(node.outputs[0], rewriter.map(node.inputs[0]));
      return true;
    }
    if (Matcher::is<ops::BatchNorm>(node) && (!training || frozen(node.path))) {
      ops::BatchNormInference op;
      op.epsilon = Matcher::op<ops::BatchNorm>(node).epsilon;
      const std::vector<Value> inputs = rewriter.map(node.inputs);
      rewriter.set(node.outputs[0], rewriter.add(op, inputs, node.path).front());
      // The statistics themselves, should anything read them, are the running ones.
      rewriter.set(node.outputs[1], inputs[3]);
      rewriter.set(node.outputs[2], inputs[4]);
      return true;
    }
    return false;
  });
}

}  // namespace fovea
