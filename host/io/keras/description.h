// Keras's descriptions of models, and which of a network's tensors are which of a layer's weights.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "fovea/layer_config.h"
#include "fovea/tensor.h"

namespace fovea::keras {

/// How Keras and Fovea order the numbers of a weight.
enum class Layout {
  same,
  conv,       ///< (kh,kw,in,out) there, (out,kh,kw,in) here
  depthwise,  ///< (kh,kw,C,multiplier) there, (C multiplier,kh,kw,1) here
};

/// A variable of one of Keras's layers.
struct Weight {
  std::string name;  ///< "kernel"
  std::string path;  ///< of the network's tensor, "conv2d.weight"
  Layout layout = Layout::same;
  bool trainable = true;
  std::int64_t multiplier = 1;  ///< of the layout depthwise
};

/// A layer in the order in which Keras keeps its weights, or a model within a model.
struct LayerEntry {
  std::string class_name;
  std::string name;             ///< as Keras knows it
  std::string path;             ///< as the network knows it, "inner.conv2d"
  bool trainable = true;        ///< false: all of its weights are frozen
  std::vector<Weight> weights;  ///< trainable ones first
  /// A Normalization whose weights are mean, variance and count: the network has none of them.
  bool keeps_statistics = false;
  std::vector<LayerEntry> inner = {};  ///< of a model
};

bool is_model(std::string_view class_name);

/// The layers of a description, in its order. Throws as network_from_keras.
std::vector<LayerEntry> layers_of(const Json& description);

/// Mean and variance of Normalization layers, by the layer's path.
using Statistics = std::map<std::string, std::pair<std::vector<double>, std::vector<double>>>;

/// network_from_keras, given what the description of a Normalization layer may lack.
Network build_network(const Json& description, const Statistics& statistics);

/// A network in Keras's words, with the layers in the order of the description. Layers are not
/// trainable where `frozen` has their path or a part of it that they begin with.
struct Described {
  Json description;
  std::vector<LayerEntry> layers;
};
Described describe(const Network& network, const std::vector<std::string>& frozen = {});

/// Keras's numbers in the network's order, and the other way round. Throws shape_mismatch for a
/// weight that does not have as many axes as its layer's.
Tensor from_keras(const Weight& weight, const Tensor& tensor);
Tensor to_keras(const Weight& weight, const Tensor& tensor);

}  // namespace fovea::keras
