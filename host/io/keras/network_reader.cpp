// network_from_keras: the graph of calls that a description holds, applied to symbols.
#include <algorithm>
#include <memory>
#include <set>
#include <tuple>

#include "host/io/keras/config_reader.h"
#include "host/io/keras/description.h"

namespace fovea {
namespace keras {
namespace {

/// More calls of layers than any network has; models that call models may ask for 2^60 of them.
constexpr int kMostCalls = 100'000;

/// Output number `tensor` of call number `call` of a layer.
struct Reference {
  std::string layer;
  std::int64_t call = 0;
  std::int64_t tensor = 0;
  friend bool operator<(const Reference& a, const Reference& b) {
    return std::tie(a.layer, a.call, a.tensor) < std::tie(b.layer, b.call, b.tensor);
  }
};

bool is_reference(const Json& json) {
  return json.is_array() && json.size() >= 3 && json[0].is_string() && json[1].is_integer() &&
         json[2].is_integer();
}

/// Every ["name", 0, 0] in lists and objects of them.
void collect_references(const Json& json, std::vector<Reference>& references) {
  if (is_reference(json)) {
    references.push_back({json[0].as_string(), json[1].as_int(), json[2].as_int()});
  } else if (json.is_array()) {
    for (const Json& element : json.as_array()) collect_references(element, references);
  } else if (json.is_object()) {
    for (const auto& [key, element] : json.as_object()) collect_references(element, references);
  }
}

/// Every tensor in the arguments of a call, as Keras 3 writes them.
void collect_tensors(const Json& json, std::vector<Reference>& references) {
  if (json.is_array()) {
    for (const Json& element : json.as_array()) collect_tensors(element, references);
  } else if (json.is_object() && json.contains("class_name") &&
             json.at("class_name") == Json("__keras_tensor__")) {
    collect_references(json.at("config").at("keras_history"), references);
  }
}

/// Arguments of calls other than tensors: what is said of masks and of training is the default.
void check_arguments(const std::string& layer, const Json& arguments) {
  if (!arguments.is_object()) return;
  for (const auto& [key, value] : arguments.as_object()) {
    if (value.is_null() || (key == "training" && value == Json(false))) continue;
    fail(ErrorCode::unsupported, "'", layer, "' is called with ", key, " = ",
         value.to_string().substr(0, 100), ", which is not supported");
  }
}

std::vector<Reference> call_from(const std::string& layer, const Json& json) {
  std::vector<Reference> references;
  if (json.is_object()) {
    collect_tensors(json.at("args"), references);
    check_arguments(layer, json.at("kwargs"));
  } else if (is_reference(json)) {  // Keras 2, one input written without its list
    collect_references(json, references);
  } else {
    for (const Json& input : json.as_array()) {
      FOVEA_REQUIRE(is_reference(input), parse, "'", layer, "' is called with ",
                    input.to_string().substr(0, 100), ", which is no layer's output");
      collect_references(input, references);
      if (input.size() > 3) check_arguments(layer, input[3]);
    }
  }
  FOVEA_REQUIRE(!references.empty(), parse, "'", layer, "' is called without inputs");
  return references;
}

/// A model's description turned into calls. Refers to the description.
class Graph {
 public:
  /// `prefix` begins the paths of its layers: "" or "inner.".
  Graph(const Json& model, const std::string& prefix);

  std::string name() const { return name_; }
  const std::vector<Reference>& outputs() const { return outputs_; }
  std::vector<LayerEntry> entries() const;
  /// The symbols of the inputs that the description names, in its order.
  std::vector<Symbol> make_inputs() const;
  std::vector<Symbol> apply(const std::vector<Symbol>& inputs, const Statistics& statistics,
                            int& calls) const;

 private:
  struct LayerNode {
    std::string name;
    std::string class_name;
    const Json* config;
    std::vector<std::vector<Reference>> calls;
    std::unique_ptr<Graph> model;  // of a model within this one
    mutable std::unique_ptr<AnyLayer> layer;
  };

  LayerNode& add_layer(const Json& json);
  void read_functional(const Json& config);
  void read_sequential(const Json& config);
  const LayerNode& node(const std::string& name) const;
  const AnyLayer& layer_of(const LayerNode& node, const Statistics& statistics) const;
  std::vector<Symbol> call(const LayerNode& node, const std::vector<Symbol>& inputs,
                           const Statistics& statistics, int& calls) const;

