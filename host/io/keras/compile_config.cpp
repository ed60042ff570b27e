#include "host/io/keras/compile_config.h"

#include <algorithm>
#include <cmath>

#include "host/io/keras/config_reader.h"
#include "host/layers/symbol.h"

namespace fovea::keras {
namespace {

// ---- Schedules ----

Json schedule_from_keras(const Json& json) {
  Json schedule = Json::object();
  if (json.is_number()) return schedule.set("kind", "constant").set("rate", json);
  const KerasObject object = object_from("learning_rate", json);
  ConfigReader config(object.class_name, object.config);
  config.ignore({"name"});
  schedule.set("rate", config.required_number("initial_learning_rate"));
  schedule.set("steps", config.required_integer("decay_steps"));
  const double rate = schedule.at("rate").as_double();
  if (object.class_name == "CosineDecay") {
    config.only("warmup_target", nullptr);
    config.only("warmup_steps", 0);
    schedule.set("kind", "cosine").set("end", config.number("alpha", 0) * rate);
  } else if (object.class_name == "PolynomialDecay") {
    config.only("power", 1.0);
    config.only("cycle", false);
    schedule.set("kind", "linear").set("end", config.number("end_learning_rate", 1e-4));
  } else {
    FOVEA_REQUIRE(object.class_name == "ExponentialDecay" && config.boolean("staircase", false),
                  unsupported, "the schedule ", object.class_name, " is not supported");
    schedule.set("kind", "step").set("factor", config.required_number("decay_rate"));
  }
  config.finish();
  return schedule;
}

Json schedule_to_keras(const Json& schedule) {
  FOVEA_REQUIRE(!schedule.contains("warm_up_steps"), unsupported,
                "Keras has no schedule that warms up as this one does; compile with a rate without "
                "warm_up before saving");
  const std::string& kind = schedule.at("kind").as_string();
  const Json& rate = schedule.at("rate");
  if (kind == "constant") return rate;
  Json config = Json::object();
  config.set("initial_learning_rate", rate).set("decay_steps", schedule.at("steps"));
  std::string name = "CosineDecay";
  if (kind == "step") {
    name = "ExponentialDecay";
    config.set("decay_rate", schedule.at("factor")).set("staircase", true);
  } else if (kind == "linear") {
    name = "PolynomialDecay";
    config.set("end_learning_rate", schedule.at("end")).set("power", 1.0);
  } else {
    const double start = rate.as_double();
    config.set("alpha", start == 0 ? 0.0 : schedule.at("end").as_double() / start);
  }
  config.set("name", name);
  return object_to_json("keras.optimizers.schedules", name, config);
}

// ---- Optimizers ----

/// A hyper-parameter in Fovea's description and in Keras's; a name alone is the same in both.
struct Field {
  const char* own;
  const char* keras;
};

struct OptimizerNames {
  const char* own;
  const char* keras;
  std::vector<Field> numbers;
  std::vector<Field> flags;
};

const std::vector<OptimizerNames>& optimizer_table() {
  const std::vector<Field> adam = {
      {"beta1", "beta_1"}, {"beta2", "beta_2"}, {"epsilon", "epsilon"}};
  static const std::vector<OptimizerNames> table = {
      {"sgd", "SGD", {{"momentum", "momentum"}}, {{"nesterov", "nesterov"}}},
      {"adam", "Adam", adam, {}},
      {"adamw", "AdamW", adam, {}},
      {"adamax", "Adamax", adam, {}},
      {"nadam", "Nadam", adam, {}},
      {"adagrad",
       "Adagrad",
       {{"initial_accumulator_value", "initial_accumulator_value"}, {"epsilon", "epsilon"}},
       {}},
      {"rmsprop",
       "RMSprop",
       {{"rho", "rho"}, {"momentum", "momentum"}, {"epsilon", "epsilon"}},
       {{"centered", "centered"}}},
  };
  return table;
}

constexpr Field kShared[] = {{"weight_decay", "weight_decay"},
                             {"clip_value", "clipvalue"},
                             {"clip_norm", "clipnorm"},
                             {"global_clip_norm", "global_clipnorm"}};

/// Keras's defaults are the library's own, so what a configuration lacks is taken from there.
std::shared_ptr<const Optimizer> optimizer_from_keras(const Json& json) {
  const KerasObject object = object_from("optimizer", json);
  std::string name = detail::snake_case(object.class_name);
  name.erase(std::remove(name.begin(), name.end(), '_'), name.end());
  const auto& table = optimizer_table();
  const auto entry = std::find_if(table.begin(), table.end(),
                                  [&](const OptimizerNames& names) { return name == names.own; });
  FOVEA_REQUIRE(entry != table.end(), unsupported, "the optimizer ", object.class_name,
                " is not supported");
  Json own = make_optimizer(entry->own)->to_json();
  ConfigReader config(object.class_name, object.config);
  config.ignore({"name", "is_legacy_optimizer", "jit_compile", "loss_scale_factor"});
  if (!config.value("learning_rate").is_null()) {
    own.set("learning_rate", schedule_from_keras(config.value("learning_rate")));
  }
  for (const Field& field : kShared) {
    own.set(field.own, config.number(field.keras, own.at(field.own).as_double()));
  }
  for (const Field& field : entry->numbers) {
    own.set(field.own, config.number(field.keras, own.at(field.own).as_double()));
  }
  for (const Field& field : entry->flags) {
    own.set(field.own, config.boolean(field.keras, own.at(field.own).as_bool()));
  }
  config.only("amsgrad", false);
  config.only("gradient_accumulation_steps", nullptr);
  config.only("ema_overwrite_frequency", nullptr);
  const double ema_momentum = config.number("ema_momentum", 0.99);
  if (config.boolean("use_ema", false)) own.set("ema_momentum", ema_momentum);
  config.finish();
  return optimizer_from_json(own);
}

Json optimizer_to_keras(const Optimizer& optimizer) {
  const Json own = optimizer.to_json();
  const auto& table = optimizer_table();
  const auto entry = std::find_if(table.begin(), table.end(), [&](const OptimizerNames& names) {
    return optimizer.name() == names.own;
  });
  FOVEA_REQUIRE(entry != table.end(), unsupported, "Keras has no optimizer '", optimizer.name(),
                "'; compile with another one before saving");
  Json config = Json::object();
  config.set("name", entry->own);
  config.set("learning_rate", schedule_to_keras(own.at("learning_rate")));
  for (const Field& field : kShared) {
    const Json& value = own.at(field.own);
    config.set(field.keras, value.as_double() == 0 ? Json() : value);
  }
  const double ema_momentum = own.at("ema_momentum").as_double();
  config.set("use_ema", ema_momentum > 0);
  config.set("ema_momentum", ema_momentum > 0 ? ema_momentum : 0.99);
  for (const Field& field : entry->numbers) config.set(field.keras, own.at(field.own));
  for (const Field& field : entry->flags) config.set(field.keras, own.at(field.own));
  return object_to_json("keras.optimizers", entry->keras, config);
}

// ---- Losses and metrics ----

/// The losses that Keras has under the same names.
constexpr const char* kLosses[] = {"sparse_categorical_crossentropy",
                                   "categorical_crossentropy",
                                   "binary_crossentropy",
                                   "mean_squared_error",
                                   "mse",
                                   "mean_absolute_error",
                                   "mae",
                                   "huber",
                                   "log_cosh",
                                   "poisson",
                                   "hinge",
                                   "squared_hinge",
                                   "categorical_hinge",
                                   "kl_divergence",
                                   "cosine_similarity"};

bool is_shared_loss(const std::string& name) {
  return std::find(std::begin(kLosses), std::end(kLosses), name) != std::end(kLosses);
}

/// "KLDivergence" is "kl_divergence" as snake_case would not make it.
std::string own_name(const std::string& keras_name) {
  return keras_name == "KLDivergence" ? "kl_divergence" : detail::snake_case(keras_name);
}

std::string long_name(const std::string& name) {
  return name == "mse" ? "mean_squared_error" : name == "mae" ? "mean_absolute_error" : name;
}

std::string keras_class(const std::string& own) {
  if (own == "kl_divergence") return "KLDivergence";
  std::string name;
  bool upper = true;
  for (char letter : own) {
    if (letter != '_') name += upper ? static_cast<char>(std::toupper(letter)) : letter;
    upper = letter == '_';
  }
  return name;
}

Loss loss_from_keras(const Json& json) {
  KerasObject object = object_from("loss", json);
  if (object.class_name == "function") object = {object.config.as_string()};
  Loss loss(own_name(object.class_name));
  FOVEA_REQUIRE(is_shared_loss(loss.name), unsupported, "the loss ", object.class_name,
                " is not supported");
  ConfigReader config(object.class_name, object.config);
  config.ignore({"name", "fn"});
  const std::string reduction = config.text("reduction", "sum_over_batch_size");
  FOVEA_REQUIRE(reduction == "sum_over_batch_size" || reduction == "auto", unsupported, "the loss ",
                object.class_name, " with reduction ", reduction, " is not supported");
  loss.from_logits = config.boolean("from_logits", false);
  loss.label_smoothing = config.number("label_smoothing", 0);
  loss.delta = config.number("delta", 1);
  config.only("ignore_class", nullptr);
  config.only("axis", -1);
  config.only("dtype", "float32");
  config.finish();
  return loss;
}

Json loss_to_keras(const Loss& loss) {
  FOVEA_REQUIRE(is_shared_loss(loss.name), unsupported, "Keras has no loss '", loss.name,
                "'; compile with another one before saving, or save_weights()");
  // Keras 3 does not find its own short names again in .h5 files.
  const std::string name = long_name(loss.name);
  if (!loss.from_logits && loss.label_smoothing == 0 && loss.delta == 1) return name;
  Json config = Json::object();
  if (loss.from_logits) config.set("from_logits", true);
  if (loss.label_smoothing != 0) config.set("label_smoothing", loss.label_smoothing);
  if (loss.name == "huber") config.set("delta", loss.delta);
  return object_to_json("keras.losses", keras_class(name), config);
}

/// Empty where there is no such metric here.
std::string metric_from_keras(const Json& json) {
  const KerasObject object = object_from("metric", json);
  const Json* k = object.config.is_object() ? object.config.find("k") : nullptr;
  std::string name = detail::snake_case(object.class_name);
  if (name == "acc") name = "accuracy";
  const bool top_k = name.ends_with("top_k_categorical_accuracy");
  if (top_k && k != nullptr && *k != Json(5)) {
    name = "top_" + std::to_string(k->as_int()) + "_accuracy";
    return name;
  }
  const std::vector<std::string> known = metric_names();
  return std::find(known.begin(), known.end(), name) == known.end() ? "" : name;
}

/// Null where Keras has no such metric.
Json metric_to_keras(const std::string& name) {
  static const char* const kNames[] = {"accuracy",
                                       "sparse_categorical_accuracy",
                                       "categorical_accuracy",
                                       "binary_accuracy",
                                       "top_k_categorical_accuracy",
                                       "sparse_top_k_categorical_accuracy",
                                       "mean_squared_error",
                                       "mse",
                                       "mean_absolute_error",
                                       "mae"};
  static const std::pair<const char*, const char*> kClasses[] = {
      {"root_mean_squared_error", "RootMeanSquaredError"},
      {"rmse", "RootMeanSquaredError"},
      {"precision", "Precision"},
      {"recall", "Recall"},
      {"auc", "AUC"}};
  if (std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames)) {
    return long_name(name);
  }
  for (const auto& [own, keras] : kClasses) {
    if (name == own) return object_to_json("keras.metrics", keras, Json::object());
  }
  return nullptr;
}

std::vector<std::string> metrics_from_keras(const Json& json) {
  std::vector<std::string> metrics;
  if (json.is_null()) return metrics;
  const Json list = json.is_array() ? json : Json(Json::Array{json});
  for (const Json& metric : list.as_array()) {
    const std::string name = metric.is_array() ? "" : metric_from_keras(metric);
    if (!name.empty()) metrics.push_back(name);
  }
  return metrics;
}

Json metrics_to_keras(const std::vector<std::string>& metrics) {
  Json list = Json::array();
  for (const std::string& metric : metrics) {
    Json known = metric_to_keras(metric);
    if (!known.is_null()) list.push(std::move(known));
  }
  return list;
}

/// What a list or an object of Keras's says of one of several outputs; null: nothing.
Json of_output(const Json& json, std::size_t index, const std::string& name) {
  if (json.is_array()) return index < json.size() ? json[index] : Json();
  if (json.is_object() && !json.contains("class_name")) {
    const Json* found = json.find(name);
    return found == nullptr ? Json() : *found;
  }
  return json;
}

Json member(const Json& json, const char* key) {
  const Json* found = json.find(key);
  return found == nullptr ? Json() : *found;
}

CompileOptions read_compile(const Json& config, const std::vector<OutputSpec>& outputs) {
  CompileOptions compile;
  const char* key = config.contains("optimizer") ? "optimizer" : "optimizer_config";
  compile.optimizer = optimizer_from_keras(config.at(key));
  const Json& losses = config.at("loss");
  const Json metrics = member(config, "metrics");
  const Json weighted = member(config, "weighted_metrics");
  if (outputs.size() == 1) {
    const std::string& name = outputs[0].name;
    compile.loss = loss_from_keras(of_output(losses, 0, name));
    // A list of one list, or a list of metrics.
    const bool nested = metrics.is_array() && metrics.size() > 0 && metrics[0].is_array();
    const bool by_name = metrics.is_object() && !metrics.contains("class_name");
    compile.metrics = metrics_from_keras(nested || by_name ? of_output(metrics, 0, name) : metrics);
    compile.weighted_metrics = metrics_from_keras(weighted);
    return compile;
  }
  const Json weights = member(config, "loss_weights");
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string& name = outputs[i].name;
    OutputLoss& output = compile.outputs[name];
    output.loss = loss_from_keras(of_output(losses, i, name));
    const Json weight = of_output(weights, i, name);
    if (!weight.is_null()) output.weight = weight.as_double();
    output.metrics = metrics_from_keras(of_output(metrics, i, name));
    output.weighted_metrics = metrics_from_keras(of_output(weighted, i, name));
  }
  return compile;
}

}  // namespace

