// Writer: an ONNX graph under construction out of one of ours.
//
// Our pictures are (N, H, W, C), ONNX's operators take (N, C, H, W). A value of rank 4 may be in
// the file in either order or in both; asking for the one that is missing adds a Transpose, once.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "host/graph/match.h"
#include "host/io/model_formats.h"
#include "host/io/onnx/onnx_model.h"

namespace fovea::onnx {

Attribute integer(std::string name, std::int64_t value);
Attribute integers(std::string name, std::vector<std::int64_t> values);
Attribute number(std::string name, double value);

class Writer {
 public:
  Writer(const fovea::Graph& graph, const NamedTensors& weights);

  const fovea::Graph& graph() const { return graph_; }
  const Matcher& matcher() const { return matcher_; }
  const Shape& shape(Value value) const { return graph_.type(value).shape; }

  /// The name under which a value has our order of axes, or (N, C, H, W).
  std::string plain(Value value);
  std::string channels_first(Value value);
  /// Whether it is there as (N, C, H, W) already.
  bool is_channels_first(Value value) const;
  std::string as(Value value, bool first) { return first ? channels_first(value) : plain(value); }

  void set_plain(Value value, std::string name);
  void set_channels_first(Value value, std::string name);
  void set(Value value, bool first, std::string name);

  /// Appends a node of our node's path and returns its output's name.
  std::string add(const fovea::Node& node, std::string type, std::vector<std::string> inputs,
                  std::vector<Attribute> attributes = {});

  /// A weight of the model, f32. Throws unsupported for a value that is none.
  const Tensor& weight(Value value, const fovea::Node& user) const;
  /// Initializers, which are stored once each: weights by path and, where one is stored in another
  /// order of axes than ours, that order; others by contents.
  std::string stored_weight(const std::string& path, const Tensor& tensor,
                            const std::string& order = {});
  std::string floats(const std::string& name, const Tensor& tensor);
  std::string scalar(double value) { return floats("scalar", Tensor::full({}, value)); }
  std::string indices(const std::vector<std::int64_t>& values);

  /// What a node's rule did for a later one, which must then be left out.
  void skip(const fovea::Node& node) { skipped_.insert(&node); }
  bool skipped(const fovea::Node& node) const { return skipped_.contains(&node); }

  /// Adds inputs, and gives outputs their names, which must come last.
  void add_input(const std::string& name, Value value);
  void finish_output(const std::string& name, Value value);
  void reserve(const std::string& name) { taken_.insert(name); }
  Graph take() { return std::move(file_); }

 private:
  /// Where a value is in the file.
  struct Place {
    std::string plain, channels_first;
  };
  Place& place(Value value) { return places_[static_cast<std::size_t>(value.id)]; }
  const Place& place(Value value) const { return places_[static_cast<std::size_t>(value.id)]; }
  std::string unique(const std::string& name);
  std::string initializer(const std::string& key, const std::string& name, std::int32_t type,
                          const Shape& shape, std::string bytes);
  std::string transpose(const std::string& name, const std::string& output,
                        std::vector<std::int64_t> order);
  void rename(const std::string& from, const std::string& to);

  const fovea::Graph& graph_;
  Matcher matcher_;
  std::map<std::string, Tensor> weights_;
  std::vector<Place> places_;
  std::set<const fovea::Node*> skipped_;
  std::set<std::string> taken_;
  std::map<std::string, std::string> initializers_;  // name by what they are
  Graph file_;
};

}  // namespace fovea::onnx
