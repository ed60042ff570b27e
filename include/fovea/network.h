// Network: named inputs, a way to build a graph from them, named outputs. Sequential: the simplest
// way to write one down.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "fovea/json.h"
#include "fovea/layer.h"

namespace fovea {

class Input;

/// What a network reads. `shape` is one sample's, without the batch axis.
struct InputSpec {
  std::string name = "input_layer";
  Shape shape = {};
  DType dtype = DType::f32;
};

/// What a network gives. `shape` is one sample's, without the batch axis.
struct OutputSpec {
  std::string name;
  Shape shape;
};

/// A parameter or a tensor of state (`trainable` is false), by its path in the model.
struct ParameterRecord {
  std::string path;
  Shape shape;
  bool trainable = true;
};

/// One layer of a network, for summaries and reports.
struct FOVEA_API LayerRecord {
  std::string name;
  std::string kind;                         ///< "Conv2D"
  Shape output;                             ///< of one sample, at the layer's first call
  std::vector<ParameterRecord> parameters;  ///< with state such as running means
  std::vector<std::string> connected_to;    ///< names of the layers whose outputs it reads
  std::vector<int> connected_calls;         ///< which call of each of them, from 0
  std::int64_t parameter_count() const;
};

/// A chain of layers, each reading the one before:
///
///   Sequential{Input({28, 28, 1}), Conv2D(32, 3, {.activation = "relu"}), Flatten(), Dense(10)}
class FOVEA_API Sequential {
 public:
  Sequential(std::initializer_list<AnyLayer> layers = {}) : layers_(layers) {}
  Sequential& add(const Layer& layer) {
    layers_.emplace_back(layer);
    return *this;
  }
  const std::vector<AnyLayer>& layers() const { return layers_; }

 private:
  std::vector<AnyLayer> layers_;
};

/// An immutable description that knows neither batch size, mode nor device: batch norm and dropout
/// are always built as such, and a pass specializes them for inference. Copies share everything.
class FOVEA_API Network {
 public:
  /// Builds the outputs from the inputs, both in the order of the network's lists.
  using Body = std::function<std::vector<Value>(Builder&, std::span<const Value>)>;

  /// An output: a symbol with a name, or without one, which then is the producing layer's.
  struct Output {
    Output(Symbol symbol) : value(std::move(symbol)) {}  // NOLINT(google-explicit-constructor)
    Output(std::string output_name, Symbol symbol)
        : name(std::move(output_name)), value(std::move(symbol)) {}
    std::string name;
    Symbol value;
  };

  /// Functional API:
  ///
  ///   auto x = input({32, 32, 3});
  ///   auto y = Conv2D(16, 3, {.padding = "same", .activation = "relu"})(x);
  ///   Network net({x}, {Dense(10)(Flatten()(y))});
  ///
  /// Layers without a name are numbered in the order in which they were called. Throws
  /// invalid_argument for two layers of one name, an input that is not used, or an output that
  /// depends on an input that is not listed.
  Network(const std::vector<Symbol>& inputs, const std::vector<Output>& outputs,
          std::string name = "functional");

  /// A chain of layers that starts with an Input, or is given its input here. Throws
  /// invalid_argument for a missing, misplaced or second Input.
  Network(const Sequential& layers,  // NOLINT(google-explicit-constructor)
          std::string name = "sequential");
  Network(const Sequential& layers, const Input& input, std::string name = "sequential");

  /// A function over a Builder, with one input and one output, "output".
  Network(InputSpec input, std::function<Value(Builder&, Value)> function,
          std::string name = "function");
  /// As before with any number of inputs and named outputs.
  Network(std::vector<InputSpec> inputs, const std::vector<std::string>& output_names, Body body,
          std::string name = "function");

  const std::string& name() const;
  const std::vector<InputSpec>& inputs() const;
  const std::vector<OutputSpec>& outputs() const;
  /// Inputs first (kind "InputLayer"), then layers in the order in which they run; a layer that is
  /// called twice appears once.
  const std::vector<LayerRecord>& layers() const;
  /// All parameters and state, in the order of the layers.
  std::vector<ParameterRecord> parameters() const;
  /// Numbers in all parameters and state.
  std::int64_t parameter_count() const;

  /// Appends the network's nodes for inputs of one batch size, by name, and returns the outputs by
  /// name. An axis of size 1 at the end of an input's samples may be missing or added. Throws
  /// invalid_argument for missing or unknown names, shape_mismatch for shapes that do not fit.
  std::vector<std::pair<std::string, Value>> build(
      Builder& b, const std::map<std::string, Value>& inputs) const;

  /// The network as a list of ops with its layers' records; `from_json` replays it at any batch
  /// size. Throws unsupported when an op depends on the batch size.
  Json to_json() const;
  /// Throws parse for what is not such a description; ops of programs' own must be registered.
  static Network from_json(const Json& json);

 private:
  struct Description;
  explicit Network(std::shared_ptr<const Description> description);

  std::shared_ptr<const Description> description_;
};

}  // namespace fovea
