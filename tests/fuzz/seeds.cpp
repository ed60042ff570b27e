// Writes what the fuzzers begin with: FOLDER/<parser>/<file>.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>

#include "fovea/image.h"
#include "fovea/layer_config.h"
#include "fovea/layers.h"
#include "fovea/model.h"
#include "host/io/input_file.h"
#include "host/io/safetensors.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

Network small_network() {
  const Symbol x = input({8, 8, 3});
  Symbol y = Conv2D(4, 3, {.padding = "same", .use_bias = false})(Rescaling(1 / 255.0)(x));
  y = Relu()(BatchNorm()(y));
  y = Concatenate()({MaxPool2D(2)(y), AvgPool2D(2)(y)});
  y = Add()({y, Conv2D(8, 1, {.activation = "gelu"})(y)});
  return Network({x}, {Dense(3, {.activation = "softmax"})(Dropout(0.5)(Flatten()(y)))});
}

Tensor small_picture(std::int64_t channels) {
  Tensor picture({6, 5, channels}, DType::u8);
  for (std::int64_t i = 0; i < picture.numel(); ++i) {
    picture.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(37 * i);
  }
  return picture;
}

void write(const fs::path& path, std::string_view bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Renames the checksum of a file of tensors, which would refuse all that a fuzzer changes.
void drop_checksum(const fs::path& path) {
  std::string bytes = read_text_file(path.string());
  const std::string key = "fovea.crc32";
  bytes.replace(bytes.find(key), key.size(), "fovea.crc__");
  write(path, bytes);
}

void write_models(const fs::path& folder) {
  for (const char* parser : {"checkpoint", "onnx", "safetensors"}) {
    fs::create_directories(folder / parser);
  }
  Model model(small_network(), {.class_names = {"a", "b", "c"}});
  model.compile({.optimizer = Adam(), .loss = "sparse_categorical_crossentropy"});
  model.save((folder / "checkpoint" / "model").string());
  model.save((folder / "onnx" / "model.onnx").string());
  model.save_weights((folder / "safetensors" / "weights").string());
  write_safetensors((folder / "safetensors" / "types").string(),
                    {{{"a", Tensor::full({2, 3}, 1, DType::f16)},
                      {"b", Tensor::full({}, 7, DType::i64)},
                      {"c", Tensor::full({3}, 1, DType::u8)}},
                     {{"format", "pt"}}});
  for (const char* file : {"checkpoint/model", "safetensors/weights", "safetensors/types"}) {
    drop_checksum(folder / file);
  }
  write(folder / "network" / "model", small_network().to_json().to_string());
  write(folder / "keras" / "model", network_to_keras(small_network()).to_string());
}

void write_pictures(const fs::path& folder) {
  for (const std::string format : {"png", "jpeg"}) {
    fs::create_directories(folder / format);
    write_image(folder / format / ("grey." + format), small_picture(1));
    write_image(folder / format / ("rgb." + format), small_picture(3));
  }
}

void write_tables(const fs::path& folder) {
  const std::string pictures =
      "\0\0\x08\x03\0\0\0\x01\0\0\0\x1c\0\0\0\x1c"s + std::string(784, '\1');
  write(folder / "mnist" / "pictures", "\0"s + pictures);
  write(folder / "mnist" / "labels", "\1\0\0\x08\x01\0\0\0\x01\x05"s);
  // The idx header alone, stored in gz without compression.
  write(folder / "mnist" / "labels_gz",
        "\3\x1f\x8b\x08\0\0\0\0\0\0\xff\x01\x09\0\xf6\xff\0\0\x08\x01\0\0\0\x01\x05"s);
  write(folder / "cifar" / "one", std::string(3073, '\2'));
  write(folder / "cifar" / "one_of_100", std::string(3074, '\2'));
  write(folder / "csv" / "table", "a,b,\"c, d\"\n1,2.5,x\n\"3\"\"\",-4e2,\n\r\n");
  write(
      folder / "json" / "all",
      R"({"a":[1,-2.5e3,true,false,null],"b\n\u00e9\ud83d\ude00":{"":""},"c":18446744073709551615})");
}

}  // namespace
}  // namespace fovea

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: fuzz_seeds FOLDER\n";
    return 2;
  }
  try {
    fovea::write_models(argv[1]);
    fovea::write_pictures(argv[1]);
    fovea::write_tables(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
