#include "host/io/keras/config_reader.h"

#include <algorithm>

#include "host/layers/symbol.h"

namespace fovea::keras {
namespace {

/// More than any layer has.
constexpr std::int64_t kLargestInteger = std::int64_t{1} << 31;

const Json& null_json() {
  static const Json null;
  return null;
}

std::int64_t bounded(const std::string& what, std::string_view key, std::int64_t value) {
  FOVEA_REQUIRE(value >= -kLargestInteger && value <= kLargestInteger, invalid_argument, what, ": ",
                key, " = ", value, " is out of range");
  return value;
}

void collect_numbers(const Json& json, std::vector<double>& numbers) {
  if (json.is_array()) {
    for (const Json& element : json.as_array()) collect_numbers(element, numbers);
  } else {
    numbers.push_back(json.as_double());
  }
}

}  // namespace

ConfigReader::ConfigReader(std::string what, const Json& config)
    : what_(std::move(what)), config_(config) {
  FOVEA_REQUIRE(config.is_object(), parse, what_, ": the configuration is no JSON object");
}

const Json& ConfigReader::value(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  const Json* found = config_.find(key);
  return found == nullptr ? null_json() : *found;
}

const Json& ConfigReader::required(std::string_view key) {
  const Json& found = value(key);
  FOVEA_REQUIRE(!found.is_null(), invalid_argument, what_, " needs '", key, "'");
  return found;
}

std::int64_t ConfigReader::required_integer(std::string_view key) {
  return bounded(what_, key, required(key).as_int());
}

double ConfigReader::required_number(std::string_view key) { return required(key).as_double(); }

std::int64_t ConfigReader::integer(std::string_view key, std::int64_t otherwise) {
  const Json& found = value(key);
  return found.is_null() ? otherwise : bounded(what_, key, found.as_int());
}

double ConfigReader::number(std::string_view key, double otherwise) {
  const Json& found = value(key);
  return found.is_null() ? otherwise : found.as_double();
}

bool ConfigReader::boolean(std::string_view key, bool otherwise) {
  const Json& found = value(key);
  return found.is_null() ? otherwise : found.as_bool();
}

std::string ConfigReader::text(std::string_view key, std::string_view otherwise) {
  const Json& found = value(key);
  return found.is_null() ? std::string(otherwise) : found.as_string();
}

Size2 ConfigReader::pair(std::string_view key, std::optional<Size2> otherwise) {
  if (otherwise && value(key).is_null()) return *otherwise;
  const Json& found = required(key);
  if (!found.is_array()) return {bounded(what_, key, found.as_int())};
  FOVEA_REQUIRE(found.size() == 2, invalid_argument, what_, ": ", key,
                " is one number or two, not ", found.to_string());
  return {bounded(what_, key, found[0].as_int()), bounded(what_, key, found[1].as_int())};
}

std::vector<double> ConfigReader::numbers(std::string_view key) {
  std::vector<double> numbers;
  const Json& found = value(key);
  if (!found.is_null()) collect_numbers(found, numbers);
  return numbers;
}

LayerPadding ConfigReader::padding() { return LayerPadding(text("padding", "valid")); }

LayerActivation ConfigReader::activation(std::string_view key, std::string_view otherwise) {
  const Json& found = value(key);
  if (found.is_null()) return LayerActivation(otherwise);
  KerasObject object = object_from(what_ + ": " + std::string(key), found);
  if (object.class_name == "function") object = {object.config.as_string()};
  std::string name = object.class_name;
  if (name == "Activation") return ConfigReader(name, object.config).activation("activation", "");
  ConfigReader config(what_ + ": " + name, object.config);
  config.ignore({"name", "trainable", "dtype"});
  if (name == "LeakyReLU") {
    const double slope = config.number("negative_slope", config.number("alpha", 0.3));
    return Activation{Activation::Kind::leaky_relu, slope};
  }
  if (name == "ELU") return Activation{Activation::Kind::elu, config.number("alpha", 1)};
  if (name == "ReLU") {
    config.only("max_value", nullptr);
    config.only("negative_slope", 0.0);
    config.only("threshold", 0.0);
    name = "relu";
  }
  if (name == "Softmax") name = "softmax";
  try {
    return LayerActivation(std::string_view(name));
  } catch (const Error& error) {
    fail(ErrorCode::unsupported, what_, ": ", error.what());
  }
}

Initializer ConfigReader::initializer(std::string_view key, const Initializer& otherwise) {
  const Json& found = value(key);
  if (found.is_null()) return otherwise;
  const KerasObject object = object_from(what_ + ": " + std::string(key), found);
  const std::string name = detail::snake_case(object.class_name);
  ConfigReader config(what_ + ": " + object.class_name, object.config);
  if (name == "constant") return constant_value(config.number("value", 0));
  if (name == "random_normal") {
    return random_normal(config.number("mean", 0), config.number("stddev", 0.05));
  }
  if (name == "truncated_normal") {
    return truncated_normal(config.number("mean", 0), config.number("stddev", 0.05));
  }
  if (name == "random_uniform") {
    return random_uniform(config.number("minval", -0.05), config.number("maxval", 0.05));
  }
  if (name == "orthogonal") return orthogonal(config.number("gain", 1));
  if (name == "variance_scaling") {
    Json fan = Json::object();
    fan.set("kind", name).set("scale", config.number("scale", 1));
    const std::string mode = config.text("mode", "fan_in");
    fan.set("fan", mode == "fan_in" ? "in" : mode == "fan_out" ? "out" : "average");
    const std::string distribution = config.text("distribution", "truncated_normal");
    fan.set("distribution", distribution == "untruncated_normal" ? "normal" : distribution);
    Initializer result;
    from_json(fan, result);
    return result;
  }
  try {
    return Initializer(name);
  } catch (const Error& error) {
    fail(ErrorCode::unsupported, what_, ": ", error.what());
  }
}

Regularizer ConfigReader::regularizer(std::string_view key) {
  const Json& found = value(key);
  if (found.is_null()) return {};
  const KerasObject object = object_from(what_ + ": " + std::string(key), found);
  const std::string name = detail::snake_case(object.class_name);
  ConfigReader config(what_ + ": " + object.class_name, object.config);
  const bool l1 = name == "l1" || name == "l1_l2" || name == "l1l2";
  const bool l2 = name == "l2" || name == "l1_l2" || name == "l1l2";
  if (!l1 && !l2) fail_unsupported(key, "regularizers are L1, L2 and L1L2");
  const double otherwise = l1 && l2 ? 0 : 0.01;
  return {.l1 = l1 ? config.number("l1", otherwise) : 0,
          .l2 = l2 ? config.number("l2", otherwise) : 0};
}

void ConfigReader::ignore(std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys) value(key);
}

