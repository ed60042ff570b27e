#include "host/io/onnx/export.h"

#include "fovea/ops/source.h"
#include "fovea/version.h"
#include "host/graph/passes.h"
#include "host/graph/rewrite.h"
#include "host/io/onnx/export_ops.h"
#include "host/io/onnx/export_writer.h"

namespace fovea::onnx {
namespace {

/// The network for a batch of one, without what only training needs.
fovea::Graph inference_graph(const Network& network) {
  fovea::Graph graph;
  Builder b(graph);
  std::map<std::string, Value> inputs;
  for (const InputSpec& input : network.inputs()) {
    inputs[input.name] = b.input(input.name, {input.shape.prepend(1), input.dtype});
  }
  for (const auto& [name, value] : network.build(b, inputs)) graph.mark_output(name, value);
  return remove_dead(specialize(graph, false, [](const std::string&) { return false; }));
}

}  // namespace

Model export_model(const StoredModel& model) {
  model.network.to_json();  // throws where ops depend on the batch size, which is open in the file
  const fovea::Graph graph = inference_graph(model.network);
  Writer writer(graph, model.weights);
  for (const InputSpec& input : model.network.inputs()) writer.reserve(input.name);
  for (const auto& [name, value] : graph.outputs()) writer.reserve(name);
  for (const fovea::Node& node : graph.nodes()) {
    if (node.op->name() == ops::Input::kName) {
      writer.add_input(static_cast<const ops::Input&>(*node.op).key, node.outputs.front());
    } else if (!writer.skipped(node)) {
      export_op(writer, node);
    }
  }
  for (const auto& [name, value] : graph.outputs()) writer.finish_output(name, value);
  Model file;
  file.producer = "fovea";
  file.producer_version = version();
  file.graph = writer.take();
  file.graph.name = model.network.name();
  if (!model.class_names.empty()) {
    file.metadata.emplace_back("class_names", to_json(model.class_names).to_string());
  }
  return file;
}

}  // namespace fovea::onnx
