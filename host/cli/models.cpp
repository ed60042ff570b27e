#include "host/cli/models.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "fovea/layer_config.h"
#include "fovea/models.h"
#include "fovea/names.h"
#include "host/cli/recipes.h"
#include "host/cli/run_folder.h"
#include "host/cli/terminal.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;

/// Whether a file's first character that is no space begins a JSON object.
bool is_json(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  char first = 0;
  return file >> first && first == '{';
}

/// A file of any format; what cannot be read is refused in words for people.
Model load_file(const std::string& path, ModelOptions options) {
  try {
    return Model::load(path, std::move(options));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::parse) throw;
    fail(ErrorCode::parse, "cannot read a model from ", path, ": ", error.what(),
         ". Models are .fov, .safetensors, .keras, .h5 and .onnx files");
  }
}

Network read_description(const std::string& path) {
  const Json json = read_json_file(path);
  try {
    return json.contains("class_name") ? network_from_keras(json) : Network::from_json(json);
  } catch (const Error& error) {
    fail(error.code(), "cannot read a network from ", path, ": ", error.what());
  }
}

}  // namespace

ModelChoice find_model(const std::string& text) {
  std::error_code ignored;
  const auto status = fs::status(text, ignored);
  const std::vector<std::string> zoo = network_names();
  const bool known = std::find(zoo.begin(), zoo.end(), text) != zoo.end();
  if (known && !fs::is_regular_file(status)) return {ModelChoice::Kind::zoo, text, ""};
  if (fs::is_directory(status)) {
    const RunFolder run = RunFolder::open(text);
    return {ModelChoice::Kind::file, run.config().at("model_name").as_string(), run.checkpoint()};
  }
  if (fs::exists(status)) {
    const auto kind = is_json(text) ? ModelChoice::Kind::description : ModelChoice::Kind::file;
    return {kind, fs::path(text).stem().string(), text};
  }
  const bool path = text.find_first_of("./") != std::string::npos;
  FOVEA_REQUIRE(!path, io, "there is no file or run folder ", text);
  fail_unknown("model (nor is it a file or a run folder)", text, zoo);
}

Network make_network(const ModelChoice& choice, std::int64_t classes) {
  if (choice.kind == ModelChoice::Kind::zoo) return zoo_network(choice.name, classes);
  return read_description(choice.path);
}

Model load_any(const ModelChoice& choice, ModelOptions options) {
  if (choice.kind == ModelChoice::Kind::file) return load_file(choice.path, std::move(options));
  return Model(make_network(choice, 0), std::move(options));
}

Model load_trained(const std::string& text, ModelOptions options) {
  const ModelChoice choice = find_model(text);
  FOVEA_REQUIRE(choice.kind == ModelChoice::Kind::file, invalid_argument, text, " is ",
                choice.kind == ModelChoice::Kind::zoo ? "a model of the zoo" : "a description",
                " without weights; train it first (fovea train ", shell_word(text),
                " DATA) and name the run folder or its best.fov");
  return load_file(choice.path, std::move(options));
}

bool gives_probabilities(const Network& network) {
  const Json json = network.to_json();
  const Json::Array& ops = json.at("ops").as_array();
  if (ops.empty()) return false;
  const Json& last = ops.back();
  if (last.at("op").as_string() == "softmax") return true;
  const Json* activation = last.at("attributes").find("activation");
  return activation != nullptr && activation->at("kind").as_string() == "sigmoid";
}

CompileOptions settings_for(const Network& network, bool labels) {
  CompileOptions settings;
  if (!labels) {
    settings.loss = "mse";
    settings.metrics = {"mae"};
    return settings;
  }
  const bool one_output = network.outputs().front().shape.numel() == 1;
  settings.loss = Loss(one_output ? "binary_crossentropy" : "sparse_categorical_crossentropy",
                       !gives_probabilities(network));
  settings.metrics = {"accuracy"};
  return settings;
}

}  // namespace fovea::cli