void ConfigReader::only(std::string_view key, const Json& accepted) {
  const Json& found = value(key);
  if (found.is_null() || found == accepted) return;
  if (found.is_number() && accepted.is_number() && found.as_double() == accepted.as_double())
    return;
  fail_unsupported(key, accepted.is_null() ? "leave it out" : "it must be " + accepted.to_string());
}

void ConfigReader::fail_unsupported(std::string_view key, std::string_view remedy) {
  fail(ErrorCode::unsupported, what_, ": ", key, " = ", value(key).to_string().substr(0, 200),
       " is not supported; ", remedy);
}

void ConfigReader::finish() const {
  for (const auto& [key, unused] : config_.as_object()) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    std::string known;
    for (const std::string& name : known_) known += (known.empty() ? "" : ", ") + name;
    fail(ErrorCode::invalid_argument, what_, " has no '", key, "'; known: ", known);
  }
}

KerasObject object_from(const std::string& what, const Json& json) {
  if (json.is_string()) return {json.as_string()};
  FOVEA_REQUIRE(json.is_object() && json.contains("class_name"), parse, what,
                " is neither a name nor an object with a class_name");
  const Json* config = json.find("config");
  return {json.at("class_name").as_string(),
          config == nullptr || config->is_null() ? Json::object() : *config};
}

Json object_to_json(std::string_view module, std::string_view class_name, Json config) {
  return Json::Object{{"module", module},
                      {"class_name", class_name},
                      {"config", std::move(config)},
                      {"registered_name", nullptr}};
}

}  // namespace fovea::keras
