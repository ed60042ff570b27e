// Networks out of symbols, and Sequential, which is a chain of them.
//
// The calls that lead to the outputs are put in the order in which the user made them and replayed
// for every graph. Layers are told apart by identity: one called twice has one name, hence one set
// of parameters.
#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "fovea/layers.h"
#include "host/layers/network_description.h"
#include "host/layers/symbol.h"

namespace fovea {
namespace {

using detail::SymbolNode;

/// One layer applied to earlier values: the inputs' indices first, then one per call.
struct Call {
  std::shared_ptr<const Layer> layer;
  std::string name;
  std::vector<std::size_t> arguments;

  Value build(Builder& b, const std::vector<Value>& values) const {
    std::vector<Value> inputs;
    for (std::size_t argument : arguments) inputs.push_back(values[argument]);
    const auto scope = b.scope(name);
    return layer->build_many(b, inputs);
  }
};

/// Everything that the outputs depend on, in the order in which the user wrote it.
std::vector<const SymbolNode*> nodes_behind(const std::vector<Network::Output>& outputs) {
  std::vector<const SymbolNode*> found;
  std::unordered_set<const SymbolNode*> seen;
  std::vector<const SymbolNode*> pending;
  pending.reserve(outputs.size());
  for (const Network::Output& output : outputs) pending.push_back(&output.value.node());
  while (!pending.empty()) {
    const SymbolNode* node = pending.back();
    pending.pop_back();
    if (!seen.insert(node).second) continue;
    found.push_back(node);
    for (const Symbol& argument : node->arguments) pending.push_back(&argument.node());
  }
  std::sort(found.begin(), found.end(),
            [](const SymbolNode* a, const SymbolNode* b) { return a->order < b->order; });
  return found;
}

/// Names for layers that have none: "dense", "dense_1", ..., past those that users gave.
class Names {
 public:
  /// Throws invalid_argument when another layer has the name.
  void reserve(const std::string& name) {
    FOVEA_REQUIRE(taken_.insert(name).second, invalid_argument, "two layers are named '", name,
                  "'; give each a name of its own, or call one layer twice to share its weights");
  }
  std::string next(const std::string& stem) {
    for (;;) {
      const int number = counts_[stem]++;
      std::string name = number == 0 ? stem : stem + "_" + std::to_string(number);
      if (taken_.insert(name).second) return name;
    }
  }

 private:
  std::set<std::string> taken_;
  std::map<std::string, int> counts_;
};

/// Symbols turned into calls, with every layer and input named.
class Functional {
 public:
  Functional(const std::vector<Symbol>& inputs, const std::vector<Network::Output>& outputs)
      : nodes_(nodes_behind(outputs)) {
    reserve_given_names();
    add_inputs(inputs);
    for (const SymbolNode* node : nodes_) {
      if (node->layer) add_call(*node);
    }
    for (const Network::Output& output : outputs) {
      const std::size_t index = index_of(output.value, "an output");
      outputs_.push_back(index);
      output_names_.push_back(output.name.empty() ? value_names_[index] : output.name);
    }
    detail::require_distinct_names(output_names_, "output");
  }

  const std::vector<InputSpec>& inputs() const { return inputs_; }
  const std::vector<std::string>& output_names() const { return output_names_; }

  Network::Body body() const {
    return [calls = calls_, outputs = outputs_](Builder& b, std::span<const Value> inputs) {
      std::vector<Value> values(inputs.begin(), inputs.end());
      for (const Call& call : calls) values.push_back(call.build(b, values));
      std::vector<Value> results;
      results.reserve(outputs.size());
      for (std::size_t output : outputs) results.push_back(values[output]);
      return results;
    };
  }

  /// Builds once to see what each call adds.
  std::vector<LayerRecord> records() const {
    std::vector<LayerRecord> records;
    std::map<std::string, std::size_t> positions;
    for (const InputSpec& input : inputs_) records.push_back(detail::input_record(input));
    Graph graph;
    Builder b(graph);
    std::vector<Value> values = detail::add_inputs(b, inputs_, 1);
    for (const Call& call : calls_) {
      const std::size_t first_node = graph.nodes().size();
      values.push_back(call.build(b, values));
      const auto [position, is_new] = positions.emplace(call.name, records.size());
      if (is_new) {
        records.push_back({call.name,
                           std::string(call.layer->kind()),
                           b.shape(values.back()).drop_front(),
                           detail::parameters_since(graph, first_node, call.name),
                           {},
                           {}});
      }
      LayerRecord& record = records[position->second];
      for (std::size_t argument : call.arguments) {
        record.connected_to.push_back(value_names_[argument]);
        record.connected_calls.push_back(value_calls_[argument]);
      }
    }
    return records;
  }

