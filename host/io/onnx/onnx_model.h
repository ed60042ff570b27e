// What an ONNX file holds, as plain structs, and the plug-in libfovea_onnx.so that turns bytes into
// them and back. What it means is the importer's and the exporter's business.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fovea/export.h"

namespace fovea::onnx {

/// Numbers of element types, as in the files.
enum ElementType : std::int32_t {
  kFloat = 1,
  kUint8 = 2,
  kInt32 = 6,
  kInt64 = 7,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kBfloat16 = 16,
};

/// Bytes per element; 0 for types that are not read.
constexpr std::size_t element_size(std::int32_t type) {
  switch (type) {
    case kUint8:
    case kBool:
      return 1;
    case kFloat16:
    case kBfloat16:
      return 2;
    case kFloat:
    case kInt32:
      return 4;
    case kInt64:
    case kDouble:
      return 8;
    default:
      return 0;
  }
}

struct TensorData {
  std::string name;
  std::int32_t type = kFloat;
  std::vector<std::int64_t> dims;
  std::string bytes;     ///< little-endian, as many as `dims` and `type` say if they are inside
  std::string location;  ///< of the elements, where they lie in another file; else empty
  std::uint64_t offset = 0, length = 0;  ///< in that file; a length of 0: to its end
};

/// `kind` says which of the others counts.
struct Attribute {
  enum class Kind { number, integer, text, tensor, numbers, integers, texts, other };
  std::string name;
  Kind kind = Kind::other;
  float number = 0;
  std::int64_t integer = 0;
  std::string text;
  TensorData tensor;
  std::vector<float> numbers;
  std::vector<std::int64_t> integers;
  std::vector<std::string> texts;
};

struct Node {
  std::string name, type, domain;
  std::vector<std::string> inputs, outputs;  ///< an empty name: left out
  std::vector<Attribute> attributes;
};

/// An input or output of the graph. A size of -1 is open.
struct ValueInfo {
  std::string name;
  std::int32_t type = kFloat;
  std::vector<std::int64_t> dims;
};

struct Graph {
  std::string name;
  std::vector<Node> nodes;
  std::vector<TensorData> initializers;
  std::vector<ValueInfo> inputs, outputs;
};

struct Model {
  std::int64_t ir_version = 7;
  std::int64_t opset = 13;  ///< of the standard domain
  std::string producer, producer_version;
  std::vector<std::pair<std::string, std::string>> metadata;
  Graph graph;
};

struct Codec {
  /// Throws parse for what is no such file; messages begin with `source`.
  Model (*decode)(std::string_view bytes, const std::string& source);
  /// Throws unsupported for more than the container holds, 2 GiB.
  std::string (*encode)(const Model& model);
};

/// The type of the plug-in's entry, fovea_onnx_codec.
using CodecEntry = const Codec* (*)();

/// The plug-in. Throws unsupported, beginning with `path`, where it is absent.
FOVEA_INTERNAL const Codec& codec(const std::string& path);

}  // namespace fovea::onnx
