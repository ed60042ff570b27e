// Networks as JSON: a list of ops, replayed at any batch size.
//
//   {"format": "fovea.network", "version": 1, "name": "sequential",
//    "inputs": [{"name": "input_layer", "shape": [32, 32, 3], "dtype": "f32"}],
//    "outputs": [{"name": "dense", "value": 17}],
//    "ops": [{"op": "parameter", "path": "conv2d.weight", "attributes": {...}, "inputs": []}, ...],
//    "layers": [{"name": "conv2d", "kind": "Conv2D", ...}, ...]}
//
// Values are numbered: the inputs first, then every op's outputs in the order of the ops.
#include "fovea/ops/source.h"
#include "host/layers/network_description.h"

namespace fovea {
namespace {

constexpr std::string_view kFormat = "fovea.network";
constexpr int kVersion = 1;
/// Two batch sizes that are unlikely to be a layer's own number.
constexpr std::int64_t kTrialBatch = 3;
constexpr std::int64_t kOtherTrialBatch = 5;

// ---- Writing ----

struct Recording {
  Json ops = Json::array();
  std::vector<int> outputs;
};

Json ids(const std::vector<Value>& values) {
  Json array = Json::array();
  for (Value value : values) array.push(value.id);
  return array;
}

/// The ops of a build for one batch size. A graph numbers its values as the format does.
Recording record(const std::vector<InputSpec>& inputs, const Network::Body& body,
                 std::int64_t batch_size) {
  Graph graph;
  Builder b(graph);
  Recording recording;
  for (Value output : body(b, detail::add_inputs(b, inputs, batch_size))) {
    recording.outputs.push_back(output.id);
  }
  for (std::size_t i = inputs.size(); i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    recording.ops.push(Json::Object{{"op", node.op->name()},
                                    {"path", node.path},
                                    {"attributes", node.op->attributes()},
                                    {"inputs", ids(node.inputs)}});
  }
  return recording;
}

/// Recorded ops must serve every batch size, so two sizes must give the same ones.
Recording record_any_batch(const std::vector<InputSpec>& inputs, const Network::Body& body) {
  Recording recording = record(inputs, body, kTrialBatch);
  const Recording other = record(inputs, body, kOtherTrialBatch);
  for (std::size_t i = 0; i < recording.ops.size() && i < other.ops.size(); ++i) {
    const Json& op = recording.ops[i];
    FOVEA_REQUIRE(op == other.ops[i], unsupported, "'", op.at("path").as_string(), "' (",
                  op.at("op").as_string(),
                  ") depends on the batch size, so the network cannot be saved as a list of ops; "
                  "its layer must not use the first axis of a shape");
  }
  FOVEA_REQUIRE(recording.ops.size() == other.ops.size() && recording.outputs == other.outputs,
                unsupported,
                "the network's ops depend on the batch size, so it cannot be saved as a list");
  return recording;
}

// ---- Reading ----

struct RecordedOp {
  OpPtr op;
  std::string path;
  std::vector<std::size_t> inputs;
};

/// An op whose attributes say f32, for a builder of another type.
OpPtr with_dtype(const OpPtr& op, DType dtype) {
  if (dtype == DType::f32) return op;
  Json attributes = op->attributes();
  const Json* recorded = attributes.find("dtype");
  if (recorded == nullptr || *recorded != to_json(DType::f32)) return op;
  attributes.set("dtype", to_json(dtype));
  return make_op(op->name(), attributes);
}

std::vector<Value> replay_op(Builder& b, const RecordedOp& recorded, std::vector<Value> inputs) {
  const Op& op = *recorded.op;
  if (op.name() == ops::Parameter::kName) {
    const auto& p = static_cast<const ops::Parameter&>(op);
    return {b.parameter(recorded.path, p.shape, p.initializer, {p.l1, p.l2})};
  }
  if (op.name() == ops::State::kName) {
    const auto& s = static_cast<const ops::State&>(op);
    if (s.dtype == DType::f32) return {b.state(recorded.path, s.shape, s.initial_value)};
    return {b.global_state(recorded.path, {s.shape, s.dtype}, s.initial_value)};
  }
  const auto scope = b.scope(recorded.path);
  return b.add(with_dtype(recorded.op, b.dtype()), std::move(inputs)).values();
}

Network::Body replay(std::vector<RecordedOp> ops, std::vector<std::size_t> outputs) {
  return [ops = std::move(ops), outputs = std::move(outputs)](Builder& b,
                                                              std::span<const Value> inputs) {
    std::vector<Value> values(inputs.begin(), inputs.end());
    const auto value_at = [&](std::size_t index, const std::string& user) {
      FOVEA_REQUIRE(index < values.size(), parse, "'", user, "' reads value ", index, " of ",
                    values.size(), " that exist by then");
      return values[index];
    };
    for (const RecordedOp& op : ops) {
      std::vector<Value> arguments;
      for (std::size_t index : op.inputs) arguments.push_back(value_at(index, op.path));
      const std::vector<Value> results = replay_op(b, op, std::move(arguments));
      values.insert(values.end(), results.begin(), results.end());
    }
    std::vector<Value> results;
    for (std::size_t index : outputs) results.push_back(value_at(index, "an output"));
    return results;
  };
}

std::size_t index_from(const Json& json) {
  const std::int64_t index = json.as_int();
  FOVEA_REQUIRE(index >= 0, parse, "a value's number is >= 0, not ", index);
  return static_cast<std::size_t>(index);
}

RecordedOp op_from(const Json& json) {
  RecordedOp recorded;
  recorded.op = make_op(json.at("op").as_string(), json.at("attributes"));
  recorded.path = json.at("path").as_string();
  FOVEA_REQUIRE(!recorded.path.empty(), parse, "an op without a path");
  for (const Json& index : json.at("inputs").as_array()) {
    recorded.inputs.push_back(index_from(index));
  }
  return recorded;
}

InputSpec input_from(const Json& json) {
  InputSpec input;
  input.name = json.at("name").as_string();
  from_json(json.at("shape"), input.shape);
  from_json(json.at("dtype"), input.dtype);
  return input;
}

LayerRecord layer_from(const Json& json) {
  LayerRecord layer;
  layer.name = json.at("name").as_string();
  layer.kind = json.at("kind").as_string();
  from_json(json.at("output"), layer.output);
  for (const Json& parameter : json.at("parameters").as_array()) {
    ParameterRecord& record = layer.parameters.emplace_back();
    record.path = parameter.at("path").as_string();
    from_json(parameter.at("shape"), record.shape);
    record.trainable = parameter.at("trainable").as_bool();
  }
  from_json(json.at("connected_to"), layer.connected_to);
  layer.connected_calls.assign(layer.connected_to.size(), 0);
  // Descriptions written before there was such a list lack it.
  if (const Json* calls = json.find("connected_calls")) from_json(*calls, layer.connected_calls);
  FOVEA_REQUIRE(layer.connected_calls.size() == layer.connected_to.size(), parse, "layer '",
                layer.name, "' lists ", layer.connected_to.size(), " connections, but ",
                layer.connected_calls.size(), " calls");
  return layer;
}

void require_format(const Json& json) {
  const Json* format = json.is_object() ? json.find("format") : nullptr;
  FOVEA_REQUIRE(format != nullptr && *format == Json(kFormat), parse,
                "this is no network description: its \"format\" is not \"", kFormat, "\"");
  const std::int64_t version = json.at("version").as_int();
  FOVEA_REQUIRE(version == kVersion, parse, "network description of version ", version,
                "; this library reads version ", kVersion);
}

}  // namespace

Json detail::layer_json(const LayerRecord& layer) {
  Json parameters = Json::array();
  for (const ParameterRecord& parameter : layer.parameters) {
    parameters.push(Json::Object{{"path", parameter.path},
                                 {"shape", to_json(parameter.shape)},
                                 {"trainable", parameter.trainable}});
  }
  return Json::Object{{"name", layer.name},
                      {"kind", layer.kind},
                      {"output", to_json(layer.output)},
                      {"parameters", parameters},
                      {"connected_to", to_json(layer.connected_to)},
                      {"connected_calls", to_json(layer.connected_calls)}};
}

Json Network::to_json() const {
  using fovea::to_json;
  const Recording recording = record_any_batch(inputs(), description_->body);
  Json inputs_json = Json::array();
  for (const InputSpec& input : inputs()) {
    inputs_json.push(Json::Object{
        {"name", input.name}, {"shape", to_json(input.shape)}, {"dtype", to_json(input.dtype)}});
  }
  Json outputs_json = Json::array();
  for (std::size_t i = 0; i < outputs().size(); ++i) {
    outputs_json.push(Json::Object{{"name", outputs()[i].name}, {"value", recording.outputs[i]}});
  }
  Json layers_json = Json::array();
  for (const LayerRecord& layer : layers()) layers_json.push(detail::layer_json(layer));
  return Json::Object{{"format", kFormat},     {"version", kVersion},     {"name", name()},
                      {"inputs", inputs_json}, {"outputs", outputs_json}, {"ops", recording.ops},
                      {"layers", layers_json}};
}

Network Network::from_json(const Json& json) {
  require_format(json);
  auto description = std::make_shared<Description>();
  description->name = json.at("name").as_string();
  std::vector<std::string> input_names;
  for (const Json& input : json.at("inputs").as_array()) {
    input_names.push_back(description->inputs.emplace_back(input_from(input)).name);
  }
  std::vector<RecordedOp> recorded;
  for (const Json& op : json.at("ops").as_array()) recorded.push_back(op_from(op));
  std::vector<std::string> output_names;
  std::vector<std::size_t> outputs;
  for (const Json& output : json.at("outputs").as_array()) {
    output_names.push_back(output.at("name").as_string());
    outputs.push_back(index_from(output.at("value")));
  }
  FOVEA_REQUIRE(!input_names.empty() && !output_names.empty(), parse,
                "a network needs at least one input and one output");
  detail::require_distinct_names(input_names, "input");
  detail::require_distinct_names(output_names, "output");
  description->body = replay(std::move(recorded), std::move(outputs));
  Graph trial;
  description->outputs =
      detail::infer_outputs(trial, description->inputs, output_names, description->body);
  for (const Json& layer : json.at("layers").as_array()) {
    description->layers.push_back(layer_from(layer));
  }
  return Network(std::move(description));
}

}  // namespace fovea
