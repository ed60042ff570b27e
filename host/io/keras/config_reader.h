// Reads one JSON object of Keras's, key by key, so that what is misspelt or not supported is told.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/layers.h"

namespace fovea::keras {

/// The configuration of a layer, an optimizer or the like. Each key that is asked for is a known
/// one; finish() throws for the others. Where a key is missing its default is returned.
class ConfigReader {
 public:
  /// `what` begins the messages: "Conv2D". Throws parse where `config` is no object.
  ConfigReader(std::string what, const Json& config);

  const std::string& what() const { return what_; }
  /// The value of a key; null (as Json) where it is missing.
  const Json& value(std::string_view key);

  /// Throws invalid_argument for a missing key.
  std::int64_t required_integer(std::string_view key);
  double required_number(std::string_view key);
  /// Here and above and below, whole numbers are at most 2^31.
  std::int64_t integer(std::string_view key, std::int64_t otherwise);
  double number(std::string_view key, double otherwise);
  bool boolean(std::string_view key, bool otherwise);
  std::string text(std::string_view key, std::string_view otherwise);
  /// One number for both axes or a list of two; without a default the key must be there.
  Size2 pair(std::string_view key, std::optional<Size2> otherwise = {});
  /// A list of numbers, however nested, or one number; empty where it is missing or null.
  std::vector<double> numbers(std::string_view key);

  LayerPadding padding();  ///< of the key "padding"
  LayerActivation activation(std::string_view key, std::string_view otherwise);
  Initializer initializer(std::string_view key, const Initializer& otherwise);
  Regularizer regularizer(std::string_view key);

  /// Keys that change nothing here, such as "trainable".
  void ignore(std::initializer_list<std::string_view> keys);
  /// Throws unsupported unless the key is missing, null or equal to `value`.
  void only(std::string_view key, const Json& value);
  /// Throws unsupported: "Conv2D: <key> = <value> is not supported; <remedy>".
  [[noreturn]] void fail_unsupported(std::string_view key, std::string_view remedy);

  /// Throws invalid_argument for a key that nobody asked for, listing those that are known.
  void finish() const;

 private:
  const Json& required(std::string_view key);

  std::string what_;
  const Json& config_;
  std::vector<std::string> known_;
};

/// {"class_name": "L2", "config": {...}} in both spellings of Keras, or a name alone.
struct KerasObject {
  std::string class_name;
  Json config = Json::object();
};
KerasObject object_from(const std::string& what, const Json& json);

/// {"module": ..., "class_name": ..., "config": ..., "registered_name": null}, as Keras 3 writes
/// it.
Json object_to_json(std::string_view module, std::string_view class_name, Json config);

}  // namespace fovea::keras
