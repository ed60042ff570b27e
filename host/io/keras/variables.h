// The weights of Keras's layers in HDF5 files: as Keras 3 lays them out, by class and number, and
// as older versions did, by name.
#pragma once

#include <string>
#include <vector>

#include "host/io/hdf5.h"
#include "host/io/keras/description.h"
#include "host/io/model_formats.h"

namespace fovea::keras {

/// The weights of all layers, by the network's paths, and the statistics of Normalization layers.
/// `source` begins messages. Throws shape_mismatch, naming the layer, where a layer has another
/// number of weights than the file.
struct ReadWeights {
  NamedTensors weights;
  Statistics statistics;
};
ReadWeights read_weights(const Hdf5Group& root, const std::vector<LayerEntry>& layers,
                         const std::string& source);
ReadWeights read_legacy_weights(const Hdf5Group& group, const std::vector<LayerEntry>& layers,
                                const std::string& source);

void write_weights(Hdf5Group& root, const std::vector<LayerEntry>& layers,
                   const NamedTensors& weights);
void write_legacy_weights(Hdf5Group& group, const std::vector<LayerEntry>& layers,
                          const NamedTensors& weights);

/// An optimizer's variables, in order; empty: none are stored.
std::vector<Tensor> read_optimizer(const Hdf5Group& root);
std::vector<Tensor> read_legacy_optimizer(const Hdf5Group& root);
void write_optimizer(Hdf5Group& root, const NamedTensors& variables);
void write_legacy_optimizer(Hdf5Group& root, const std::string& name,
                            const NamedTensors& variables);

/// A list of strings, which Keras cuts into several attributes where it is long.
std::vector<std::string> string_list(const Hdf5Group& group, const std::string& name);
void set_string_list(Hdf5Group& group, const std::string& name,
                     const std::vector<std::string>& values);
/// Null where there is no such string.
const std::string* find_string(const Hdf5Group& group, const std::string& name);

}  // namespace fovea::keras
