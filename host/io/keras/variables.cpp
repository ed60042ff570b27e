#include "host/io/keras/variables.h"

#include <algorithm>
#include <map>

#include "host/io/keras/compile_config.h"
#include "host/layers/symbol.h"

namespace fovea::keras {
namespace {

/// Names by class, as Keras 3 counts them within a model: "dense", "dense_1".
class ClassNames {
 public:
  std::string next(const std::string& class_name) {
    const std::string stem = detail::snake_case(class_name);
    const int number = counts_[stem]++;
    return number == 0 ? stem : stem + "_" + std::to_string(number);
  }

 private:
  std::map<std::string, int> counts_;
};

[[noreturn]] void fail_count(const std::string& source, const LayerEntry& layer,
                             std::size_t found) {
  fail(ErrorCode::shape_mismatch, source, " is of another architecture: '", layer.name, "' (",
       layer.class_name, ") has ", layer.weights.size(), " weights here, but ", found, " there");
}

void keep(const Weight& weight, const Tensor& tensor, ReadWeights& read) {
  read.weights.emplace_back(weight.path, from_keras(weight, tensor));
}

/// Moves what belongs to Normalization layers to the statistics.
void take_statistics(const std::vector<LayerEntry>& layers, ReadWeights& read) {
  const auto numbers = [&](const std::string& path) {
    std::vector<double> result;
    const Tensor* tensor = find_tensor(read.weights, path);
    for (std::int64_t i = 0; tensor != nullptr && i < tensor->numel(); ++i) {
      result.push_back(tensor->item(i));
    }
    return result;
  };
  for (const LayerEntry& layer : layers) {
    take_statistics(layer.inner, read);
    if (!layer.keeps_statistics) continue;
    read.statistics[layer.path] = {numbers(layer.weights[0].path), numbers(layer.weights[1].path)};
    for (const Weight& weight : layer.weights) {
      std::erase_if(read.weights, [&](const auto& entry) { return entry.first == weight.path; });
    }
  }
}

// ---- Keras 3 ----

void read_layers(const Hdf5Group& model, const std::vector<LayerEntry>& layers,
                 const std::string& source, ReadWeights& read) {
  const Hdf5Group* group = model.find_group("layers");
  if (group == nullptr) group = model.find_group("_layer_checkpoint_dependencies");
  static const Hdf5Group kNone;
  if (group == nullptr) group = &kNone;
  ClassNames names;
  for (const LayerEntry& layer : layers) {
    const Hdf5Group* found = group->find_group(names.next(layer.class_name));
    if (found == nullptr) found = &kNone;
    if (is_model(layer.class_name)) {
      read_layers(*found, layer.inner, source, read);
      continue;
    }
    const Hdf5Group* variables = found->find_group("vars");
    const std::size_t count = variables == nullptr ? 0 : variables->arrays.size();
    // Some layers without weights keep variables of their own, such as a generator's seed.
    if (layer.weights.empty()) continue;
    if (count != layer.weights.size()) fail_count(source, layer, count);
    for (std::size_t i = 0; i < count; ++i) {
      const Tensor* tensor = variables->find_array(std::to_string(i));
      if (tensor == nullptr) fail_count(source, layer, i);
      keep(layer.weights[i], *tensor, read);
    }
  }
}

// ---- Older versions ----

/// A layer's weights in Keras's old order: all that are trained, then all others.
void split_weights(const LayerEntry& layer, bool trainable, std::vector<Weight>& trained,
                   std::vector<Weight>& others) {
  const bool trains = trainable && layer.trainable;
  for (const LayerEntry& inner : layer.inner) split_weights(inner, trains, trained, others);
  for (const Weight& weight : layer.weights) {
    (trains && weight.trainable ? trained : others).push_back(weight);
  }
}

std::vector<Weight> old_order(const LayerEntry& layer) {
  std::vector<Weight> weights;
  std::vector<Weight> others;
  split_weights(layer, true, weights, others);
  weights.insert(weights.end(), others.begin(), others.end());
  return weights;
}

/// The arrays of a group, by its list of their names.
std::vector<Tensor> named_arrays(const Hdf5Group& group, const std::string& source) {
  std::vector<Tensor> arrays;
  for (const std::string& name : string_list(group, "weight_names")) {
    const Tensor* array = group.find_array(name);
    FOVEA_REQUIRE(array != nullptr, parse, source, ": there is no array '", name,
                  "', though it is listed");
    arrays.push_back(*array);
  }
  return arrays;
}

}  // namespace

ReadWeights read_weights(const Hdf5Group& root, const std::vector<LayerEntry>& layers,
                         const std::string& source) {
  ReadWeights read;
  read_layers(root, layers, source, read);
  take_statistics(layers, read);
  return read;
}

ReadWeights read_legacy_weights(const Hdf5Group& group, const std::vector<LayerEntry>& layers,
                                const std::string& source) {
  std::vector<std::vector<Tensor>> stored;  // of the layers that have some
  for (const std::string& name : string_list(group, "layer_names")) {
    const Hdf5Group* layer = group.find_group(name);
    FOVEA_REQUIRE(layer != nullptr, parse, source, ": there is no group of the layer '", name,
                  "', though it is listed");
    std::vector<Tensor> arrays = named_arrays(*layer, source);
    if (!arrays.empty()) stored.push_back(std::move(arrays));
  }
  ReadWeights read;
  std::size_t next = 0;
  for (const LayerEntry& layer : layers) {
    const std::vector<Weight> weights = old_order(layer);
    if (weights.empty()) continue;
    FOVEA_REQUIRE(next < stored.size(), shape_mismatch, source,
                  " is of another architecture: it has weights of ", stored.size(),
                  " layers, and none for '", layer.name, "'");
    const std::vector<Tensor>& arrays = stored[next++];
    if (arrays.size() != weights.size()) fail_count(source, layer, arrays.size());
    for (std::size_t i = 0; i < weights.size(); ++i) keep(weights[i], arrays[i], read);
  }
  FOVEA_REQUIRE(next == stored.size(), shape_mismatch, source,
                " is of another architecture: it has weights of ", stored.size(), " layers, not ",
                next);
  take_statistics(layers, read);
  return read;
}

void write_weights(Hdf5Group& root, const std::vector<LayerEntry>& layers,
                   const NamedTensors& weights) {
  ClassNames names;
  for (const LayerEntry& layer : layers) {
    Hdf5Group& group = root.make_group("layers/" + names.next(layer.class_name) + "/vars");
    group.attributes.push_back({"name", {layer.name}, false});
    for (std::size_t i = 0; i < layer.weights.size(); ++i) {
      const Weight& weight = layer.weights[i];
      group.add_array(std::to_string(i), to_keras(weight, *find_tensor(weights, weight.path)));
    }
  }
}

void write_legacy_weights(Hdf5Group& group, const std::vector<LayerEntry>& layers,
                          const NamedTensors& weights) {
  std::vector<std::string> names;
  for (const LayerEntry& layer : layers) {
    names.push_back(layer.name);
    Hdf5Group& own = group.make_group(layer.name);
    std::vector<std::string> weight_names;
    for (const Weight& weight : old_order(layer)) {
      weight_names.push_back(layer.name + "/" + weight.name);
      own.add_array(weight_names.back(), to_keras(weight, *find_tensor(weights, weight.path)));
    }
    set_string_list(own, "weight_names", weight_names);
  }
  set_string_list(group, "layer_names", names);
  group.attributes.push_back({"backend", {"tensorflow"}, false});
  group.attributes.push_back({"keras_version", {"3.0.0"}, false});
}

std::vector<Tensor> read_optimizer(const Hdf5Group& root) {
  std::vector<Tensor> variables;
  const Hdf5Group* group = root.find_group("optimizer/vars");
  while (group != nullptr) {
    const Tensor* array = group->find_array(std::to_string(variables.size()));
    if (array == nullptr) break;
    variables.push_back(*array);
  }
  return variables;
}

std::vector<Tensor> read_legacy_optimizer(const Hdf5Group& root) {
  const Hdf5Group* group = root.find_group("optimizer_weights");
  if (group == nullptr) return {};
  return named_arrays(*group, "optimizer_weights");
}

void write_optimizer(Hdf5Group& root, const NamedTensors& variables) {
  Hdf5Group& group = root.make_group("optimizer/vars");
  for (std::size_t i = 0; i < variables.size(); ++i) {
    group.add_array(std::to_string(i), variables[i].second);
  }
}

void write_legacy_optimizer(Hdf5Group& root, const std::string& name,
                            const NamedTensors& variables) {
  Hdf5Group& group = root.make_group("optimizer_weights");
  std::vector<std::string> names;
  for (const auto& [variable, tensor] : variables) {
    std::string path = name;
    path += "/" + variable;
    group.add_array(path, tensor);
    names.push_back(std::move(path));
  }
  set_string_list(group, "weight_names", names);
}

namespace {

/// What an object's header takes is 64 KiB; a string takes 16 bytes there.
constexpr std::size_t kStringsPerAttribute = 2000;

}  // namespace

std::vector<std::string> string_list(const Hdf5Group& group, const std::string& name) {
  if (const Hdf5Attribute* whole = group.find_attribute(name)) return whole->values;
  std::vector<std::string> all;
  for (int i = 0;; ++i) {
    const Hdf5Attribute* part = group.find_attribute(name + std::to_string(i));
    if (part == nullptr) return all;
    all.insert(all.end(), part->values.begin(), part->values.end());
  }
}

void set_string_list(Hdf5Group& group, const std::string& name,
                     const std::vector<std::string>& values) {
  if (values.size() <= kStringsPerAttribute) {
    group.attributes.push_back({name, values, true});
    return;
  }
  for (std::size_t first = 0, i = 0; first < values.size(); first += kStringsPerAttribute, ++i) {
    const std::size_t last = std::min(first + kStringsPerAttribute, values.size());
    const auto at = [&](std::size_t n) { return values.begin() + static_cast<std::ptrdiff_t>(n); };
    group.attributes.push_back({name + std::to_string(i), {at(first), at(last)}, true});
  }
}

const std::string* find_string(const Hdf5Group& group, const std::string& name) {
  const Hdf5Attribute* found = group.find_attribute(name);
  return found == nullptr || found->values.size() != 1 ? nullptr : &found->values[0];
}

}  // namespace fovea::keras
