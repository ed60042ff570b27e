// A network's ops grouped into layers as Keras has them; see network_writer.cpp.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fovea/graph.h"
#include "fovea/ops/conv.h"
#include "host/io/keras/description.h"

namespace fovea::keras {

/// Call number `call` of layer number `layer`.
struct Source {
  std::size_t layer = 0;
  std::size_t call = 0;
  friend bool operator<(const Source& a, const Source& b) {
    return std::pair(a.layer, a.call) < std::pair(b.layer, b.call);
  }
};

struct WrittenCall {
  std::vector<Source> inputs;
  ValueType output;
};

struct WrittenLayer {
  LayerEntry entry;
  Json config;
  std::vector<WrittenCall> calls;  ///< an input layer has one, without inputs
};

/// Turns nodes into layers, one after another. Where several nodes are one layer, the first of them
/// takes the others along.
class LayerWriter {
 public:
  /// `graph` has the network's ops, with its inputs first and its outputs marked.
  LayerWriter(const Network& network, const Graph& graph);

  const std::vector<WrittenLayer>& layers() const { return layers_; }
  /// Where the outputs come from, in the network's order.
  const std::vector<Source>& outputs() const { return outputs_; }

 private:
  void write_input(const InputSpec& input, Value value);
  void write_node(const Node& node);
  void write_conv(const Node& node);
  void write_dense(const Node& node);
  void write_batch_norm(const Node& node);
  void write_pool(const Node& node);
  void write_pad(const Node& node);
  void write_joined(const Node& node, const char* class_name);
  void write_concat(const Node& node);
  void write_reshape(const Node& node);
  void write_rescale(const Node& node);
  void write_activation(const Node& node);
  void write_penalty(const Node& node);
  void write_dropout(const Node& node);

  /// Adds a call of the layer with this path, class and configuration, made if there is none.
  void emit(const std::string& class_name, const Node& node, const Json& config,
            const std::vector<Value>& inputs, Value output, std::vector<Weight> weights = {},
            bool trainable = true);
  /// The configuration that Conv2D and Dense share, with what the nodes after `y` add to it; `y`
  /// becomes the last one's output.
  Json weighted_config(const Node& node, const char* kernel, Value& y,
                       std::vector<Weight>& weights);
  /// Zeros around `x`, where a window of `node` has cells outside it; returns what Keras calls the
  /// rest of the padding.
  const char* write_padding(const Node& node, Value& x, const WindowGeometry& window,
                            const Padding& padding);

  const Node* only_user(Value value) const;
  const Node* only_user(Value value, std::string_view op, const std::string& path) const;
  void take(const Node& node) { done_.insert(&node); }
  const Node& producer(Value value) const { return graph_.producer_node(value); }
  const ValueType& type(Value value) const;
  Size2 picture(Value value) const;
  std::string unique_name(const Node& node);
  std::string kind_of(const Node& node) const;

  const Graph& graph_;
  std::map<std::string, std::string> kinds_;  // of the network's layers
  std::vector<std::vector<const Node*>> users_;
  std::vector<bool> is_output_;
  std::vector<ValueType> padded_;  // values that are not in the graph, numbered past its own
  std::set<const Node*> done_;
  std::vector<WrittenLayer> layers_;
  std::map<std::string, std::size_t> by_key_;
  std::set<std::string> names_;
  std::map<int, Source> sources_;  // by value
  std::vector<Source> outputs_;
};

/// An initializer as Keras 3 writes it.
Json initializer_to_json(const Initializer& initializer);
/// Null where it adds nothing.
Json regularizer_to_json(double l1, double l2);
/// The name that Keras knows an activation by, with these constants; empty: none.
std::string activation_name(const Activation& activation);

}  // namespace fovea::keras
