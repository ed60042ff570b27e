#include "fovea/graph.h"

namespace fovea {
namespace {

std::string describe_inputs(const Graph& graph, const std::vector<Value>& inputs) {
  std::string text;
  for (Value input : inputs) {
    if (!text.empty()) text += ", ";
    text += to_string(graph.type(input));
  }
  return text;
}

}  // namespace

const Node& Graph::add(OpPtr op, std::vector<Value> inputs, std::string path) {
  std::vector<ValueType> input_types;
  input_types.reserve(inputs.size());
  for (Value input : inputs) {
    FOVEA_REQUIRE(input.id >= 0 && input.id < value_count(), invalid_argument, "'", path, "' (",
                  op->name(), ") is given a value that is not of this graph");
    input_types.push_back(type(input));
  }
  std::vector<ValueType> output_types;
  try {
    output_types = op->infer(input_types);
  } catch (const Error& error) {
    fail(error.code(), "'", path, "' (", op->name(), " of ", describe_inputs(*this, inputs),
         "): ", error.what());
  }
  Node node{std::move(op), std::move(inputs), {}, std::move(path)};
  for (const ValueType& output : output_types) {
    node.outputs.push_back(Value{value_count()});
    types_.push_back(output);
    producers_.push_back(static_cast<int>(nodes_.size()));
  }
  nodes_.push_back(std::move(node));
  return nodes_.back();
}

std::vector<int> Graph::use_counts() const {
  std::vector<int> counts(types_.size(), 0);
  for (const Node& node : nodes_) {
    for (Value input : node.inputs) ++counts[static_cast<std::size_t>(input.id)];
  }
  for (const auto& output : outputs_) ++counts[static_cast<std::size_t>(output.second.id)];
  return counts;
}

void Graph::mark_output(std::string name, Value value) {
  FOVEA_REQUIRE(value.id >= 0 && value.id < value_count(), invalid_argument, "output '", name,
                "' is not a value of this graph");
  outputs_.emplace_back(std::move(name), value);
}

std::string Graph::str() const {
  std::string text;
  for (const Node& node : nodes_) {
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      text += (i == 0 ? "%" : ", %") + std::to_string(node.outputs[i].id) + " " +
              to_string(type(node.outputs[i]));
    }
    if (!node.outputs.empty()) text += " = ";
    text += std::string(node.op->name()) + "(";
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      text += (i == 0 ? "%" : ", %") + std::to_string(node.inputs[i].id);
    }
    text += ")  # " + node.path + "\n";
  }
  return text;
}

}  // namespace fovea