std::optional<CompileOptions> compile_from_json(const Json& config,
                                                const std::vector<OutputSpec>& outputs) {
  if (!config.is_object()) return std::nullopt;
  try {
    return read_compile(config, outputs);
  } catch (const Error&) {
    return std::nullopt;
  }
}

Json compile_to_json(const CompileOptions& compile, const std::vector<OutputSpec>& outputs) {
  Json config = Json::object();
  config.set("optimizer", optimizer_to_keras(*compile.optimizer.pointer()));
  if (outputs.size() == 1) {
    config.set("loss", loss_to_keras(compile.loss)).set("loss_weights", nullptr);
    config.set("metrics", metrics_to_keras(compile.metrics));
    config.set("weighted_metrics", metrics_to_keras(compile.weighted_metrics));
  } else {
    Json losses = Json::array();
    Json weights = Json::array();
    Json metrics = Json::array();
    Json weighted = Json::array();
    for (const OutputSpec& spec : outputs) {
      const auto found = compile.outputs.find(spec.name);
      FOVEA_REQUIRE(found != compile.outputs.end(), unsupported, "the output '", spec.name,
                    "' has no loss; Keras wants one for each output");
      losses.push(loss_to_keras(found->second.loss));
      weights.push(found->second.weight);
      metrics.push(metrics_to_keras(found->second.metrics));
      weighted.push(metrics_to_keras(found->second.weighted_metrics));
    }
    config.set("loss", losses).set("loss_weights", weights);
    config.set("metrics", metrics).set("weighted_metrics", weighted);
  }
  config.set("run_eagerly", false).set("steps_per_execution", 1).set("jit_compile", false);
  return config;
}

}  // namespace fovea::keras
