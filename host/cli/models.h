// Models as people name them: of the zoo, in a file of any format, described as JSON, or in a run
// folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "fovea/model.h"

namespace fovea::cli {

/// What a name on the command line stands for.
struct ModelChoice {
  enum class Kind { zoo, description, file };

  Kind kind = Kind::zoo;
  std::string name;  ///< short, for folders and tables: "lenet5"
  std::string path;  ///< of the description or the file
};

/// A run folder stands for its best.fov, or last.fov where there is no best. Throws
/// invalid_argument, suggesting models of the zoo, for what is neither of them nor a path; io for a
/// folder that is no run, or a run without checkpoints.
ModelChoice find_model(const std::string& text);

/// The network of a model of the zoo (for so many classes, where it can be chosen; 0: its own) or
/// of a description. Throws as Network::from_json and network_from_keras.
Network make_network(const ModelChoice& choice, std::int64_t classes);

/// A model of any kind; those of the zoo and descriptions have initial weights.
Model load_any(const ModelChoice& choice, ModelOptions options);
/// A model with weights. Throws invalid_argument for one of the zoo or a description.
Model load_trained(const std::string& text, ModelOptions options);

/// The loss and metrics for a network and data with labels, or numbers, to predict.
CompileOptions settings_for(const Network& network, bool labels);

/// Whether the network's last op makes probabilities of numbers: softmax or sigmoid.
bool gives_probabilities(const Network& network);

}  // namespace fovea::cli
