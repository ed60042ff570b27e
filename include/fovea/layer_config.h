// Layers and networks from JSON as Keras writes it: what programs in other languages, scripts and
// files describe networks with.
#pragma once

#include <string>

#include "fovea/layer.h"
#include "fovea/network.h"

namespace fovea {

/// A layer by Keras's class name and configuration: make_layer("Conv2D", {"filters": 32,
/// "kernel_size": [3, 3], "activation": "relu"}). What is left out has Keras's default. Throws
/// invalid_argument for an unknown class or key, listing those that exist, and for a missing one;
/// unsupported for a setting that this library does not have.
FOVEA_API AnyLayer make_layer(const std::string& class_name, const Json& config);

/// A network from what Keras's model.to_json() gives (Sequential or Functional, Keras 2 or 3).
/// Throws parse for what is no such description, and as make_layer, naming the layer.
FOVEA_API Network network_from_keras(const Json& description);

/// The same the other way round, for Keras 3: found from the network's ops, so however it was
/// written. Throws unsupported, naming the layer, where Keras has no such layer.
FOVEA_API Json network_to_keras(const Network& network);

}  // namespace fovea
