#include "host/io/model_formats.h"

#include <algorithm>

#include "host/io/hdf5.h"
#include "host/io/input_file.h"
#include "host/io/keras/keras_file.h"
#include "host/io/onnx/onnx_format.h"
#include "host/io/zip.h"

namespace fovea {

const std::vector<ModelFormat>& model_formats() {
  static const std::vector<ModelFormat> formats = {
      {"Keras",
       {".keras"},
       is_zip,
       keras::read_keras_file,
       keras::write_keras_file,
       keras::read_keras_file_weights,
       nullptr},
      {"Keras (HDF5)",
       {".weights.h5", ".hdf5", ".h5"},
       is_hdf5,
       keras::read_h5_file,
       keras::write_h5_file,
       keras::read_h5_weights,
       keras::write_h5_weights},
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
