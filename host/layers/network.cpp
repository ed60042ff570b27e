#include "fovea/network.h"

#include <set>

#include "fovea/ops/basic.h"
#include "fovea/ops/source.h"
#include "host/layers/network_description.h"
#include "host/layers/symbol.h"

namespace fovea {
namespace {

/// Checks an input's samples against what the network takes; a last axis of size 1 may be missing
/// or added.
Value fit_input(Builder& b, const InputSpec& spec, Value x) {
  const Shape shape = b.shape(x);
  const auto describe = [&] {
    return "input '" + spec.name + "' takes " + detail::batch_shape_text(spec.shape) + ", not " +
           shape.str();
  };
  FOVEA_REQUIRE(shape != spec.shape && shape.rank() > 0, shape_mismatch, describe(),
                ": add a batch axis, giving ", spec.shape.prepend(1),
                ", and scale the values as in training");
  const Shape sample = shape.drop_front();
  if (sample == spec.shape) return x;
  const bool one_axis_apart = (sample.rank() + 1 == spec.shape.rank() && spec.shape.c() == 1) ||
                              (sample.rank() == spec.shape.rank() + 1 && sample.c() == 1);
  const bool same_numbers = sample.numel() == spec.shape.numel();
  if (one_axis_apart && same_numbers) {
    const auto scope = b.scope(spec.name);
    return b.add(ops::Reshape(spec.shape), {x});
  }
  fail(ErrorCode::shape_mismatch, describe(),
       same_numbers ? ": reshape the data, whose samples have as many numbers"
                    : ": resize the data, or build the network for this shape");
}

std::string join_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text.empty() ? "none" : text;
}

template <class Map>
std::vector<std::string> keys(const Map& map) {
  std::vector<std::string> names;
  names.reserve(map.size());
  for (const auto& entry : map) names.push_back(entry.first);
  return names;
}

template <class Spec>
std::vector<std::string> names_of(const std::vector<Spec>& specs) {
  std::vector<std::string> names;
  names.reserve(specs.size());
  for (const Spec& spec : specs) names.push_back(spec.name);
  return names;
}

}  // namespace

namespace detail {

std::vector<Value> add_inputs(Builder& b, const std::vector<InputSpec>& specs,
                              std::int64_t batch_size) {
  std::vector<Value> values;
  values.reserve(specs.size());
  for (const InputSpec& spec : specs) {
    values.push_back(b.input(spec.name, {spec.shape.prepend(batch_size), spec.dtype}));
  }
  return values;
}

std::vector<ParameterRecord> parameters_since(const Graph& graph, std::size_t first_node,
                                              const std::string& path) {
  std::vector<ParameterRecord> parameters;
  const std::string prefix = path.empty() ? "" : path + ".";
  for (std::size_t i = first_node; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    const bool trainable = node.op->name() == ops::Parameter::kName;
    if (!trainable && node.op->name() != ops::State::kName) continue;
    const ValueType& type = graph.type(node.outputs.front());
    // Counters and seeds are the step's, not a layer's.
    if (!node.path.starts_with(prefix) || !is_floating(type.dtype)) continue;
    parameters.push_back({node.path, type.shape, trainable});
  }
  return parameters;
}

void require_distinct_names(const std::vector<std::string>& names, std::string_view what) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    FOVEA_REQUIRE(!name.empty(), invalid_argument, "an ", what, " of a network needs a name");
    FOVEA_REQUIRE(seen.insert(name).second, invalid_argument, "two ", what, "s are named '", name,
                  "'; give each a name of its own");
  }
}

std::vector<OutputSpec> infer_outputs(Graph& trial, const std::vector<InputSpec>& inputs,
                                      const std::vector<std::string>& names,
                                      const Network::Body& body) {
  Builder b(trial);
  const std::vector<Value> values = body(b, add_inputs(b, inputs, 1));
  FOVEA_REQUIRE(values.size() == names.size(), invalid_argument, "the network's function gives ",
                values.size(), " outputs, but ", names.size(), " names");
  std::vector<OutputSpec> outputs;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Shape& shape = b.shape(values[i]);
    FOVEA_REQUIRE(shape.rank() > 0, shape_mismatch, "output '", names[i],
                  "' is a scalar; its first axis must be the batch");
    outputs.push_back({names[i], shape.drop_front()});
  }
  return outputs;
}