 private:
  void reserve_given_names() {
    std::unordered_set<const void*> seen;
    for (const SymbolNode* node : nodes_) {
      if (!node->layer) {
        if (!node->input_name.empty()) names_.reserve(node->input_name);
      } else if (seen.insert(node->layer->identity()).second && !node->layer->name().empty()) {
        names_.reserve(node->layer->name());
      }
    }
  }

  void add_inputs(const std::vector<Symbol>& inputs) {
    for (const Symbol& symbol : inputs) {
      const SymbolNode& node = symbol.node();
      FOVEA_REQUIRE(!node.layer, invalid_argument,
                    "a network's inputs come from input(...), not from a layer (",
                    node.layer->kind(), ")");
      FOVEA_REQUIRE(indices_.emplace(&node, indices_.size()).second, invalid_argument,
                    "an input is listed twice");
      inputs_.push_back({node.input_name.empty() ? names_.next("input_layer") : node.input_name,
                         node.sample.shape, node.sample.dtype});
      value_names_.push_back(inputs_.back().name);
      value_calls_.push_back(0);
      const bool used = std::find(nodes_.begin(), nodes_.end(), &node) != nodes_.end();
      FOVEA_REQUIRE(used, invalid_argument, "no output depends on input '", inputs_.back().name,
                    "'; leave it out of the list");
    }
  }

  std::size_t index_of(const Symbol& symbol, const std::string& user) const {
    const auto found = indices_.find(&symbol.node());
    // All layers' outputs have been numbered before they are used, so this can only be an input.
    FOVEA_REQUIRE(found != indices_.end(), invalid_argument, user, " depends on the input '",
                  symbol.node().input_name, "', which is not among the network's inputs; list it");
    return found->second;
  }

  void add_call(const SymbolNode& node) {
    const Layer& layer = *node.layer;
    std::string& name = layer_names_[layer.identity()];
    if (name.empty()) {
      name = layer.name().empty() ? names_.next(detail::snake_case(layer.kind())) : layer.name();
    }
    Call call{node.layer, name, {}};
    for (const Symbol& argument : node.arguments) {
      call.arguments.push_back(index_of(argument, "'" + name + "'"));
    }
    indices_.emplace(&node, indices_.size());
    const auto earlier = std::count(value_names_.begin(), value_names_.end(), name);
    value_calls_.push_back(static_cast<int>(earlier));
    value_names_.push_back(name);
    calls_.push_back(std::move(call));
  }

  std::vector<const SymbolNode*> nodes_;
  Names names_;
  std::unordered_map<const void*, std::string> layer_names_;  // by Layer::identity()
  std::unordered_map<const SymbolNode*, std::size_t> indices_;
  std::vector<std::string> value_names_;  // of the layer or input that gives each value
  std::vector<int> value_calls_;          // and which of the layer's calls it was
  std::vector<InputSpec> inputs_;
  std::vector<Call> calls_;
  std::vector<std::size_t> outputs_;
  std::vector<std::string> output_names_;
};

Network chain(const Input& start, std::span<const AnyLayer> layers, std::string name) {
  const Symbol x = input(start.shape(), start.name(), start.dtype());
  Symbol y = x;
  for (const AnyLayer& layer : layers) {
    FOVEA_REQUIRE(layer->kind() != Input::kKind, invalid_argument,
                  "a Sequential has one Input, at its start");
    y = (*layer)(y);
  }
  return Network({x}, {y}, std::move(name));
}

Network chain_from_its_input(std::span<const AnyLayer> layers, std::string name) {
  const auto* first = layers.empty() ? nullptr : dynamic_cast<const Input*>(&*layers.front());
  FOVEA_REQUIRE(first != nullptr, invalid_argument,
                "a Sequential starts with an Input that gives one sample's shape, as in "
                "Input({32, 32, 3}), not with ",
                layers.empty() ? "nothing" : layers.front()->kind());
  return chain(*first, layers.subspan(1), std::move(name));
}

}  // namespace

Network::Network(const std::vector<Symbol>& inputs, const std::vector<Output>& outputs,
                 std::string name) {
  FOVEA_REQUIRE(!inputs.empty() && !outputs.empty(), invalid_argument,
                "a network needs at least one input and one output");
  const Functional functional(inputs, outputs);
  auto description = std::make_shared<Description>();
  description->name = std::move(name);
  description->inputs = functional.inputs();
  description->body = functional.body();
  Graph trial;
  description->outputs = detail::infer_outputs(trial, description->inputs,
                                               functional.output_names(), description->body);
  description->layers = functional.records();
  description_ = std::move(description);
}

Network::Network(const Sequential& sequential, std::string name)
    : Network(chain_from_its_input(sequential.layers(), std::move(name))) {}

Network::Network(const Sequential& sequential, const Input& input, std::string name)
    : Network(chain(input, sequential.layers(), std::move(name))) {}

}  // namespace fovea
