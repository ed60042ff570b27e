// The data sets that the command knows by name, and data that people bring: folders of pictures,
// CSV files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "fovea/data.h"
#include "fovea/network.h"

namespace fovea::cli {

/// Which data, as the command line says it.
struct DataChoice {
  std::string name;    ///< of a set, or the path of a folder of pictures or of a CSV file
  std::string folder;  ///< where the set lies; empty: look for it
  std::string target;  ///< the column of a CSV file to predict; empty: the last
  std::string task;    ///< "classify", "regress", or empty: what the target's values suggest
  std::int64_t train_samples = 0;  ///< only the first so many; 0: all
  std::int64_t test_samples = 0;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("name", self.name);
    visit("folder", self.folder);
    visit("target", self.target);
    visit("task", self.task);
    visit("train_samples", self.train_samples);
    visit("test_samples", self.test_samples);
  }
};

/// A data set that is published, or made.
struct DataSet {
  const char* name;
  const char* contents;             ///< in words
  const char* folder;               ///< its usual name; null: it is made, not read
  std::vector<const char*> marker;  ///< files one of which shows that a folder holds it
  TrainTest (*load)(const std::filesystem::path& folder);
  const char* remedy;  ///< where to have it from, for errors
};
const std::vector<DataSet>& data_sets();
std::vector<std::string> data_set_names();
/// Null for an unknown name.
const DataSet* find_data_set(const std::string& name);

/// Where a set lies: in `folder` if that is given, else in $FOVEA_DATA or ~/.cache/fovea, each time
/// itself or the folder of the set's usual name in it. Nothing where it is in none of them.
std::optional<std::filesystem::path> find_data(const DataSet& set, const std::string& folder);
/// ~/.cache/fovea. Throws invalid_argument where HOME is not set.
std::filesystem::path data_cache();

/// Whether this is a path of a folder or a file, and not a set's name.
bool is_own_data(const DataChoice& choice);
/// The set's name, or the last part of the path without its extension.
std::string short_name(const DataChoice& choice);

/// The pictures that a folder's are made into; see ImageFolderOptions.
struct PictureShape {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 3;
};

/// Reads the parts to train and to test on. Pictures of a folder become `pictures`. Throws
/// invalid_argument for a name that is neither a set nor a path, suggesting sets; io, saying where
/// it looked, for a set that is not there.
TrainTest load_data(const DataChoice& choice, const std::optional<PictureShape>& pictures);

/// What the test part of a choice is made into for a network with one input: pictures of its shape.
std::optional<PictureShape> picture_shape(const Network& network);

/// Numbers the labels as a model does that knows all of the data's classes by their names, though
/// in another order or among others: a folder may lack some. Other data stay as they are.
void match_classes(Dataset& data, const std::vector<std::string>& model_classes);

/// Throws shape_mismatch, naming models of the zoo that fit, for data whose samples or classes are
/// not what the network takes and gives.
void check_fit(const Network& network, const std::string& model_name, const Dataset& data,
               const std::string& data_name);

/// Classes of a data set to classify; 0 for others.
std::int64_t class_count(const TrainTest& data);

}  // namespace fovea::cli
