// The plug-in libfovea_onnx.so: ONNX's container, by protobuf-lite.
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "fovea/error.h"
#include "fovea/export.h"
#include "host/io/onnx/onnx_model.h"
#include "onnx_file.pb.h"

static_assert(std::endian::native == std::endian::little);

namespace fovea::onnx {
namespace {

namespace pb = fovea::onnx_file;

constexpr std::int32_t kExternal = 1;  // Tensor.data_location
constexpr std::size_t kMaxBytes = std::numeric_limits<std::int32_t>::max();

// ---- Reading ----

/// Numbers that stand as such in the file, as the bytes of the tensor's own type.
template <class T, class Field>
std::string bytes_of(const Field& field) {
  std::string bytes(static_cast<std::size_t>(field.size()) * sizeof(T), '\0');
  char* target = bytes.data();
  for (const auto value : field) {
    const T element = static_cast<T>(value);
    std::memcpy(target, &element, sizeof(T));
    target += sizeof(T);
  }
  return bytes;
}

std::string typed_bytes(const pb::Tensor& tensor) {
  switch (tensor.data_type()) {
    case kFloat:
      return bytes_of<float>(tensor.float_data());
    case kDouble:
      return bytes_of<double>(tensor.double_data());
    case kInt64:
      return bytes_of<std::int64_t>(tensor.int64_data());
    case kInt32:
      return bytes_of<std::int32_t>(tensor.int32_data());
    case kFloat16:
    case kBfloat16:  // their bits
      return bytes_of<std::uint16_t>(tensor.int32_data());
    case kUint8:
    case kBool:
      return bytes_of<std::uint8_t>(tensor.int32_data());
    default:
      return {};
  }
}

/// A number in an entry about another file.
std::uint64_t number_in(const pb::Entry& entry, const std::string& source) {
  std::uint64_t number = 0;
  for (const char c : entry.value()) {
    const bool fits = c >= '0' && c <= '9' && number < (std::uint64_t{1} << 56);
    FOVEA_REQUIRE(fits, parse, source, ": external data with the ", entry.key(), " '",
                  entry.value(), "'");
    number = 10 * number + static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

void decode_location(const pb::Tensor& from, TensorData& to, const std::string& source) {
  for (const pb::Entry& entry : from.external_data()) {
    if (entry.key() == "location") to.location = entry.value();
    if (entry.key() == "offset") to.offset = number_in(entry, source);
    if (entry.key() == "length") to.length = number_in(entry, source);
  }
  FOVEA_REQUIRE(!to.location.empty(), parse, source, ": tensor '", from.name(),
                "' lies in another file that is not named");
}

TensorData decode_tensor(pb::Tensor& from, const std::string& source) {
  TensorData to;
  to.name = from.name();
  to.type = from.data_type();
  to.dims.assign(from.dims().begin(), from.dims().end());
  if (from.data_location() == kExternal) {
    decode_location(from, to, source);
  } else if (from.has_raw_data()) {
    to.bytes = std::move(*from.mutable_raw_data());
  } else {
    to.bytes = typed_bytes(from);
  }
  return to;
}

Attribute::Kind kind_of(const pb::Attribute& attribute) {
  using Kind = Attribute::Kind;
  constexpr Kind kKinds[] = {Kind::other, Kind::number,  Kind::integer,  Kind::text, Kind::tensor,
                             Kind::other, Kind::numbers, Kind::integers, Kind::texts};
  const auto type = static_cast<std::size_t>(attribute.type());
  return type < std::size(kKinds) ? kKinds[type] : Kind::other;
}

Attribute decode_attribute(pb::Attribute& from, const std::string& source) {
  Attribute to;
  to.name = from.name();
  to.kind = kind_of(from);
  to.number = from.f();
  to.integer = from.i();
  to.text = from.s();
  if (from.has_t()) to.tensor = decode_tensor(*from.mutable_t(), source);
  to.numbers.assign(from.floats().begin(), from.floats().end());
  to.integers.assign(from.ints().begin(), from.ints().end());
  to.texts.assign(from.strings().begin(), from.strings().end());
  return to;
}

Node decode_node(pb::Node& from, const std::string& source) {
  Node to{from.name(), from.op_type(), from.domain(), {}, {}, {}};
  to.inputs.assign(from.input().begin(), from.input().end());
  to.outputs.assign(from.output().begin(), from.output().end());
  for (pb::Attribute& attribute : *from.mutable_attribute()) {
    to.attributes.push_back(decode_attribute(attribute, source));
  }
  return to;
}

ValueInfo decode_value(const pb::ValueInfo& from) {
  const pb::TensorType& type = from.type().tensor_type();
  ValueInfo to{from.name(), type.elem_type(), {}};
  for (const pb::Dimension& dim : type.shape().dim()) {
    to.dims.push_back(dim.has_dim_value() && dim.dim_value() >= 0 ? dim.dim_value() : -1);
  }
  return to;
}

Graph decode_graph(pb::Graph& from, const std::string& source) {
  Graph to;
  to.name = from.name();
  for (pb::Node& node : *from.mutable_node()) to.nodes.push_back(decode_node(node, source));
  for (pb::Tensor& tensor : *from.mutable_initializer()) {
    to.initializers.push_back(decode_tensor(tensor, source));
  }
  for (const pb::ValueInfo& value : from.input()) to.inputs.push_back(decode_value(value));
  for (const pb::ValueInfo& value : from.output()) to.outputs.push_back(decode_value(value));
  return to;
}

Model decode(std::string_view bytes, const std::string& source) {
  FOVEA_REQUIRE(bytes.size() <= kMaxBytes, unsupported, source,
                " is larger than 2 GiB, more than ONNX's container holds; export the model with "
                "its weights in a file of their own");
  pb::Model from;
  const bool parsed = from.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  FOVEA_REQUIRE(parsed && from.has_graph(), parse, source,
                " is no complete ONNX file: it is damaged or cut short; export it again");
  Model to;
  to.ir_version = from.ir_version();
  to.opset = 0;
  for (const pb::OperatorSet& set : from.opset_import()) {
    if (set.domain().empty() || set.domain() == "ai.onnx") to.opset = set.version();
  }
  to.producer = from.producer_name();
  to.producer_version = from.producer_version();
  for (const pb::Entry& entry : from.metadata_props()) {
    to.metadata.emplace_back(entry.key(), entry.value());
  }
  to.graph = decode_graph(*from.mutable_graph(), source);
  return to;
}

// ---- Writing ----

void encode_tensor(const TensorData& from, pb::Tensor& to) {
  to.set_name(from.name);
  to.set_data_type(from.type);
  for (const std::int64_t dim : from.dims) to.add_dims(dim);
  to.set_raw_data(from.bytes);
}

void encode_attribute(const Attribute& from, pb::Attribute& to) {
  using Kind = Attribute::Kind;
  to.set_name(from.name);
  if (from.kind == Kind::number) {
    to.set_type(1);
    to.set_f(from.number);
  } else if (from.kind == Kind::integer) {
    to.set_type(2);
    to.set_i(from.integer);
  } else if (from.kind == Kind::text) {
    to.set_type(3);
    to.set_s(from.text);
  } else if (from.kind == Kind::tensor) {
    to.set_type(4);
    encode_tensor(from.tensor, *to.mutable_t());
  } else if (from.kind == Kind::numbers) {
    to.set_type(6);
    for (const float value : from.numbers) to.add_floats(value);
  } else if (from.kind == Kind::integers) {
    to.set_type(7);
    for (const std::int64_t value : from.integers) to.add_ints(value);
  } else if (from.kind == Kind::texts) {
    to.set_type(8);
    for (const std::string& value : from.texts) to.add_strings(value);
  }
}

void encode_node(const Node& from, pb::Node& to) {
  to.set_name(from.name);
  to.set_op_type(from.type);
  if (!from.domain.empty()) to.set_domain(from.domain);
  for (const std::string& input : from.inputs) to.add_input(input);
  for (const std::string& output : from.outputs) to.add_output(output);
  for (const Attribute& attribute : from.attributes) {
    encode_attribute(attribute, *to.add_attribute());
  }
}

void encode_value(const ValueInfo& from, pb::ValueInfo& to) {
  to.set_name(from.name);
  pb::TensorType& type = *to.mutable_type()->mutable_tensor_type();
  type.set_elem_type(from.type);
  for (const std::int64_t dim : from.dims) {
    pb::Dimension& target = *type.mutable_shape()->add_dim();
    if (dim >= 0) {
      target.set_dim_value(dim);
    } else {
      target.set_dim_param("N");
    }
  }
}

void encode_graph(const Graph& from, pb::Graph& to) {
  to.set_name(from.name);
  for (const Node& node : from.nodes) encode_node(node, *to.add_node());
  for (const TensorData& tensor : from.initializers) encode_tensor(tensor, *to.add_initializer());
  for (const ValueInfo& value : from.inputs) encode_value(value, *to.add_input());
  for (const ValueInfo& value : from.outputs) encode_value(value, *to.add_output());
}

std::string encode(const Model& from) {
  std::size_t weights = 0;
  for (const TensorData& tensor : from.graph.initializers) weights += tensor.bytes.size();
  FOVEA_REQUIRE(weights < kMaxBytes, unsupported, "the model's weights are ", weights,
                " bytes; an ONNX file holds at most 2 GiB");
  pb::Model to;
  to.set_ir_version(from.ir_version);
  to.set_producer_name(from.producer);
  to.set_producer_version(from.producer_version);
  to.add_opset_import()->set_version(from.opset);
  to.mutable_opset_import(0)->set_domain("");
  for (const auto& [key, value] : from.metadata) {
    pb::Entry& entry = *to.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  encode_graph(from.graph, *to.mutable_graph());
  std::string bytes;
  FOVEA_REQUIRE(to.SerializeToString(&bytes), unsupported,
                "the model is larger than the 2 GiB that an ONNX file holds");
  return bytes;
}

}  // namespace
}  // namespace fovea::onnx

extern "C" FOVEA_API const fovea::onnx::Codec* fovea_onnx_codec();

const fovea::onnx::Codec* fovea_onnx_codec() {
  static constexpr fovea::onnx::Codec kCodec = {fovea::onnx::decode, fovea::onnx::encode};
  return &kCodec;
}
