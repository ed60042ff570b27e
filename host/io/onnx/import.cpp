#include "host/io/onnx/import.h"

#include <memory>

#include "host/io/onnx/import_graph.h"
#include "host/layers/network_description.h"

namespace fovea::onnx {
namespace {

Json records_json(const std::vector<LayerRecord>& layers) {
  Json array = Json::array();
  for (const LayerRecord& layer : layers) array.push(detail::layer_json(layer));
  return array;
}

/// The names that this library writes; other programs' entries of that key may be anything.
std::vector<std::string> class_names_of(const Model& file) {
  std::vector<std::string> names;
  for (const auto& [key, value] : file.metadata) {
    if (key != "class_names") continue;
    try {
      from_json(Json::parse(value), names);
    } catch (const Error&) {
      names.clear();
    }
  }
  return names;
}

}  // namespace

StoredModel import_model(Model file, const std::string& path) {
  std::vector<std::string> class_names = class_names_of(file);
  const std::string name = file.graph.name.empty() ? "onnx" : file.graph.name;
  const auto importer = std::make_shared<Importer>(std::move(file), path);
  const auto body = [importer](Builder& b, std::span<const Value> inputs) {
    return importer->build(b, inputs);
  };
  try {
    const Network network(importer->inputs(), importer->output_names(), body, name);
    Json description = network.to_json();
    description.set("layers", records_json(importer->layers()));
    StoredModel model{Network::from_json(description), importer->weights()};
    model.class_names = std::move(class_names);
    return model;
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with(path)) throw;
    fail(error.code(), path, ": ", error.what());  // what an op says of its inputs
  }
}

}  // namespace fovea::onnx
