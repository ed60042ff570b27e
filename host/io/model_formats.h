// The formats that Model::save and Model::load know besides the library's own: one line each in
// model_formats.cpp. A format is a pair of functions between a file and a StoredModel.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fovea/model.h"

namespace fovea {

/// Tensors by path.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// All of a model that other formats can hold.
struct StoredModel {
  Network network;
  NamedTensors weights;                     ///< of every path in network.parameters()
  std::optional<CompileOptions> compile{};  ///< what fit() needs; metrics may be missing
  /// State of that optimizer, by the paths it gives it ("optimizer.m.conv2d.weight"), with
  /// "step.applied", the number of updates made, i64 (); empty: none was made.
  NamedTensors optimizer_state{};
  std::vector<std::string> class_names{};
  std::vector<std::string> frozen{};  ///< see Model::freeze
};

/// Every function throws io, parse or unsupported, naming the file and what in it does not fit.
struct ModelFormat {
  std::string_view name;                      ///< for people: "Keras"
  std::vector<std::string_view> extensions;   ///< with their dots, longest first
  bool (*recognizes)(std::string_view head);  ///< a file by its first 64 bytes
  StoredModel (*read)(const std::string& path);
  void (*write)(const StoredModel& model, const std::string& path);
  /// Weights alone, by the network's paths; null where the format has no such files.
  NamedTensors (*read_weights)(const std::string& path, const Network& network);
  void (*write_weights)(const StoredModel& model, const std::string& path);
};

const std::vector<ModelFormat>& model_formats();

/// The format that a new file of this name will have; null: the library's own.
const ModelFormat* format_of_name(const std::string& path);

/// The format of an existing file, by its first bytes; null: the library's own (or none known).
/// Throws io if it cannot be read.
const ModelFormat* format_of_file(const std::string& path);

}  // namespace fovea
