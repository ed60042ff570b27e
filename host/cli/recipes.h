// What each model of the zoo is trained with unless the command line says otherwise.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fovea/data.h"
#include "fovea/network.h"

namespace fovea::cli {

struct Recipe {
  const char* model;
  int epochs;
  std::int64_t batch_size;
  const char* optimizer;
  double rate;
  const char* schedule;  ///< see schedule_names()
  const char* augment;   ///< see augmentation_names()
};

/// The model's, or the general one for models of people's own.
const Recipe& recipe_for(const std::string& model);

std::vector<std::string> schedule_names();
std::vector<std::string> augmentation_names();
/// One of augmentation_names().
Augmentation make_augmentation(const std::string& name);

/// A model of the zoo for so many classes; 0, or a model that has a fixed number: as it is.
Network zoo_network(const std::string& name, std::int64_t classes);

}  // namespace fovea::cli
