#include "host/io/onnx/onnx_format.h"

#include <array>

#include "host/base/plugin.h"
#include "host/io/atomic_file.h"
#include "host/io/input_file.h"
#include "host/io/onnx/export.h"
#include "host/io/onnx/import.h"

namespace fovea::onnx {

const Codec& codec(const std::string& path) {
  const Plugin plugin = open_plugin("onnx", "fovea_onnx_codec");
  FOVEA_REQUIRE(
      plugin.symbol != nullptr, unsupported, path,
      ": Fovea's plug-in for ONNX files, libfovea_onnx.so, cannot be used (", plugin.problem,
      "); install libprotobuf-dev and protobuf-compiler and build and install Fovea again");
  return *reinterpret_cast<CodecEntry>(plugin.symbol)();
}

bool recognizes(std::string_view head) {
  // Field 1, the version (a small number), then one of the fields behind it, all but one (6) texts
  // or messages. The library's own files begin with the length of their header, below 2^32, then
  // '{'.
  constexpr std::array<char, 9> kNext = {0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72, 0x0a};
  if (head.size() < 3 || head[0] != 0x08 || head[1] < 1 || head[1] > 64) return false;
  const bool own = head.size() > 8 && head.substr(4, 4) == std::string_view("\0\0\0\0", 4);
  return !own && std::string_view(kNext.data(), kNext.size()).find(head[2]) != std::string::npos;
}

StoredModel read(const std::string& path) {
  Model file = codec(path).decode(read_text_file(path), path);
  return import_model(std::move(file), path);
}

void write(const StoredModel& model, const std::string& path) {
  const Codec& container = codec(path);
  const std::string bytes = container.encode(export_model(model));
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace fovea::onnx
