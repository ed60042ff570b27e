// The conversion of pixels joins the op that gathers the batch.
#include "fovea/ops/basic.h"
#include "fovea/ops/data.h"
#include "host/graph/match.h"
#include "host/graph/passes.h"
#include "host/graph/rewrite.h"

namespace fovea {

Graph fuse_picture_rescale(const Graph& graph) {
  const Matcher matcher(graph);
  const auto rescale_of = [&](const Node& batch) {
    return matcher.only_consumer<ops::Rescale>(batch.outputs[0]);
  };
  const auto cast_of = [&](const Node& rescale) {
    return matcher.only_consumer<ops::Cast>(rescale.outputs[0]);
  };
  /// Whether the node's input comes, fused, out of the op that gathers the batch.
  const auto is_fused_rescale = [&](const Node& node) {
    if (!Matcher::is<ops::Rescale>(node)) return false;
    const Node* batch = matcher.producer<ops::PictureBatch>(node.inputs[0]);
    return batch != nullptr && rescale_of(*batch) == &node;
  };
  return rewrite(graph, [&](const Node& node, int, Rewriter& rewriter) {
    if (Matcher::is<ops::PictureBatch>(node)) {
      const Node* rescale = rescale_of(node);
      if (rescale == nullptr) return false;
      const Node* cast = cast_of(*rescale);
      ops::PictureBatch fused = Matcher::op<ops::PictureBatch>(node);
      fused.scale = Matcher::op<ops::Rescale>(*rescale).scale;
      fused.offset = Matcher::op<ops::Rescale>(*rescale).offset;
      fused.dtype = graph.type((cast != nullptr ? cast : rescale)->outputs[0]).dtype;
      const std::vector<Value> made = rewriter.add(fused, rewriter.map(node.inputs), node.path);
      for (std::size_t i = 0; i < made.size(); ++i) rewriter.set(node.outputs[i], made[i]);
      return true;
    }
    const bool is_cast = Matcher::is<ops::Cast>(node);
    const Node* rescale = is_cast ? matcher.producer<ops::Rescale>(node.inputs[0]) : nullptr;
    const bool cast_is_fused =
        rescale != nullptr && is_fused_rescale(*rescale) && cast_of(*rescale) == &node;
    if (!cast_is_fused && !is_fused_rescale(node)) return false;
    rewriter.set(node.outputs[0], rewriter.map(node.inputs[0]));
    return true;
  });
}

}  // namespace fovea
