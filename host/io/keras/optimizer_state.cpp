// The variables of Keras's optimizers: the number of updates, the rate where it is no schedule, and
// for each group of slots, weight after weight, its numbers.
#include <algorithm>
#include <cmath>

#include "host/graph/step_state.h"
#include "host/io/keras/compile_config.h"

namespace fovea::keras {
namespace {

struct Slot {
  const char* own;
  const char* keras;
};

/// Slots of one group lie side by side for each weight, groups one after another.
std::vector<std::vector<Slot>> slot_groups(const Json& optimizer) {
  std::vector<std::vector<Slot>> groups;
  const std::string& name = optimizer.at("name").as_string();
  if (optimizer.at("ema_momentum").as_double() > 0) groups.push_back({{"average", "average"}});
  if (name == "sgd" && optimizer.at("momentum").as_double() > 0) {
    groups.push_back({{"momentum", "momentum"}});
  }
  if (name == "adam" || name == "adamw" || name == "nadam") {
    groups.push_back({{"m", "momentum"}, {"v", "velocity"}});
  }
  if (name == "adamax") groups.push_back({{"m", "momentum"}, {"u", "norm"}});
  if (name == "adagrad") groups.push_back({{"accumulator", "accumulator"}});
  if (name == "rmsprop") {
    groups.push_back({{"velocity", "velocity"}});
    if (optimizer.at("momentum").as_double() > 0) groups.push_back({{"momentum", "momentum"}});
    if (optimizer.at("centered").as_bool()) {
      groups.push_back({{"average_gradient", "average_gradient"}});
    }
  }
  return groups;
}

std::string state_path(const Slot& slot, const Weight& weight) {
  return std::string("optimizer.") + slot.own + "." + weight.path;
}

/// The product of Nadam's momenta so far, which Keras keeps and Fovea computes anew.
double momentum_product(double beta1, std::int64_t updates) {
  double product = 1;
  for (std::int64_t t = 1; t <= updates && product > 0; ++t) {
    product *= beta1 * (1 - 0.5 * std::pow(0.96, static_cast<double>(t)));
  }
  return product;
}

Tensor scalar(std::int64_t value) {
  Tensor tensor({}, DType::i64);
  *tensor.data<std::int64_t>() = value;
  return tensor;
}

void append_trainable(const std::vector<LayerEntry>& layers, std::vector<Weight>& weights) {
  for (const LayerEntry& layer : layers) {
    if (!layer.trainable) continue;
    append_trainable(layer.inner, weights);
    for (const Weight& weight : layer.weights) {
      if (weight.trainable) weights.push_back(weight);
    }
  }
}

}  // namespace

const Tensor* find_tensor(const NamedTensors& tensors, const std::string& name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  return found == tensors.end() ? nullptr : &found->second;
}

std::vector<Weight> trainable_weights(const std::vector<LayerEntry>& layers) {
  std::vector<Weight> weights;
  append_trainable(layers, weights);
  return weights;
}

NamedTensors optimizer_state(const Optimizer& optimizer, const std::vector<Weight>& weights,
                             const std::vector<Tensor>& variables) {
  const Json own = optimizer.to_json();
  const std::vector<std::vector<Slot>> groups = slot_groups(own);
  const bool has_rate = optimizer.learning_rate().is_constant();
  std::size_t expected = (has_rate ? 2 : 1) + (optimizer.name() == "nadam" ? 1 : 0);
  for (const std::vector<Slot>& group : groups) expected += group.size() * weights.size();
  if (variables.size() != expected || variables[0].dtype() != DType::i64 ||
      variables[0].numel() != 1) {
    return {};
  }
  NamedTensors state;
  state.emplace_back(step_state::kApplied, scalar(*variables[0].data<std::int64_t>()));
  std::size_t next = has_rate ? 2 : 1;
  for (const std::vector<Slot>& group : groups) {
    for (const Weight& weight : weights) {
      for (const Slot& slot : group) {
        state.emplace_back(state_path(slot, weight), from_keras(weight, variables[next++]));
      }
    }
  }
  return state;
}

NamedTensors optimizer_variables(const Optimizer& optimizer, const std::vector<Weight>& weights,
                                 const NamedTensors& state, const NamedTensors& values) {
  const Json own = optimizer.to_json();
  const Tensor* applied = find_tensor(state, step_state::kApplied);
  const std::int64_t updates = applied == nullptr ? 0 : *applied->data<std::int64_t>();
  NamedTensors variables = {{"iteration", scalar(updates)}};
  if (optimizer.learning_rate().is_constant()) {
    variables.emplace_back("learning_rate",
                           Tensor::full({}, optimizer.learning_rate().at(updates)));
  }
  for (const std::vector<Slot>& group : slot_groups(own)) {
    for (const Weight& weight : weights) {
      const Tensor* value = find_tensor(values, weight.path);
      FOVEA_REQUIRE(value != nullptr, internal, "no weight '", weight.path, "'");
      for (const Slot& slot : group) {
        const Tensor* found = find_tensor(state, state_path(slot, weight));
        const bool sums = std::string_view(slot.own) == "accumulator";
        const double first = sums ? own.at("initial_accumulator_value").as_double() : 0;
        const Tensor numbers = found != nullptr ? *found : Tensor::full(value->shape(), first);
        std::string name = weight.path + "_" + slot.keras;
        std::replace(name.begin(), name.end(), '/', '_');
        variables.emplace_back(name, to_keras(weight, numbers));
      }
    }
  }
  if (optimizer.name() == "nadam") {
    const double product = momentum_product(own.at("beta1").as_double(), updates);
    variables.emplace_back("u_product", Tensor::full({}, product));
  }
  return variables;
}

}  // namespace fovea::keras
