// network_to_keras: the layers that LayerWriter finds, in the order in which Keras keeps them.
#include <algorithm>

#include "host/io/keras/config_reader.h"
#include "host/io/keras/network_writer.h"

namespace fovea {
namespace keras {
namespace {

/// Keras gives a model's layers an order of its own, and files hold weights in that order: those
/// farthest from the outputs first, and among equals the one that a walk from the outputs, inputs
/// first to last, meets first.
class KerasOrder {
 public:
  explicit KerasOrder(const LayerWriter& writer)
      : layers_(writer.layers()), met_(layers_.size(), kNever), depth_(layers_.size(), 0) {
    for (const Source& output : writer.outputs()) visit(output);
    std::map<Source, int> depths;
    for (auto node = finished_order_.rbegin(); node != finished_order_.rend(); ++node) {
      int& depth = depths[*node];
      depth = std::max(depth, depth_[node->layer]);
      depth_[node->layer] = depth;
      for (const Source& input : layers_[node->layer].calls[node->call].inputs) {
        depths[input] = std::max(depths[input], depth + 1);
      }
    }
  }

  /// The numbers of the layers that the outputs depend on, in order.
  std::vector<std::size_t> layers() const {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (met_[i] != kNever) order.push_back(i);
    }
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return depth_[a] != depth_[b] ? depth_[a] > depth_[b] : met_[a] < met_[b];
    });
    return order;
  }

  bool reached(const Source& node) const { return finished_.contains(node); }

 private:
  static constexpr int kNever = -1;

  void visit(const Source& start) {
    // The nodes on the way, each with the number of its inputs that were looked at.
    std::vector<std::pair<Source, std::size_t>> way;
    const auto enter = [&](const Source& node) {
      if (finished_.contains(node)) return;
      if (met_[node.layer] == kNever) met_[node.layer] = count_++;
      way.emplace_back(node, 0);
    };
    enter(start);
    while (!way.empty()) {
      const Source node = way.back().first;
      const std::vector<Source>& inputs = layers_[node.layer].calls[node.call].inputs;
      const std::size_t next = way.back().second++;
      if (next < inputs.size()) {
        enter(inputs[next]);
        continue;
      }
      way.pop_back();
      if (finished_.insert(node).second) finished_order_.push_back(node);
    }
  }

  const std::vector<WrittenLayer>& layers_;
  std::vector<int> met_;
  std::vector<int> depth_;
  int count_ = 0;
  std::set<Source> finished_;
  std::vector<Source> finished_order_;
};

/// Writes references to calls, of which only those that the outputs depend on are counted.
class References {
 public:
  References(const LayerWriter& writer, const KerasOrder& order) : writer_(writer), order_(order) {}

  Json reference(const Source& source) const {
    const WrittenLayer& layer = writer_.layers()[source.layer];
    int call = 0;
    for (std::size_t i = 0; i < source.call; ++i) call += order_.reached({source.layer, i}) ? 1 : 0;
    return Json::Array{layer.entry.name, call, 0};
  }

  Json tensor(const Source& source) const {
    const WrittenCall& call = writer_.layers()[source.layer].calls[source.call];
    Json shape = Json::array();
    shape.push(nullptr);
    for (std::int64_t size : call.output.shape.drop_front()) shape.push(size);
    Json config = Json::object();
    config.set("shape", shape);
    config.set("dtype", call.output.dtype == DType::u8 ? "uint8" : "float32");
    config.set("keras_history", reference(source));
    return Json::Object{{"class_name", "__keras_tensor__"}, {"config", config}};
  }

  Json call(const WrittenCall& call) const {
    Json tensors = Json::array();
    for (const Source& input : call.inputs) tensors.push(tensor(input));
    const Json argument = tensors.size() == 1 ? tensors[0] : tensors;
    return Json::Object{{"args", Json::Array{argument}}, {"kwargs", Json::object()}};
  }

 private:
  const LayerWriter& writer_;
  const KerasOrder& order_;
};

bool is_frozen(const std::string& path, const std::vector<std::string>& frozen) {
  return std::any_of(frozen.begin(), frozen.end(), [&](const std::string& part) {
    return path == part || path.starts_with(part + ".");
  });
}

Json layer_to_json(const WrittenLayer& layer, std::size_t number, const KerasOrder& order,
                   const References& references) {
  Json json = object_to_json("keras.layers", layer.entry.class_name, layer.config);
  json.set("name", layer.entry.name);
  Json calls = Json::array();
  for (std::size_t i = 0; i < layer.calls.size(); ++i) {
    const bool input = layer.calls[i].inputs.empty();
    if (!input && order.reached({number, i})) calls.push(references.call(layer.calls[i]));
  }
  json.set("inbound_nodes", calls);
  return json;
}

/// One reference, or a list of several.
Json references_to_json(const std::vector<Source>& sources, const References& references) {
  if (sources.size() == 1) return references.reference(sources[0]);
  Json list = Json::array();
  for (const Source& source : sources) list.push(references.reference(source));
  return list;
}

}  // namespace

Described describe(const Network& network, const std::vector<std::string>& frozen) {
  Graph graph;
  Builder b(graph);
  std::map<std::string, Value> inputs;
  for (const InputSpec& spec : network.inputs()) {
    inputs[spec.name] = b.input(spec.name, {spec.shape.prepend(1), spec.dtype});
  }
  for (const auto& [name, value] : network.build(b, inputs)) graph.mark_output(name, value);
  const LayerWriter writer(network, graph);
  const KerasOrder order(writer);
  const References references(writer, order);
  Described described;
  Json layers = Json::array();
  for (std::size_t number : order.layers()) {
    WrittenLayer layer = writer.layers()[number];
    if (!layer.entry.weights.empty() && is_frozen(layer.entry.path, frozen)) {
      layer.entry.trainable = false;
      layer.config.set("trainable", false);
    }
    layers.push(layer_to_json(layer, number, order, references));
    described.layers.push_back(layer.entry);
  }
  std::vector<Source> starts;  // an input's layer has its number
  for (std::size_t i = 0; i < network.inputs().size(); ++i) starts.push_back({i, 0});
  Json config = Json::object();
  config.set("name", network.name());
  config.set("trainable", true);
  config.set("layers", layers);
  config.set("input_layers", references_to_json(starts, references));
  config.set("output_layers", references_to_json(writer.outputs(), references));
  described.description = object_to_json("keras.src.models.functional", "Functional", config);
  described.description.set("registered_name", "Functional");
  return described;
}

}  // namespace keras

Json network_to_keras(const Network& network) { return keras::describe(network).description; }

}  // namespace fovea
