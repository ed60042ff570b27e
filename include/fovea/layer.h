// Layer: hyper-parameters and the code that builds their part of a graph.
// Symbol: a value of a network that is being written down layer by layer (the functional API).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fovea/graph.h"

namespace fovea {

namespace detail {
struct SymbolNode;
}

/// What `input` and layers return: a value's shape and how it comes about. Copies are cheap.
class FOVEA_API Symbol {
 public:
  /// The shape of one sample, without the batch axis: (28, 28, 1).
  const Shape& shape() const;
  DType dtype() const;

  explicit Symbol(std::shared_ptr<const detail::SymbolNode> node) : node_(std::move(node)) {}
  const detail::SymbolNode& node() const { return *node_; }

 private:
  std::shared_ptr<const detail::SymbolNode> node_;
};

/// Where a functional network starts. `shape` is one sample's, without the batch axis; without a
/// name it becomes "input_layer" ("input_layer_1", ...), under which data is bound.
FOVEA_API Symbol input(Shape shape, std::string name = {}, DType dtype = DType::f32);

/// A layer has hyper-parameters only: its parameters belong to the model that it becomes part of.
/// Copies of a layer are the same layer, so calling it twice shares its parameters; for independent
/// ones, construct two. Derive from LayerBase<Derived>, which fills in kind() and clone().
class FOVEA_API Layer {
 public:
  virtual ~Layer();

  /// "Conv2D": the type in summaries, and in snake case the name of a layer that was given none.
  virtual std::string_view kind() const = 0;
  virtual std::shared_ptr<const Layer> clone() const = 0;

  /// Appends the layer's nodes and returns its output; the builder's scope is the layer's path.
  /// Layers with one input override `build`, those with several `build_many`.
  virtual Value build(Builder& b, Value x) const;
  virtual Value build_many(Builder& b, std::span<const Value> inputs) const;

  /// Functional API: applies the layer, which infers shapes at once and so throws on this line.
  Symbol operator()(const Symbol& x) const;
  Symbol operator()(const std::vector<Symbol>& inputs) const;

  /// For layers made of layers: builds this one inside another's `build`. It needs a name, which
  /// becomes part of the path ("block.conv1.weight"); throws invalid_argument without one.
  Value operator()(Builder& b, Value x) const;
  Value operator()(Builder& b, std::span<const Value> inputs) const;

  /// The name given by the user; empty when the network shall choose one.
  const std::string& name() const { return name_; }
  /// Equal for copies of one layer; alive as long as any of them.
  const void* identity() const { return identity_.get(); }

 protected:
  explicit Layer(std::string name)
      : name_(std::move(name)), identity_(std::make_shared<const char>()) {}
  Layer(const Layer&) = default;
  Layer& operator=(const Layer&) = default;

 private:
  std::string name_;
  std::shared_ptr<const char> identity_;
};

/// What every layer derives from:
///
///   struct Twice : LayerBase<Twice> {
///     static constexpr std::string_view kKind = "Twice";
///     Value build(Builder& b, Value x) const override { return b.add(ops::Add{}, {x, x}); }
///   };
template <class Derived>
class LayerBase : public Layer {
 public:
  std::string_view kind() const final { return Derived::kKind; }
  std::shared_ptr<const Layer> clone() const final {
    return std::make_shared<const Derived>(static_cast<const Derived&>(*this));
  }

 protected:
  explicit LayerBase(std::string name = {}) : Layer(std::move(name)) {}
};

/// Any layer, for lists of them.
class FOVEA_API AnyLayer {
 public:
  AnyLayer(const Layer& layer) : layer_(layer.clone()) {}  // NOLINT(google-explicit-constructor)
  const Layer& operator*() const { return *layer_; }
  const Layer* operator->() const { return layer_.get(); }

 private:
  std::shared_ptr<const Layer> layer_;
};

}  // namespace fovea
