// gelu, as exporters spell it: x (1 + erf(x / sqrt 2)) / 2, the factors being multiplied in one
// order or another.
#include <cmath>
#include <map>
#include <numbers>

#include "host/io/onnx/import_graph.h"

namespace fovea::onnx {
namespace {

class GeluFinder {
 public:
  GeluFinder(Importer& importer, Graph& graph) : importer_(importer) {
    for (Node& node : graph.nodes) {
      for (const std::string& output : node.outputs) producers_[output] = &node;
    }
  }

  /// The last node of the pattern around an Erf, with gelu's input; else null.
  std::pair<Node*, std::string> find(const Node& erf) {
    if (erf.inputs.size() != 1 || erf.outputs.size() != 1) return {};
    const std::string x = scaled_down(erf.inputs[0]);
    const auto [add, one] = consumer(erf.outputs[0], "Add");
    if (x.empty() || add == nullptr || !is_number(one, 1)) return {};
    const auto [first, factor] = consumer(add->outputs[0], "Mul");
    if (first == nullptr) return {};
    if (is_half_of(factor, x)) return {first, x};  // (x / 2) (1 + erf)
    const auto [second, other] = consumer(first->outputs[0], "Mul");
    const bool halves_last = factor == x && is_number(other, 0.5);
    const bool halves_first = is_number(factor, 0.5) && other == x;
    if (second == nullptr || !(halves_last || halves_first)) return {};
    return {second, x};
  }

 private:
  bool is_number(const std::string& name, double number) {
    const Constant* constant = importer_.find_constant(name);
    if (constant == nullptr || constant->tensor.numel() != 1) return false;
    return std::abs(constant->tensor.item() - number) < 1e-6;
  }

  Node* producer(const std::string& name, const std::string& type) {
    const auto found = producers_.find(name);
    const bool fits = found != producers_.end() && found->second->type == type &&
                      found->second->inputs.size() == 2;
    return fits ? found->second : nullptr;
  }

  /// The only node that reads a tensor, if it is of this type, and its other input.
  std::pair<Node*, std::string> consumer(const std::string& name, const std::string& type) {
    const Node* node = importer_.only_consumer(name);
    if (node == nullptr || node->outputs.size() != 1) return {};
    Node* found = producer(node->outputs[0], type);
    if (found == nullptr) return {};
    return {found, found->inputs[found->inputs[0] == name ? 1 : 0]};
  }

  /// x of x / sqrt 2 or x sqrt(1/2).
  std::string scaled_down(const std::string& name) {
    if (Node* divide = producer(name, "Div")) {
      return is_number(divide->inputs[1], std::numbers::sqrt2) ? divide->inputs[0] : "";
    }
    return factor_of(name, 1 / std::numbers::sqrt2);
  }

  /// x of x number, number x; else empty.
  std::string factor_of(const std::string& name, double number) {
    const Node* multiply = producer(name, "Mul");
    if (multiply == nullptr) return "";
    if (is_number(multiply->inputs[1], number)) return multiply->inputs[0];
    return is_number(multiply->inputs[0], number) ? multiply->inputs[1] : "";
  }

  bool is_half_of(const std::string& name, const std::string& x) {
    return !name.empty() && factor_of(name, 0.5) == x;
  }

  Importer& importer_;
  std::map<std::string, Node*> producers_;
};

}  // namespace

void find_gelu(Importer& importer, Graph& graph) {
  GeluFinder finder(importer, graph);
  for (const Node& node : graph.nodes) {
    if (node.type != "Erf") continue;
    const auto [last, x] = finder.find(node);
    if (last == nullptr) continue;
    last->type = "Gelu";
    last->inputs = {x};
  }
}

}  // namespace fovea::onnx
