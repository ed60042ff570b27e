#include "host/io/keras/keras_file.h"

#include <algorithm>
#include <optional>

#include "host/io/atomic_file.h"
#include "host/io/hdf5.h"
#include "host/io/input_file.h"
#include "host/io/keras/compile_config.h"
#include "host/io/keras/variables.h"
#include "host/io/zip.h"

namespace fovea::keras {
namespace {

constexpr const char* kConfigFile = "config.json";
constexpr const char* kMetadataFile = "metadata.json";
constexpr const char* kWeightsFile = "model.weights.h5";
/// Of Keras: what its files say of themselves.
constexpr const char* kVersion = "3.0.0";

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::vector<std::uint8_t> to_bytes(const std::string& text) { return {text.begin(), text.end()}; }

std::string_view text_of(const std::vector<std::uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void write_file(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  AtomicFile file(path);
  file.write(bytes.data(), bytes.size());
  file.commit();
}

/// Runs `read`, whose errors then begin with the path.
template <class Read>
auto reading(const std::string& path, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    const std::string message = error.what();
    if (message.starts_with(path)) throw;
    const bool of_file = error.code() == ErrorCode::unsupported || error.code() == ErrorCode::io ||
                         error.code() == ErrorCode::out_of_memory;
    fail(of_file ? error.code() : ErrorCode::parse, path, ": ", message);
  }
}

void append_frozen(const std::vector<LayerEntry>& layers, bool trainable,
                   std::vector<std::string>& frozen) {
  for (const LayerEntry& layer : layers) {
    const bool trains = trainable && layer.trainable;
    append_frozen(layer.inner, trains, frozen);
    if (!trains && !layer.weights.empty() && !layer.keeps_statistics) frozen.push_back(layer.path);
  }
}

/// A model out of its parts; `compile_config` may be null.
StoredModel make_model(const Json& description, const Json* compile_config,
                       const std::vector<LayerEntry>& layers, ReadWeights read,
                       const std::vector<Tensor>& optimizer) {
  StoredModel model{build_network(description, read.statistics), std::move(read.weights)};
  append_frozen(layers, true, model.frozen);
  if (compile_config != nullptr) {
    model.compile = compile_from_json(*compile_config, model.network.outputs());
  }
  if (model.compile && !optimizer.empty()) {
    model.optimizer_state =
        optimizer_state(*model.compile->optimizer.pointer(), trainable_weights(layers), optimizer);
  }
  return model;
}

std::optional<NamedTensors> written_optimizer(const StoredModel& model,
                                              const std::vector<LayerEntry>& layers) {
  if (!model.compile) return std::nullopt;
  return optimizer_variables(*model.compile->optimizer.pointer(), trainable_weights(layers),
                             model.optimizer_state, model.weights);
}

// ---- .keras ----

struct Archive {
  Json config;
  Hdf5Group weights;
};

Archive read_archive(const std::string& path) {
  const std::string file = read_text_file(path);
  const std::vector<ZipEntry> entries = read_zip(bytes_of(file), path);
  const auto entry = [&](const char* name) -> const std::vector<std::uint8_t>& {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const ZipEntry& e) { return e.name == name; });
    FOVEA_REQUIRE(found != entries.end(), parse, path, " is no .keras file: it has no ", name);
    return found->bytes;
  };
  return {Json::parse(text_of(entry(kConfigFile)), path + ": " + kConfigFile),
          read_hdf5(entry(kWeightsFile), path + ": " + kWeightsFile)};
}

// ---- .h5 ----

Hdf5Group read_h5(const std::string& path) {
  return read_hdf5(bytes_of(read_text_file(path)), path);
}

Json json_of(const Hdf5Group& root, const char* name, const std::string& path) {
  const std::string* text = find_string(root, name);
  return text == nullptr ? Json() : Json::parse(*text, path + ": " + name);
}

}  // namespace

