// Models that PyTorch and Keras exported (tests/golden/generate_onnx_files.py): their predictions,
// and what can be done with them afterwards.
#include <algorithm>
#include <filesystem>

#include "fovea/layers.h"
#include "host/io/safetensors.h"
#include "tests/io/onnx_test_support.h"

namespace fovea {
namespace {

using test::difference;
using test::on_cpu;

std::string golden(const std::string& name) {
  return std::string(FOVEA_SOURCE_DIR) + "/tests/golden/onnx/" + name;
}

Tensor take(const SafetensorsFile& file, const std::string& name) {
  for (const auto& [key, tensor] : file.tensors) {
    if (key == name) return tensor;
  }
  ADD_FAILURE() << "there is no " << name;
  return {};
}

std::vector<Tensor> inputs_of(const Model& model, const SafetensorsFile& arrays) {
  std::vector<Tensor> inputs;
  for (const InputSpec& input : model.network().inputs()) {
    inputs.push_back(take(arrays, input.name));
  }
  return inputs;
}

/// The largest difference from what the program that made the model predicted.
double error_of(Model& model, const SafetensorsFile& arrays) {
  const std::vector<Tensor> outputs = model.predict_all(inputs_of(model, arrays));
  double largest = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Tensor expected = take(arrays, model.network().outputs()[i].name);
    largest = std::max(largest, difference(outputs[i], expected));
  }
  return largest;
}

class OnnxImport : public testing::TestWithParam<const char*> {
 protected:
  std::string name() const { return GetParam(); }
  Model load() const { return Model::load(golden(name() + ".onnx"), on_cpu()); }
  SafetensorsFile arrays() const { return read_safetensors(golden(name() + ".safetensors")); }
  TemporaryFolder folder_;
};

TEST_P(OnnxImport, PredictsAsItsMaker) {
  SKIP_WITHOUT_ONNX();
  Model model = load();
  EXPECT_LT(error_of(model, arrays()), 1e-5);
}

TEST_P(OnnxImport, SurvivesBothFormats) {
  SKIP_WITHOUT_ONNX();
  Model model = load();
  for (const char* file : {"model.safetensors", "model.onnx"}) {
    model.save(folder_.file(file));
    Model again = Model::load(folder_.file(file), on_cpu());
    EXPECT_LT(error_of(again, arrays()), 1e-5) << file;
  }
}

TEST_P(OnnxImport, TrainsFurther) {
  SKIP_WITHOUT_ONNX();
  Model model = load();
  const std::vector<Tensor> inputs = inputs_of(model, arrays());
  std::vector<Tensor> targets;
  CompileOptions compile;
  compile.optimizer = Adam(0.01);
  for (const OutputSpec& output : model.network().outputs()) {
    targets.push_back(Tensor::full(output.shape.prepend(inputs[0].shape()[0]), 0.25));
    compile.outputs[output.name].loss = "mse";
  }
  model.compile(compile);
  const double first = model.train_on_batch(inputs, targets).front().second;
  double last = first;
  for (int i = 0; i < 20; ++i) last = model.train_on_batch(inputs, targets).front().second;
  EXPECT_LT(last, 0.7 * first);
}

TEST_P(OnnxImport, NamesItsLayers) {
  SKIP_WITHOUT_ONNX();
  const Model model = load();
  const std::vector<LayerRecord>& layers = model.network().layers();
  EXPECT_GT(layers.size(), 3u);
  EXPECT_EQ(layers.front().kind, "InputLayer");
  std::vector<std::string> recorded;
  for (const LayerRecord& layer : layers) {
    for (const ParameterRecord& parameter : layer.parameters) recorded.push_back(parameter.path);
  }
  EXPECT_EQ(recorded.size(), model.weight_paths().size());
  EXPECT_FALSE(model.summary().empty());
}

INSTANTIATE_TEST_SUITE_P(Files, OnnxImport,
                         testing::Values("torch_plain", "torch_plain_18", "torch_resnet",
                                         "torch_mobilenet", "torch_vgg", "torch_inception",
                                         "torch_heads", "torch_mlp", "torch_activations",
                                         "keras_sequential", "keras_functional", "keras_norms"),
                         [](const auto& file) { return std::string(file.param); });

TEST(OnnxImportDetails, KeepsTheLayoutAndNamesOfTheFile) {
  SKIP_WITHOUT_ONNX();
  const Model torch = Model::load(golden("torch_vgg.onnx"), on_cpu());
  EXPECT_EQ(torch.network().inputs()[0].shape, Shape({3, 16, 12}));
  const Model keras = Model::load(golden("keras_sequential.onnx"), on_cpu());
  EXPECT_EQ(keras.network().inputs()[0].shape, Shape({10, 12, 3}));
  const std::vector<std::string> paths =
      Model::load(golden("torch_resnet.onnx"), on_cpu()).weight_paths();
  for (const char* path : {"0.weight", "1.gamma", "1.running_mean", "3.conv1.weight",
                           "4.shortcut.1.running_var", "7.weight", "7.bias"}) {
    EXPECT_NE(std::find(paths.begin(), paths.end(), path), paths.end()) << path;
  }
}

TEST(OnnxImportDetails, BatchNormsMoveTheirStatisticsInTraining) {
  SKIP_WITHOUT_ONNX();
  Model model = Model::load(golden("torch_resnet.onnx"), on_cpu());
  const Tensor before = model.weight("1.running_mean").clone();
  const SafetensorsFile arrays = read_safetensors(golden("torch_resnet.safetensors"));
  model.compile({Sgd(0.1), "mse", {}, {}});
  model.train_on_batch({take(arrays, "x")}, {Tensor::full({3, 5}, 0.5)});
  EXPECT_GT(difference(model.weight("1.running_mean"), before), 1e-4);
  EXPECT_LT(difference(model.weight("1.running_mean"), before), 1);
}

TEST(OnnxImportDetails, FrozenLayersStay) {
  SKIP_WITHOUT_ONNX();
  Model model = Model::load(golden("torch_mlp.onnx"), on_cpu());
  const Tensor before = model.weight("0.weight").clone();
  model.freeze("0");
  const SafetensorsFile arrays = read_safetensors(golden("torch_mlp.safetensors"));
  model.compile({Sgd(0.1), "mse", {}, {}});
  model.train_on_batch({take(arrays, "x")}, {Tensor::full({3, 3}, 0.5)});
  EXPECT_EQ(difference(model.weight("0.weight"), before), 0);
}

}  // namespace
}  // namespace fovea