  std::string prefix_;
  std::string name_;
  std::vector<LayerNode> layers_;
  std::set<std::string> names_;
  std::vector<Reference> inputs_;
  std::vector<Reference> outputs_;
};

Graph::Graph(const Json& model, const std::string& prefix) : prefix_(prefix) {
  FOVEA_REQUIRE(model.is_object() && model.contains("class_name") && model.contains("config"),
                parse, "this is no model's description: it has no class_name and config");
  const std::string& class_name = model.at("class_name").as_string();
  FOVEA_REQUIRE(is_model(class_name), unsupported, "models of the class '", class_name,
                "' cannot be read; only Sequential and Functional ones describe themselves");
  const Json& config = model.at("config");
  const Json* name = config.is_object() ? config.find("name") : nullptr;
  name_ = name == nullptr ? "sequential" : name->as_string();
  if (class_name == "Sequential") {
    read_sequential(config);
  } else {
    read_functional(config);
  }
}

Graph::LayerNode& Graph::add_layer(const Json& json) {
  const Json& config = json.at("config");
  const Json* name = json.find("name");
  if (name == nullptr || name->is_null()) name = config.is_object() ? config.find("name") : nullptr;
  FOVEA_REQUIRE(name != nullptr && name->is_string() && !name->as_string().empty(), parse,
                "a layer of the model '", name_, "' has no name");
  FOVEA_REQUIRE(names_.insert(name->as_string()).second, parse, "two layers are named '",
                name->as_string(), "'");
  LayerNode node{name->as_string(), json.at("class_name").as_string(), &config, {}, {}, {}};
  if (is_model(node.class_name)) {
    node.model = std::make_unique<Graph>(json, prefix_ + node.name + ".");
  }
  layers_.push_back(std::move(node));
  return layers_.back();
}

void Graph::read_functional(const Json& config) {
  for (const Json& json : config.at("layers").as_array()) {
    LayerNode& layer = add_layer(json);
    for (const Json& call : json.at("inbound_nodes").as_array()) {
      layer.calls.push_back(call_from(layer.name, call));
    }
  }
  collect_references(config.at("input_layers"), inputs_);
  collect_references(config.at("output_layers"), outputs_);
  FOVEA_REQUIRE(!inputs_.empty() && !outputs_.empty(), parse, "the model '", name_,
                "' has no inputs or no outputs");
}

void Graph::read_sequential(const Json& config) {
  const Json& layers = config.is_array() ? config : config.at("layers");
  std::vector<Reference> previous;
  for (const Json& json : layers.as_array()) {
    LayerNode& layer = add_layer(json);
    if (layer.class_name == Input::kKind) {
      FOVEA_REQUIRE(previous.empty(), parse, "'", layer.name,
                    "' is an InputLayer in the middle of a Sequential");
      inputs_ = {{layer.name}};
    } else if (!previous.empty()) {
      layer.calls = {previous};
    } else {  // the first layer stands for an input of its own, under a name no layer can have
      inputs_ = {{"."}};
      layer.calls = {inputs_};
    }
    previous = {{layer.name}};
  }
  FOVEA_REQUIRE(!previous.empty(), parse, "the model '", name_, "' has no layers");
  outputs_ = previous;
}

const Graph::LayerNode& Graph::node(const std::string& name) const {
  const auto found = std::find_if(layers_.begin(), layers_.end(),
                                  [&](const LayerNode& layer) { return layer.name == name; });
  FOVEA_REQUIRE(found != layers_.end(), parse, "the model '", name_, "' has no layer '", name, "'");
  return *found;
}

/// The shape that old descriptions give with the first layer, or a built model's.
const Json* first_shape(const Json& config) {
  if (!config.is_object()) return nullptr;
  for (const char* key : {"batch_input_shape", "batch_shape"}) {
    if (const Json* shape = config.find(key)) return shape;
  }
  return nullptr;
}

std::vector<Symbol> Graph::make_inputs() const {
  std::vector<Symbol> symbols;
  for (const Reference& reference : inputs_) {
    std::string name = reference.layer;
    Json config;
    if (name == ".") {
      name = "input_layer";
      const Json* shape = first_shape(*layers_.front().config);
      FOVEA_REQUIRE(shape != nullptr, unsupported, "the model '", name_,
                    "' does not say the shape of its input: begin it with an InputLayer, or save "
                    "it after it was built");
      config.set("batch_shape", *shape);
    } else {
      const LayerNode& input = node(name);
      FOVEA_REQUIRE(input.class_name == Input::kKind, parse, "the input '", name, "' is a ",
                    input.class_name, ", not an InputLayer");
      config = *input.config;
    }
    config.set("name", name);
    const AnyLayer layer = make_layer(std::string(Input::kKind), config);
    const auto& made = static_cast<const Input&>(*layer);
    symbols.push_back(input(made.shape(), name, made.dtype()));
  }
  return symbols;
}

const AnyLayer& Graph::layer_of(const LayerNode& node, const Statistics& statistics) const {
  if (node.layer) return *node.layer;
  const std::string path = prefix_ + node.name;
  Json config = *node.config;
  config.set("name", path);
  if (const auto found = statistics.find(path); found != statistics.end()) {
    config.set("mean", to_json(found->second.first));
    config.set("variance", to_json(found->second.second));
  }
  node.layer = std::make_unique<AnyLayer>(make_layer(node.class_name, config));
  return *node.layer;
}

std::vector<Symbol> Graph::call(const LayerNode& node, const std::vector<Symbol>& inputs,
                                const Statistics& statistics, int& calls) const {
  if (node.model) return node.model->apply(inputs, statistics, calls);
  FOVEA_REQUIRE(++calls <= kMostCalls, unsupported, "the model calls layers more than ", kMostCalls,
                " times");
  return {(*layer_of(node, statistics))(inputs)};
}

std::vector<Symbol> Graph::apply(const std::vector<Symbol>& inputs, const Statistics& statistics,
                                 int& calls) const {
  FOVEA_REQUIRE(inputs.size() == inputs_.size(), parse, "the model '", name_, "' takes ",
                inputs_.size(), " inputs, not ", inputs.size());
  std::map<Reference, Symbol> values;
  for (std::size_t i = 0; i < inputs.size(); ++i) values.insert_or_assign(inputs_[i], inputs[i]);
  std::vector<std::size_t> done(layers_.size(), 0);  // calls, by layer
  for (bool progress = true; progress;) {
    progress = false;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const LayerNode& node = layers_[i];
      while (done[i] < node.calls.size()) {
        std::vector<Symbol> arguments;
        for (const Reference& reference : node.calls[done[i]]) {
          const auto found = values.find(reference);
          if (found != values.end()) arguments.push_back(found->second);
        }
        if (arguments.size() < node.calls[done[i]].size()) break;  // not all are known yet
        std::int64_t tensor = 0;
        for (const Symbol& result : call(node, arguments, statistics, calls)) {
          const Reference reference{node.name, static_cast<std::int64_t>(done[i]), tensor++};
          values.insert_or_assign(reference, result);
        }
        ++done[i];
        progress = true;
      }
    }
  }
  std::vector<Symbol> results;
  for (const Reference& output : outputs_) {
    const auto found = values.find(output);
    FOVEA_REQUIRE(found != values.end(), parse, "the model '", name_, "': the output '",
                  output.layer, "' cannot be computed from the inputs");
    results.push_back(found->second);
  }
  return results;
}

/// The weights of a layer of this class, in Keras's order.
std::vector<Weight> weights_of(const std::string& class_name, const Json& config,
                               const std::string& path) {
  const auto flag = [&](const char* key) {
    const Json* found = config.find(key);
    return found == nullptr || found->is_null() || found->as_bool();
  };
  std::vector<Weight> weights;
  if (class_name == "BatchNormalization") {
    if (flag("scale")) weights.push_back({"gamma", path + ".gamma"});
    if (flag("center")) weights.push_back({"beta", path + ".beta"});
    weights.push_back({"moving_mean", path + ".running_mean", Layout::same, false});
    weights.push_back({"moving_variance", path + ".running_var", Layout::same, false});
    return weights;
  }
  const bool depthwise = class_name == "DepthwiseConv2D";
  if (!depthwise && class_name != "Conv2D" && class_name != "Dense") return {};
  const Layout layout = depthwise                ? Layout::depthwise
                        : class_name == "Conv2D" ? Layout::conv
                                                 : Layout::same;
  weights.push_back({"kernel", path + ".weight", layout});
  if (flag("use_bias")) weights.push_back({"bias", path + ".bias"});
  return weights;
}

std::vector<LayerEntry> Graph::entries() const {
  std::vector<LayerEntry> entries;
  for (const LayerNode& node : layers_) {
    LayerEntry entry{node.class_name, node.name, prefix_ + node.name, true, {}};
    if (node.config->is_object()) {
      const Json* trainable = node.config->find("trainable");
      entry.trainable = trainable == nullptr || trainable->is_null() || trainable->as_bool();
    }
    if (node.model) {
      entry.inner = node.model->entries();
    } else {
      FOVEA_REQUIRE(node.config->is_object(), parse, "'", node.name, "' has no configuration");
      entry.weights = weights_of(node.class_name, *node.config, entry.path);
      const Json* mean = node.config->find("mean");
      entry.keeps_statistics =
          node.class_name == "Normalization" && (mean == nullptr || mean->is_null());
      if (entry.keeps_statistics) {
        for (const std::string name : {"mean", "variance", "count"}) {
          entry.weights.push_back({name, entry.path + "." + name, Layout::same, false});
        }
      }
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

bool is_model(std::string_view class_name) {
  return class_name == "Sequential" || class_name == "Functional" || class_name == "Model";
}

std::vector<LayerEntry> layers_of(const Json& description) {
  return Graph(description, "").entries();
}

Network build_network(const Json& description, const Statistics& statistics) {
  const Graph graph(description, "");
  const std::vector<Symbol> inputs = graph.make_inputs();
  int calls = 0;
  const std::vector<Symbol> results = graph.apply(inputs, statistics, calls);
  std::vector<Network::Output> outputs;
  std::map<std::string, int> uses;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string& layer = graph.outputs()[i].layer;
    const int use = uses[layer]++;
    outputs.emplace_back(use == 0 ? layer : layer + "_" + std::to_string(use), results[i]);
  }
  return Network(inputs, outputs, graph.name());
}

}  // namespace keras

Network network_from_keras(const Json& description) {
  return keras::build_network(description, {});
}

}  // namespace fovea