StoredModel read_keras_file(const std::string& path) {
  return reading(path, [&] {
    const Archive archive = read_archive(path);
    const std::vector<LayerEntry> layers = layers_of(archive.config);
    return make_model(archive.config, archive.config.find("compile_config"), layers,
                      read_weights(archive.weights, layers, path), read_optimizer(archive.weights));
  });
}

void write_keras_file(const StoredModel& model, const std::string& path) {
  Described described = describe(model.network, model.frozen);
  if (model.compile) {
    described.description.set("compile_config",
                              compile_to_json(*model.compile, model.network.outputs()));
  }
  Hdf5Group weights;
  write_weights(weights, described.layers, model.weights);
  if (const auto optimizer = written_optimizer(model, described.layers)) {
    write_optimizer(weights, *optimizer);
  }
  const Json metadata = Json::Object{{"keras_version", kVersion}, {"written_by", "Fovea"}};
  write_file(path, write_zip({{kMetadataFile, to_bytes(metadata.to_string())},
                              {kConfigFile, to_bytes(described.description.to_string())},
                              {kWeightsFile, write_hdf5(weights)}}));
}

NamedTensors read_keras_file_weights(const std::string& path, const Network& network) {
  return reading(path, [&] {
    return read_weights(read_archive(path).weights, describe(network).layers, path).weights;
  });
}

StoredModel read_h5_file(const std::string& path) {
  return reading(path, [&] {
    const Hdf5Group root = read_h5(path);
    const Json description = json_of(root, "model_config", path);
    const Hdf5Group* weights = root.find_group("model_weights");
    FOVEA_REQUIRE(!description.is_null() && weights != nullptr, parse, path,
                  " holds no model, only arrays; load_weights() reads the weights of such files");
    const Json training = json_of(root, "training_config", path);
    const std::vector<LayerEntry> layers = layers_of(description);
    return make_model(description, training.is_null() ? nullptr : &training, layers,
                      read_legacy_weights(*weights, layers, path), read_legacy_optimizer(root));
  });
}

void write_h5_file(const StoredModel& model, const std::string& path) {
  FOVEA_REQUIRE(!path.ends_with(".weights.h5"), unsupported, path,
                ": Keras keeps weights alone in such files; use save_weights(), or the extension "
                ".keras or .h5");
  const Described described = describe(model.network, model.frozen);
  Hdf5Group root;
  root.attributes.push_back({"backend", {"tensorflow"}, false});
  root.attributes.push_back({"keras_version", {kVersion}, false});
  root.attributes.push_back({"model_config", {described.description.to_string()}, false});
  write_legacy_weights(root.make_group("model_weights"), described.layers, model.weights);
  if (const auto optimizer = written_optimizer(model, described.layers)) {
    Json training = compile_to_json(*model.compile, model.network.outputs());
    training.set("optimizer_config", training.at("optimizer"));
    root.attributes.push_back({"training_config", {training.to_string()}, false});
    write_legacy_optimizer(root, std::string(model.compile->optimizer.pointer()->name()),
                           *optimizer);
  }
  write_file(path, write_hdf5(root));
}

NamedTensors read_h5_weights(const std::string& path, const Network& network) {
  return reading(path, [&] {
    const Hdf5Group root = read_h5(path);
    const std::vector<LayerEntry> layers = describe(network).layers;
    if (const Hdf5Group* whole = root.find_group("model_weights")) {
      return read_legacy_weights(*whole, layers, path).weights;
    }
    if (root.find_attribute("layer_names") != nullptr) {
      return read_legacy_weights(root, layers, path).weights;
    }
    return read_weights(root, layers, path).weights;
  });
}

void write_h5_weights(const StoredModel& model, const std::string& path) {
  const std::vector<LayerEntry> layers = describe(model.network).layers;
  Hdf5Group root;
  if (path.ends_with(".weights.h5")) {
    write_weights(root, layers, model.weights);
  } else {
    write_legacy_weights(root, layers, model.weights);
  }
  write_file(path, write_hdf5(root));
}

}  // namespace fovea::keras
