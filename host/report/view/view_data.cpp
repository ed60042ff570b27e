// The description of a network for its page:
//
//   {"title", "version", "class_names": [...], "white", "samples_made_up",
//    "inputs": [{"name", "shape"}], "outputs": [{"name", "value"}],
//    "ops": [{"op", "path", "attributes", "inputs": [values], "output": value}],
//    "shapes": [of every value, for a batch of one],
//    "layers": [{"name", "kind", "output", "parameters", "connected_to", "value"}],
//    "tensors": [{"path", "shape"}],    in the order of the weights
//    "lacking": why the page cannot compute the network itself, or "",
//    "stored": where it cannot, see stored_activations,
//    "samples": [{"label", "inputs": [{"dtype", "data"}]}]}
//
// Values are numbered as in Network::to_json: inputs first, then every op's outputs.
#include "host/report/view/view_data.h"

#include <algorithm>
#include <set>

#include "fovea/fields.h"
#include "fovea/op.h"
#include "fovea/version.h"
#include "host/report/page_text.h"

namespace fovea::report {
namespace {

/// The ops that host/report/page/view_forward.js computes, and those that only give values.
bool page_computes(const std::string& op) {
  static const std::set<std::string> ops = {"activate",   "add",
                                            "add_bias",   "avg_pool2d",
                                            "batch_norm", "concat",
                                            "cast",       "constant",
                                            "conv2d",     "batch_norm_inference",
                                            "dropout",    "global_avg_pool",
                                            "matmul",     "max_pool2d",
                                            "multiply",   "min_pool2d",
                                            "pad",        "parameter",
                                            "rescale",    "reshape",
                                            "scale",      "slice",
                                            "softmax",    "state",
                                            "transpose"};
  return ops.contains(op);
}

bool is_source(const std::string& op) {
  return op == "parameter" || op == "state" || op == "constant";
}

struct Ops {
  Json ops = Json::array();
  Json shapes = Json::array();
  std::set<std::string> unknown;  ///< names of ops that the page does not compute
};

/// The ops with the number of their first output, and the shapes of all values. What initializes
/// parameters is left out.
Ops describe_ops(const Json& network) {
  Ops result;
  std::vector<ValueType> types;
  for (const Json& input : network.at("inputs").as_array()) {
    ValueType& type = types.emplace_back();
    Shape shape;
    from_json(input.at("shape"), shape);
    type.shape = shape.prepend(1);
    from_json(input.at("dtype"), type.dtype);
  }
  for (const Json& recorded : network.at("ops").as_array()) {
    const std::string& name = recorded.at("op").as_string();
    std::vector<ValueType> inputs;
    for (const Json& value : recorded.at("inputs").as_array()) {
      inputs.push_back(types.at(static_cast<std::size_t>(value.as_int())));
    }
    Json op = recorded;
    op.set("output", std::int64_t{std::ssize(types)});
    const OpPtr described = make_op(name, recorded.at("attributes"));
    for (const ValueType& type : described->infer(inputs)) types.push_back(type);
    if (name == "parameter" || name == "state") op.set("attributes", Json::object());
    if (!page_computes(name)) result.unknown.insert(name);
    result.ops.push(std::move(op));
  }
  for (const ValueType& type : types) result.shapes.push(to_json(type.shape));
  return result;
}

/// The number of a layer's last value; null for a layer that leaves no op behind.
Json value_of_layer(const std::string& name, const Json& ops) {
  Json value;
  for (const Json& op : ops.as_array()) {
    const std::string& path = op.at("path").as_string();
    if (is_source(op.at("op").as_string())) continue;
    if (path == name || path.starts_with(name + ".")) value = op.at("output");
  }
  return value;
}

Json describe_layers(const Json& network, const Json& ops) {
  Json layers = Json::array();
  std::int64_t input = 0;
  const Json::Array& records = network.at("layers").as_array();
  for (const Json& record : records) {
    Json layer = record;
    const bool is_input = record.at("kind").as_string() == "InputLayer";
    Json value = is_input ? Json(input++) : value_of_layer(record.at("name").as_string(), ops);
    // A function over a Builder is one layer, whose ops have paths of their own.
    if (record.at("kind").as_string() == "Function") {
      value = network.at("outputs")[0].at("value");
      layer.set("connected_to", Json::Array{records.front().at("name")});
    }
    layer.set("value", std::move(value));
    layers.push(std::move(layer));
  }
  return layers;
}

/// The tensors that ops of the page read: their paths and shapes, and their numbers.
Json describe_tensors(const Model& model, const Json& ops, std::vector<float>& numbers) {
  const std::vector<std::string> known = model.weight_paths();
  const std::set<std::string> paths(known.begin(), known.end());
  Json tensors = Json::array();
  for (const Json& op : ops.as_array()) {
    const std::string& path = op.at("path").as_string();
    const std::string& name = op.at("op").as_string();
    if ((name != "parameter" && name != "state") || !paths.contains(path)) continue;
    const Tensor weight = model.weight(path);
    if (!is_floating(weight.dtype())) continue;
    const Tensor values = weight.to(DType::f32);
    numbers.insert(numbers.end(), values.span<float>().begin(), values.span<float>().end());
    tensors.push(Json::Object{{"path", path}, {"shape", to_json(values.shape())}});
  }
  return tensors;
}

std::int64_t weight_bytes(const Model& model) {
  std::int64_t bytes = 0;
  for (const LayerRecord& layer : model.network().layers()) bytes += 4 * layer.parameter_count();
  return bytes;
}

/// Why the page cannot compute the network; empty where it can.
std::string why_not(const Model& model, const Ops& ops, const ViewOptions& options) {
  if (!ops.unknown.empty()) {
    std::string names;
    for (const std::string& name : ops.unknown) names += (names.empty() ? "" : ", ") + name;
    return "it has no JavaScript for the op" + std::string(ops.unknown.size() > 1 ? "s " : " ") +
           names;
  }
  const std::int64_t bytes = weight_bytes(model);
  if (bytes <= options.max_weight_bytes) return "";
  const auto megabytes = [](std::int64_t n) {
    const std::int64_t tenths = n / 100'000;
    return static_cast<double>(tenths) / 10;
  };
  return detail::concat("its weights take ", megabytes(bytes), " MB, more than the limit of ",
                        megabytes(options.max_weight_bytes), " MB");
}

double white_of(const ViewOptions& options, const Json& ops) {
  if (options.white) return *options.white;
  const Tensor& x = options.inputs.empty() ? options.samples.x : options.inputs.front();
  if (x.defined() && x.dtype() == DType::u8) return 255;
  if (x.defined() && x.dtype() == DType::f32) {
    const auto values = x.span<float>();
    return std::any_of(values.begin(), values.end(), [](float v) { return v > 1; }) ? 255 : 1;
  }
  for (const Json& op : ops.as_array()) {
    if (!is_source(op.at("op").as_string())) return op.at("op").as_string() == "rescale" ? 255 : 1;
  }
  return 1;
}

Json describe_samples(const std::vector<Tensor>& inputs, const Tensor& labels, std::int64_t count) {
  Json samples = Json::array();
  for (std::int64_t n = 0; n < count; ++n) {
    Json values = Json::array();
    for (const Tensor& input : inputs) {
      const Tensor row = input.slice(n, n + 1);
      values.push(
          Json::Object{{"dtype", to_json(row.dtype())}, {"data", base64(row.raw(), row.bytes())}});
    }
    Json label;
    if (labels.defined() && labels.dtype() == DType::i32 && labels.shape().rank() == 1) {
      label = static_cast<std::int64_t>(labels.item(n));
    }
    samples.push(Json::Object{{"label", label}, {"inputs", values}});
  }
  return samples;
}

std::vector<std::string> probed_layers(const Json& layers) {
  std::vector<std::string> paths;
  for (const Json& layer : layers.as_array()) {
    const std::string& kind = layer.at("kind").as_string();
    const bool probed = kind != "InputLayer" && kind != "Function" && !layer.at("value").is_null();
    if (probed) paths.push_back(layer.at("name").as_string());
  }
  return paths;
}

}  // namespace

ViewData view_data(Model& model, const ViewOptions& options) {
  const Json network = model.network().to_json();
  const Ops ops = describe_ops(network);
  const double white = white_of(options, ops.ops);
  const std::vector<Tensor> inputs = view_inputs(model.network(), options, white);
  std::vector<std::string> names = options.class_names;
  if (names.empty()) names = options.samples.class_names;
  if (names.empty()) names = model.options().class_names;

  ViewData data;
  Json& page = data.description;
  page = Json::Object{{"title", options.title.empty() ? model.network().name() : options.title},
                      {"version", version()},
                      {"class_names", to_json(names)},
                      {"white", white},
                      {"samples_made_up", !options.samples.x.defined() && options.inputs.empty()},
                      {"inputs", network.at("inputs")},
                      {"outputs", network.at("outputs")},
                      {"ops", ops.ops},
                      {"shapes", ops.shapes},
                      {"layers", describe_layers(network, ops.ops)}};
  const std::string lacking = why_not(model, ops, options);
  page.set("lacking", lacking);
  std::vector<float> numbers;
  page.set("tensors", lacking.empty() ? describe_tensors(model, ops.ops, numbers) : Json::array());
  data.weights = base64(numbers.data(), numbers.size() * sizeof(float));
  std::int64_t count = inputs.front().shape().n();
  if (!lacking.empty()) {
    page.set("stored", stored_activations(model, inputs, probed_layers(page.at("layers"))));
    count = static_cast<std::int64_t>(page.at("stored").size());
  }
  const bool labelled = options.inputs.empty() && options.samples.y.defined();
  page.set("samples", describe_samples(inputs, labelled ? options.samples.y : Tensor(), count));
  return data;
}

}  // namespace fovea::report
