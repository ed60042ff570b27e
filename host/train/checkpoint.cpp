// Checkpoints: a whole model in one safetensors file. Every variable is a tensor under its path;
// the metadata entry "fovea" is a JSON object with the network and everything else.
#include <algorithm>

#include "host/graph/step_state.h"
#include "host/io/model_formats.h"
#include "host/io/safetensors.h"
#include "host/train/model_impl.h"

namespace fovea {
namespace {

constexpr const char* kMetadataKey = "fovea";
constexpr std::int64_t kFormat = 1;

/// Begins the names of the tensors of callbacks' states: "callback:early_stopping:dense.weight".
constexpr const char* kCallbackPrefix = "callback:";

std::string callback_prefix(const std::string& name) { return kCallbackPrefix + name + ":"; }

Json logs_to_json(const Logs& logs) {
  Json json = Json::object();
  for (const auto& [name, value] : logs) json.set(name, value);
  return json;
}

Logs logs_from_json(const Json& json) {
  Logs logs;
  for (const auto& [name, value] : json.as_object()) logs.emplace_back(name, value.as_double());
  return logs;
}

template <class Described>
Json described(const Described& value) {
  Json json = Json::object();
  Described::fields(value, [&](std::string_view key, const auto& v) { json.set(key, to_json(v)); });
  return json;
}

/// Of a model or of one of its outputs.
void set_metrics(Json& json, const auto& options) {
  json.set("metrics", to_json(options.metrics));
  if (options.weighted_metrics.empty()) return;
  json.set("weighted_metrics", to_json(options.weighted_metrics));
}

void get_metrics(const Json& json, auto& options) {
  from_json(json.at("metrics"), options.metrics);
  const Json* weighted = json.find("weighted_metrics");
  if (weighted != nullptr) from_json(*weighted, options.weighted_metrics);
}

Json compile_to_json(const CompileOptions& compile) {
  Json json = Json::object();
  json.set("optimizer", compile.optimizer.pointer()->to_json());
  json.set("loss", described(compile.loss));
  set_metrics(json, compile);
  Json outputs = Json::object();
  for (const auto& [name, output] : compile.outputs) {
    Json entry = Json::object();
    entry.set("loss", described(output.loss));
    entry.set("weight", output.weight);
    set_metrics(entry, output);
    outputs.set(name, entry);
  }
  json.set("outputs", outputs);
  return json;
}

Loss loss_from_json(const Json& json) {
  Loss loss;
  Loss::fields(loss, [&](std::string_view key, auto& v) { from_json(json.at(key), v); });
  return loss;
}

CompileOptions compile_from_json(const Json& json) {
  CompileOptions compile;
  compile.optimizer = optimizer_from_json(json.at("optimizer"));
  compile.loss = loss_from_json(json.at("loss"));
  get_metrics(json, compile);
  for (const auto& [name, entry] : json.at("outputs").as_object()) {
    OutputLoss& output = compile.outputs[name];
    output.loss = loss_from_json(entry.at("loss"));
    output.weight = entry.at("weight").as_double();
    get_metrics(entry, output);
  }
  return compile;
}

/// What must be equal for a resumed run to give the same bits.
Json environment(const Model::Impl& impl) {
  Json json = Json::object();
  json.set("version", FOVEA_VERSION);
  json.set("device", impl.device->name());
  json.set("precision", impl.options.precision);
  json.set("threads", impl.threads);
  json.set("cpu", cpu_device()->fingerprint());
  return json;
}

Json position_to_json(const TrainingPosition& position) {
  Json json = Json::object();
  json.set("epoch", position.epoch);
  json.set("step", position.step);
  json.set("data_epoch", position.data_epoch);
  Json history = Json::array();
  for (const Logs& logs : position.finished_epochs) history.push(logs_to_json(logs));
  json.set("history", history);
  Json callbacks = Json::object();
  for (const auto& [name, state] : position.callbacks) callbacks.set(name, state.values);
  json.set("callbacks", callbacks);
  json.set("fit", position.fit);
  return json;
}

TrainingPosition position_from_json(const Json& json) {
  TrainingPosition position;
  position.epoch = static_cast<int>(json.at("epoch").as_int());
  position.step = json.at("step").as_int();
  position.data_epoch = json.at("data_epoch").as_int();
  for (const Json& logs : json.at("history").as_array()) {
    position.finished_epochs.push_back(logs_from_json(logs));
  }
  if (const Json& callbacks = json.at("callbacks"); callbacks.is_object()) {
    for (const auto& [name, values] : callbacks.as_object()) position.callbacks[name] = {values};
  }
  position.fit = json.at("fit");
  return position;
}

/// A checkpoint in memory.
struct Checkpoint {
  SafetensorsFile file;
  Json description;
};

Checkpoint read_checkpoint(const std::string& path) {
  Checkpoint checkpoint{read_safetensors(path), {}};
  for (const auto& [key, value] : checkpoint.file.metadata) {
    if (key == kMetadataKey) checkpoint.description = Json::parse(value, path);
  }
  FOVEA_REQUIRE(!checkpoint.description.is_null(), parse, path,
                " holds tensors, but is no model of this library; load_weights() reads the weights "
                "of such files");
  const std::int64_t format = checkpoint.description.at("format").as_int();
  FOVEA_REQUIRE(format == kFormat, unsupported, path, " has format ", format,
                "; this version of the library reads format ", kFormat);
  return checkpoint;
}

const Tensor* find_tensor(const SafetensorsFile& file, const std::string& path) {
  const auto found = std::find_if(file.tensors.begin(), file.tensors.end(),
                                  [&](const auto& entry) { return entry.first == path; });
  return found == file.tensors.end() ? nullptr : &found->second;
}

/// Throws naming the first weight of the network that the file lacks or has in another shape.
void check_weights(const Model::Impl& impl, const SafetensorsFile& file, const std::string& path) {
  for (const ParameterRecord& record : impl.network.parameters()) {
    const Tensor* tensor = find_tensor(file, record.path);
    FOVEA_REQUIRE(tensor != nullptr, shape_mismatch, path,
                  " is of another architecture: it has no '", record.path, "'");
    FOVEA_REQUIRE(tensor->shape() == record.shape, shape_mismatch, path,
                  " is of another architecture: '", record.path, "' has shape ", tensor->shape(),
                  " there and ", record.shape, " here");
  }
}

void load_into(Model::Impl& impl, const SafetensorsFile& file, bool weights_only) {
  if (weights_only) {
    for (const ParameterRecord& record : impl.network.parameters()) {
      impl.variables->write(record.path, find_tensor(file, record.path)->to(impl.dtype));
    }
    return;
  }
  for (const auto& [path, tensor] : file.tensors) {
    if (path.starts_with(kCallbackPrefix)) continue;
    const Tensor values = tensor.dtype() == DType::f32 && impl.variables->contains(path)
                              ? tensor.to(impl.variables->at(path).type.dtype)
                              : tensor;
    impl.variables->set(path, values);
  }
}

/// The tensors of callbacks' states, into the states.
void restore_callback_tensors(const SafetensorsFile& file, TrainingPosition& position) {
  for (auto& [name, state] : position.callbacks) {
    const std::string prefix = callback_prefix(name);
    for (const auto& [path, tensor] : file.tensors) {
      if (path.starts_with(prefix)) state.tensors[path.substr(prefix.size())] = tensor;
    }
  }
}

std::optional<double> rate_from_json(const Json& json) {
  const Json* rate = json.find("learning_rate");
  if (rate == nullptr) return std::nullopt;
  return rate->as_double();
}

std::string differences(const Json& then, const Json& now) {
  std::string text;
  for (const auto& [key, value] : now.as_object()) {
    const Json* before = then.find(key);
    if (before != nullptr && *before == value) continue;
    text += (text.empty() ? "" : ", ") + key + " " +
            (before == nullptr ? "unknown" : before->to_string()) + " then, " + value.to_string() +
            " now";
  }
  return text;
}

/// The settings with the learning rate that is held instead of the optimizer's.
std::optional<CompileOptions> compiled_at_held_rate(const Model::Impl& impl) {
  std::optional<CompileOptions> compile = impl.compiled;
  if (compile && impl.learning_rate) {
    Json optimizer = compile->optimizer.pointer()->to_json();
    optimizer.set("learning_rate", Schedule(*impl.learning_rate).to_json());
    compile->optimizer = optimizer_from_json(optimizer);
  }
  return compile;
}

/// The model as other formats can hold it.
StoredModel stored(const Model::Impl& impl) {
  StoredModel model{impl.network,
                    {},
                    compiled_at_held_rate(impl),
                    {},
                    impl.options.class_names,
                    {impl.frozen_layers.begin(), impl.frozen_layers.end()}};
  for (const ParameterRecord& record : impl.network.parameters()) {
    model.weights.emplace_back(record.path, impl.variables->read(record.path));
  }
  if (!impl.variables->contains(step_state::kApplied)) return model;
  for (const Variables::Entry& entry : impl.variables->entries()) {
    if (!entry.path.starts_with(kOptimizerState) && entry.path != step_state::kApplied) continue;
    model.optimizer_state.emplace_back(entry.path, impl.variables->read(entry.path));
  }
  return model;
}

void load_stored(Model::Impl& impl, const StoredModel& stored, const std::string& path) {
  const SafetensorsFile weights{stored.weights, {}};
  check_weights(impl, weights, path);
  load_into(impl, weights, true);
  load_into(impl, {stored.optimizer_state, {}}, false);
}

}  // namespace

void write_checkpoint(const Model::Impl& impl, const std::string& path) {
  SafetensorsFile file;
  for (const Variables::Entry& entry : impl.variables->entries()) {
    file.tensors.emplace_back(entry.path, impl.variables->read(entry.path));
  }
  for (const auto& [name, state] : impl.position.callbacks) {
    for (const auto& [key, tensor] : state.tensors) {
      file.tensors.emplace_back(callback_prefix(name) + key, tensor);
    }
  }
  Json json = Json::object();
  json.set("format", kFormat);
  json.set("network", impl.network.to_json());
  json.set("class_names", to_json(impl.options.class_names));
  json.set("seed", impl.options.seed);
  json.set("environment", environment(impl));
  json.set("frozen",
           to_json(std::vector<std::string>(impl.frozen_layers.begin(), impl.frozen_layers.end())));
  if (impl.compiled) json.set("compile", compile_to_json(*impl.compiled));
  if (impl.learning_rate) json.set("learning_rate", *impl.learning_rate);
  json.set("training", position_to_json(impl.position));
  file.metadata.emplace_back(kMetadataKey, json.to_string());
  write_safetensors(path, file);
}

void Model::save(const std::string& path) const {
  const ModelFormat* format = format_of_name(path);
  if (format == nullptr) return write_checkpoint(*impl_, path);
  format->write(stored(*impl_), path);
}

void Model::save_weights(const std::string& path) const {
  const ModelFormat* format = format_of_name(path);
  if (format != nullptr) {
    FOVEA_REQUIRE(format->write_weights != nullptr, unsupported, path, ": ", format->name,
                  " has no files of weights alone; use save(), or another extension");
    return format->write_weights(stored(*impl_), path);
  }
  SafetensorsFile file;
  for (const std::string& weight_path : weight_paths()) {
    file.tensors.emplace_back(weight_path, weight(weight_path));
  }
  write_safetensors(path, file);
}

Model Model::load(const std::string& path, ModelOptions options) {
  if (const ModelFormat* format = format_of_file(path)) {
    const StoredModel stored = format->read(path);
    if (options.class_names.empty()) options.class_names = stored.class_names;
    Model model(stored.network, std::move(options));
    if (stored.compile) model.compile(*stored.compile);
    for (const std::string& layer : stored.frozen) model.freeze(layer);
    load_stored(*model.impl_, stored, path);
    return model;
  }
  const Checkpoint checkpoint = read_checkpoint(path);
  const Json& json = checkpoint.description;
  options.seed = json.at("seed").as_uint();
  if (options.class_names.empty()) from_json(json.at("class_names"), options.class_names);
  Model model(Network::from_json(json.at("network")), std::move(options));
  check_weights(*model.impl_, checkpoint.file, path);
  if (const Json* compile = json.find("compile")) model.compile(compile_from_json(*compile));
  model.impl_->learning_rate = rate_from_json(json);
  std::vector<std::string> frozen;
  from_json(json.at("frozen"), frozen);
  for (const std::string& layer : frozen) model.freeze(layer);
  load_into(*model.impl_, checkpoint.file, false);
  model.impl_->position.data_epoch = json.at("training").at("data_epoch").as_int();
  return model;
}

void Model::load_weights(const std::string& path) {
  const ModelFormat* format = format_of_file(path);
  FOVEA_REQUIRE(format == nullptr || format->read_weights != nullptr, unsupported, path,
                " is a file of ", format->name, ", whose weights cannot be read alone; use load()");
  const SafetensorsFile file =
      format == nullptr ? read_safetensors(path)
                        : SafetensorsFile{format->read_weights(path, impl_->network), {}};
  check_weights(*impl_, file, path);
  load_into(*impl_, file, true);
  impl_->restart_weight_averages();
}

std::string Model::resume(const std::string& path) {
  impl_->require_compiled("resume()");
  const Checkpoint checkpoint = read_checkpoint(path);
  check_weights(*impl_, checkpoint.file, path);
  const Json& json = checkpoint.description;
  const Json* compile = json.find("compile");
  FOVEA_REQUIRE(compile != nullptr, invalid_argument, path,
                " holds a model that was never compiled: there is no training to resume");
  const std::string changed = differences(*compile, compile_to_json(*impl_->compiled));
  FOVEA_REQUIRE(changed.empty(), invalid_argument, "training cannot be resumed from ", path,
                " with other settings: ", changed);
  TrainingPosition position = position_from_json(json.at("training"));
  restore_callback_tensors(checkpoint.file, position);
  load_into(*impl_, checkpoint.file, false);
  impl_->options.seed = json.at("seed").as_uint();
  impl_->rate_table_start = -1;
  impl_->learning_rate = rate_from_json(json);
  impl_->position = std::move(position);
  impl_->position.resumed = true;
  std::string text = "Resuming at epoch " + std::to_string(impl_->position.epoch + 1) + ", step " +
                     std::to_string(impl_->position.step) + ".";
  const std::string other = differences(json.at("environment"), environment(*impl_));
  if (!other.empty())
    text += " The last bits will differ from an uninterrupted run: " + other + ".";
  return text;
}

}  // namespace fovea
