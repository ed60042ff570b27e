#include "host/io/onnx/export_writer.h"

#include <algorithm>

#include "fovea/ops/source.h"

namespace fovea::onnx {
namespace {

std::int32_t element_type(DType dtype, const std::string& what) {
  switch (dtype) {
    case DType::f32:
      return kFloat;
    case DType::u8:
      return kUint8;
    case DType::i32:
      return kInt32;
    case DType::i64:
      return kInt64;
    default:
      fail(ErrorCode::unsupported, what, " is ", dtype_name(dtype),
           ", which is not written to ONNX files");
  }
}

std::vector<std::int64_t> open_batch(const Shape& shape) {
  std::vector<std::int64_t> dims(shape.begin(), shape.end());
  if (!dims.empty()) dims.front() = -1;
  return dims;
}

std::string bytes_of(const void* data, std::size_t bytes) {
  return {static_cast<const char*>(data), bytes};
}

}  // namespace

Attribute integer(std::string name, std::int64_t value) {
  Attribute attribute;
  attribute.name = std::move(name);
  attribute.kind = Attribute::Kind::integer;
  attribute.integer = value;
  return attribute;
}

Attribute integers(std::string name, std::vector<std::int64_t> values) {
  Attribute attribute;
  attribute.name = std::move(name);
  attribute.kind = Attribute::Kind::integers;
  attribute.integers = std::move(values);
  return attribute;
}

Attribute number(std::string name, double value) {
  Attribute attribute;
  attribute.name = std::move(name);
  attribute.kind = Attribute::Kind::number;
  attribute.number = static_cast<float>(value);
  return attribute;
}

Writer::Writer(const fovea::Graph& graph, const NamedTensors& weights)
    : graph_(graph), matcher_(graph), places_(static_cast<std::size_t>(graph.value_count())) {
  for (const auto& [path, tensor] : weights) weights_.emplace(path, tensor.to(DType::f32));
}

std::string Writer::plain(Value value) {
  Place& known = place(value);
  if (!known.plain.empty()) return known.plain;
  if (!known.channels_first.empty()) {
    known.plain =
        transpose(known.channels_first, graph_.producer_node(value).path + "/nhwc", {0, 2, 3, 1});
  } else {
    const fovea::Node& node = graph_.producer_node(value);
    known.plain = stored_weight(node.path, weight(value, node));
  }
  return known.plain;
}

std::string Writer::channels_first(Value value) {
  if (place(value).channels_first.empty()) {
    const std::string name = plain(value);
    place(value).channels_first =
        transpose(name, graph_.producer_node(value).path + "/nchw", {0, 3, 1, 2});
  }
  return place(value).channels_first;
}

bool Writer::is_channels_first(Value value) const { return !place(value).channels_first.empty(); }

void Writer::set_plain(Value value, std::string name) { place(value).plain = std::move(name); }

void Writer::set_channels_first(Value value, std::string name) {
  place(value).channels_first = std::move(name);
}

void Writer::set(Value value, bool first, std::string name) {
  (first ? place(value).channels_first : place(value).plain) = std::move(name);
}

std::string Writer::add(const fovea::Node& node, std::string type, std::vector<std::string> inputs,
                        std::vector<Attribute> attributes) {
  std::string output = unique(node.path + "/" + type);
  file_.nodes.push_back(
      {output, std::move(type), "", std::move(inputs), {output}, std::move(attributes)});
  return output;
}

std::string Writer::transpose(const std::string& name, const std::string& output,
                              std::vector<std::int64_t> order) {
  std::string result = unique(output);
  file_.nodes.push_back(
      {result, "Transpose", "", {name}, {result}, {integers("perm", std::move(order))}});
  return result;
}

const Tensor& Writer::weight(Value value, const fovea::Node& user) const {
  const auto found = weights_.find(graph_.producer_node(value).path);
  FOVEA_REQUIRE(found != weights_.end(), unsupported, "'", user.path, "' (", user.op->name(),
                ") reads '", graph_.producer_node(value).path,
                "', which is none of the model's weights: ONNX cannot express that");
  return found->second;
}

std::string Writer::initializer(const std::string& key, const std::string& name, std::int32_t type,
                                const Shape& shape, std::string bytes) {
  std::string& known = initializers_[key];
  if (known.empty()) {
    known = unique(name);
    file_.initializers.push_back(
        {known, type, {shape.begin(), shape.end()}, std::move(bytes), "", 0, 0});
  }
  return known;
}

std::string Writer::stored_weight(const std::string& path, const Tensor& tensor,
                                  const std::string& order) {
  return initializer("weight\n" + path + "\n" + order, path, kFloat, tensor.shape(),
                     bytes_of(tensor.raw(), tensor.bytes()));
}

std::string Writer::floats(const std::string& name, const Tensor& tensor) {
  const std::string bytes = bytes_of(tensor.raw(), tensor.bytes());
  return initializer("floats\n" + tensor.shape().str() + bytes, name, kFloat, tensor.shape(),
                     bytes);
}

std::string Writer::indices(const std::vector<std::int64_t>& values) {
  const std::string bytes = bytes_of(values.data(), values.size() * sizeof(std::int64_t));
  return initializer("indices\n" + bytes, "indices", kInt64, {std::ssize(values)}, bytes);
}

void Writer::add_input(const std::string& name, Value value) {
  const ValueType& type = graph_.type(value);
  file_.inputs.push_back(
      {name, element_type(type.dtype, "input '" + name + "'"), open_batch(type.shape)});
  set_plain(value, name);
}

void Writer::finish_output(const std::string& name, Value value) {
  const ValueType& type = graph_.type(value);
  const std::string current = plain(value);
  const auto is_current = [&](const auto& info) { return info.name == current; };
  const bool is_input = std::any_of(file_.inputs.begin(), file_.inputs.end(), is_current);
  const bool is_output = std::any_of(file_.outputs.begin(), file_.outputs.end(), is_current);
  if (is_input || is_output) {
    file_.nodes.push_back({name, "Identity", "", {current}, {name}, {}});
  } else {
    rename(current, name);
    set_plain(value, name);
  }
  file_.outputs.push_back(
      {name, element_type(type.dtype, "output '" + name + "'"), open_batch(type.shape)});
}

void Writer::rename(const std::string& from, const std::string& to) {
  for (Node& node : file_.nodes) {
    std::replace(node.inputs.begin(), node.inputs.end(), from, to);
    std::replace(node.outputs.begin(), node.outputs.end(), from, to);
  }
}

std::string Writer::unique(const std::string& name) {
  std::string result = name;
  for (int i = 1; !taken_.insert(result).second; ++i) result = name + "_" + std::to_string(i);
  return result;
}

}  // namespace fovea::onnx