LayerRecord input_record(const InputSpec& input) {
  return {input.name, "InputLayer", input.shape, {}, {}, {}};
}

}  // namespace detail

std::int64_t LayerRecord::parameter_count() const {
  std::int64_t count = 0;
  for (const ParameterRecord& parameter : parameters) count += parameter.shape.numel();
  return count;
}

Network::Network(std::shared_ptr<const Description> description)
    : description_(std::move(description)) {}

Network::Network(InputSpec input, std::function<Value(Builder&, Value)> function, std::string name)
    : Network(
          std::vector<InputSpec>{std::move(input)}, std::vector<std::string>{"output"},
          [function = std::move(function)](Builder& b, std::span<const Value> inputs) {
            return std::vector<Value>{function(b, inputs.front())};
          },
          std::move(name)) {}

Network::Network(std::vector<InputSpec> inputs, const std::vector<std::string>& output_names,
                 Body body, std::string name) {
  FOVEA_REQUIRE(!inputs.empty() && !output_names.empty(), invalid_argument,
                "a network needs at least one input and one output");
  detail::require_distinct_names(names_of(inputs), "input");
  detail::require_distinct_names(output_names, "output");
  auto description = std::make_shared<Description>();
  Graph trial;
  description->outputs = detail::infer_outputs(trial, inputs, output_names, body);
  for (const InputSpec& input : inputs) description->layers.push_back(detail::input_record(input));
  description->layers.push_back({name, "Function", description->outputs.front().shape,
                                 detail::parameters_since(trial, 0, ""), names_of(inputs),
                                 std::vector<int>(inputs.size(), 0)});
  description->name = std::move(name);
  description->inputs = std::move(inputs);
  description->body = std::move(body);
  description_ = std::move(description);
}

const std::string& Network::name() const { return description_->name; }
const std::vector<InputSpec>& Network::inputs() const { return description_->inputs; }
const std::vector<OutputSpec>& Network::outputs() const { return description_->outputs; }
const std::vector<LayerRecord>& Network::layers() const { return description_->layers; }

std::vector<ParameterRecord> Network::parameters() const {
  std::vector<ParameterRecord> all;
  for (const LayerRecord& layer : layers()) {
    all.insert(all.end(), layer.parameters.begin(), layer.parameters.end());
  }
  return all;
}

std::int64_t Network::parameter_count() const {
  std::int64_t count = 0;
  for (const LayerRecord& layer : layers()) count += layer.parameter_count();
  return count;
}

std::vector<std::pair<std::string, Value>> Network::build(
    Builder& b, const std::map<std::string, Value>& inputs) const {
  const std::vector<InputSpec>& specs = description_->inputs;
  const auto describe = [&] {
    return "network '" + name() + "' takes " + join_names(names_of(specs)) + ", not " +
           join_names(keys(inputs));
  };
  FOVEA_REQUIRE(inputs.size() == specs.size(), invalid_argument, describe());
  std::vector<Value> values;
  for (const InputSpec& spec : specs) {
    const auto found = inputs.find(spec.name);
    FOVEA_REQUIRE(found != inputs.end(), invalid_argument, describe());
    values.push_back(fit_input(b, spec, found->second));
    FOVEA_REQUIRE(b.shape(values.back())[0] == b.shape(values.front())[0], shape_mismatch,
                  "all inputs need the same batch size; '", spec.name, "' is ",
                  b.shape(values.back()), ", '", specs.front().name, "' is ",
                  b.shape(values.front()));
  }
  const std::int64_t batch_size = b.shape(values.front())[0];
  const std::vector<Value> results = description_->body(b, values);
  std::vector<std::pair<std::string, Value>> named;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const OutputSpec& output = description_->outputs.at(i);
    FOVEA_REQUIRE(b.shape(results[i]) == output.shape.prepend(batch_size), shape_mismatch,
                  "output '", output.name, "' must be ", detail::batch_shape_text(output.shape),
                  " with one row per sample, but for a batch of ", batch_size, " it is ",
                  b.shape(results[i]));
    named.emplace_back(output.name, results[i]);
  }
  return named;
}

}  // namespace fovea
