// Keras's files. ".keras": a zip archive of config.json, metadata.json and model.weights.h5, as
// Keras 3 writes it. ".h5": whole models as all versions write and read them, and, by save_weights,
// weights in that layout. ".weights.h5": weights as Keras 3 lays them out.
//
// A file holds the network, weights, and how it was compiled, with the optimizer's state, so that
// training goes on. The state of optimizers of Keras 2 is not read. Class names are not kept: Keras
// has no place for them.
#pragma once

#include <string>

#include "host/io/model_formats.h"

namespace fovea::keras {

StoredModel read_keras_file(const std::string& path);
void write_keras_file(const StoredModel& model, const std::string& path);
NamedTensors read_keras_file_weights(const std::string& path, const Network& network);

StoredModel read_h5_file(const std::string& path);
void write_h5_file(const StoredModel& model, const std::string& path);
NamedTensors read_h5_weights(const std::string& path, const Network& network);
void write_h5_weights(const StoredModel& model, const std::string& path);

}  // namespace fovea::keras
