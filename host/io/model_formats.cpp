#include "host/io/model_formats.h"

#include <algorithm>

#include "host/io/input_file.h"
#include "host/io/onnx/onnx_format.h"

namespace fovea {

const std::vector<ModelFormat>& model_formats() {
  static const std::vector<ModelFormat> formats = {
      {"ONNX", {".onnx"}, onnx::recognizes, onnx::read, onnx::write, nullptr, nullptr},
  };
  return formats;
}

const ModelFormat* format_of_name(const std::string& path) {
  for (const ModelFormat& format : model_formats()) {
    for (std::string_view extension : format.extensions) {
      if (path.ends_with(extension)) return &format;
    }
  }
  return nullptr;
}

const ModelFormat* format_of_file(const std::string& path) {
  InputFile file(path);
  std::string head(std::min<std::uint64_t>(file.size(), 64), '\0');
  file.read(head.data(), head.size());
  for (const ModelFormat& format : model_formats()) {
    if (format.recognizes(head)) return &format;
  }
  return nullptr;
}

}  // namespace fovea
