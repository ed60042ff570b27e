#include "tests/simulated_gpu/cudnn/graph.h"

#include <algorithm>
#include <set>

namespace simulated_gpu::cudnn {
namespace {

std::string named(const Tensor& tensor) { return "tensor " + std::to_string(tensor.id); }

/// Dense, the channels of a pixel beside each other: what this project's tensors are, and what
/// engines on tensor cores ask for.
void check_layout(const Tensor& tensor) {
  const auto& [n, c, h, w] = tensor.sizes;
  require(tensor.strides == std::array<std::int64_t, 4>{h * w * c, 1, w * c, c},
          CUDNN_STATUS_NOT_SUPPORTED_LAYOUT, named(tensor) + " is not dense in NHWC order");
}

/// Fails where an id means two tensors.
void collect_tensors(Graph& graph) {
  for (const Operation& operation : graph.operations) {
    for (const auto* tensors : {&operation.inputs, &operation.outputs}) {
      for (const Tensor& tensor : *tensors) {
        check_layout(tensor);
        const Tensor& known = graph.tensors.try_emplace(tensor.id, tensor).first->second;
        require(known == tensor, CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES,
                named(tensor) + " is described in two ways");
      }
    }
  }
}

/// Fails where a tensor has two writers, or is virtual and lacks a writer or a reader.
std::set<std::int64_t> written_tensors(const Graph& graph) {
  std::set<std::int64_t> written, read;
  for (const Operation& operation : graph.operations) {
    for (const Tensor& output : operation.outputs) {
      require(!output.is_virtual || !operation.is_convolution() || operation.beta == 0,
              CUDNN_STATUS_BAD_PARAM, named(output) + " is virtual, but added to");
      require(written.insert(output.id).second, CUDNN_STATUS_BAD_PARAM,
              named(output) + " is written twice");
    }
    for (const Tensor& input : operation.inputs) read.insert(input.id);
  }
  for (const auto& [id, tensor] : graph.tensors) {
    require(!tensor.is_virtual || (written.count(id) != 0 && read.count(id) != 0),
            CUDNN_STATUS_BAD_PARAM, named(tensor) + " is virtual, but not written and read");
  }
  return written;
}

/// Orders the operations so that each one's inputs are there.
void order_operations(Graph& graph, std::set<std::int64_t> missing) {
  std::vector<Operation> ordered, left = std::move(graph.operations);
  while (!left.empty()) {
    const auto ready = std::find_if(left.begin(), left.end(), [&](const Operation& operation) {
      return std::none_of(operation.inputs.begin(), operation.inputs.end(),
                          [&](const Tensor& input) { return missing.count(input.id) != 0; });
    });
    require(ready != left.end(), CUDNN_STATUS_BAD_PARAM, "the operations form a cycle");
    for (const Tensor& output : ready->outputs) missing.erase(output.id);
    ordered.push_back(std::move(*ready));
    left.erase(ready);
  }
  graph.operations = std::move(ordered);
}

}  // namespace

Graph graph_of(const Content& content) {
  Graph graph;
  graph.handle = content.one_or<cudnnHandle_t>(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, nullptr);
  for (const ContentPtr& child : content.attributes.at(CUDNN_ATTR_OPERATIONGRAPH_OPS).children) {
    graph.operations.push_back(operation_of(*child));
  }
  collect_tensors(graph);
  order_operations(graph, written_tensors(graph));
  return graph;
}

}  // namespace simulated_gpu::cudnn
