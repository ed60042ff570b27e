// Our models as ONNX files: every op that inference networks have comes back with the same
// predictions. That other programs run the files is for tests/interop to show.
#include <filesystem>
#include <fstream>

#include "fovea/layers.h"
#include "fovea/models.h"
#include "fovea/ops/basic.h"
#include "fovea/ops/transpose.h"
#include "host/io/input_file.h"
#include "tests/io/onnx_test_support.h"

namespace fovea {
namespace {

using test::expect_equal_predictions;
using test::on_cpu;
using test::randomize;

class OnnxExport : public testing::Test {
 protected:
  /// Saves the network with random weights and loads it again; both predict the same.
  Model expect_round_trip(const Network& network) {
    Model model(network, on_cpu());
    randomize(model);
    model.save(path_);
    Model loaded = Model::load(path_, on_cpu());
    expect_equal_predictions(model, loaded);
    EXPECT_EQ(loaded.network().inputs()[0].shape, network.inputs()[0].shape);
    return loaded;
  }
  void expect_round_trip_of(const AnyLayer& layer, const Shape& sample = {7, 6, 4}) {
    SCOPED_TRACE(layer->kind());
    expect_round_trip(Network(Sequential{Input(sample), layer}));
    if (sample.rank() == 3) {  // where the picture is (N, C, H, W) in the file already
      expect_round_trip(Network(Sequential{Input(sample), Conv2D(4, 1), layer}));
    }
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("model.onnx");
};

TEST_F(OnnxExport, Convolutions) {
  SKIP_WITHOUT_ONNX();
  expect_round_trip_of(Conv2D(5, 3));
  expect_round_trip_of(Conv2D(5, {3, 2}, {.strides = {2, 1}, .padding = "same"}));
  expect_round_trip_of(Conv2D(6, 3, {.padding = "same", .dilation = 2, .groups = 2}));
  expect_round_trip_of(Conv2D(4, 3, {.padding = Padding::cells(2, 0, 1, 3), .use_bias = false}));
  expect_round_trip_of(Conv2D(8, 3, {.groups = 4, .activation = "relu"}));
}

TEST_F(OnnxExport, Pooling) {
  SKIP_WITHOUT_ONNX();
  const PoolOptions same{.strides = 2, .padding = "same"};
  expect_round_trip_of(MaxPool2D(2));
  expect_round_trip_of(MaxPool2D(3, same));
  expect_round_trip_of(MinPool2D(3, same));
  expect_round_trip_of(AvgPool2D({3, 2}, same));
  expect_round_trip_of(AvgPool2D(2));
  expect_round_trip_of(GlobalAvgPool2D());
  expect_round_trip_of(GlobalMaxPool2D());
  expect_round_trip_of(GlobalMinPool2D());
}

TEST_F(OnnxExport, Activations) {
  SKIP_WITHOUT_ONNX();
  for (const char* name : {"relu", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "silu", "selu",
                           "softplus", "hard_swish"}) {
    SCOPED_TRACE(name);
    expect_round_trip_of(ActivationLayer(name));
  }
  expect_round_trip_of(ActivationLayer(Activation{Activation::Kind::step, 0}));
  expect_round_trip_of(LeakyRelu(0.3));
  expect_round_trip_of(Softmax());
  expect_round_trip_of(Softmax(), {5});
}

TEST_F(OnnxExport, DenseAndNorms) {
  SKIP_WITHOUT_ONNX();
  expect_round_trip_of(Dense(4, {.activation = "softmax"}), {6});
  expect_round_trip_of(Dense(4, {.use_bias = false}), {6});
  expect_round_trip_of(Maxout(3, 2), {6});
  expect_round_trip_of(BatchNorm());
  expect_round_trip_of(BatchNorm(), {6});
  expect_round_trip_of(BatchNorm(), {5, 6});
  expect_round_trip_of(Dropout(0.5));
  expect_round_trip_of(Rescaling(0.5, -1));
  expect_round_trip_of(Normalization({1, 2, 3, 4}, {4, 3, 2, 1}));
}

TEST_F(OnnxExport, Shapes) {
  SKIP_WITHOUT_ONNX();
  expect_round_trip_of(Flatten());
  expect_round_trip_of(Reshape({6, -1, 2}));
  expect_round_trip_of(ZeroPadding2D(Padding::cells(1, 0, 2, 3)));
  for (const int axis : {1, 2, 3}) {
    const Symbol x = input({4, 4, 2});
    const Symbol y = Conv2D(2, 1)(x);
    expect_round_trip(Network({x}, {Concatenate(axis)({x, y, x})}));
    expect_round_trip(Network({x}, {Stack(axis)({x, y})}));
  }
}

TEST_F(OnnxExport, FlattenKeepsTheOrderOfPictures) {
  SKIP_WITHOUT_ONNX();
  expect_round_trip(Sequential{Input({5, 4, 3}), Conv2D(2, 2), Flatten(), Dense(3)});
  expect_round_trip(
      Sequential{Input({5, 4, 3}), Conv2D(2, 2), Relu(), Flatten(), BatchNorm(), Relu(), Dense(3)});
}

TEST_F(OnnxExport, SeveralInputsAndOutputs) {
  SKIP_WITHOUT_ONNX();
  const Symbol a = input({6, 6, 3}, "picture"), b = input({4}, "numbers");
  const Symbol y = Flatten()(MaxPool2D(2)(Conv2D(2, 3)(a)));
  const Symbol both = Concatenate()({y, Dense(3)(b)});
  Model loaded = expect_round_trip(Network(
      {a, b}, {{"left", Dense(2)(both)}, {"right", Multiply()({both, both})}, {"same", b}}));
  EXPECT_EQ(loaded.network().inputs()[1].name, "numbers");
  ASSERT_EQ(loaded.network().outputs().size(), 3u);
  EXPECT_EQ(loaded.network().outputs()[1].name, "right");
}

TEST_F(OnnxExport, SharedLayersStayShared) {
  SKIP_WITHOUT_ONNX();
  const Symbol x = input({5, 5, 2});
  const Conv2D twice(2, 3, {.padding = "same"});
  const Model loaded = expect_round_trip(Network({x}, {twice(Relu()(twice(x)))}));
  EXPECT_EQ(loaded.weight_paths().size(), 2u);
}

TEST_F(OnnxExport, Pixels) {
  SKIP_WITHOUT_ONNX();
  expect_round_trip(Sequential{Input({6, 6, 3}, "pixels", DType::u8), Rescaling(1 / 255.0, -0.5),
                               Conv2D(2, 3), GlobalAvgPool2D()});
}

/// Axes in other orders than pictures have them.
TEST_F(OnnxExport, Transposes) {
  SKIP_WITHOUT_ONNX();
  for (const auto& order : std::vector<std::vector<std::int64_t>>{
           {0, 2, 3, 1}, {0, 3, 1, 2}, {0, 2, 1, 3}, {0, 3, 2, 1}}) {
    expect_round_trip(Network({"x", {3, 4, 5}}, [order](Builder& b, Value x) -> Value {
      const Value y = b.add(ops::Transpose(order), {x});
      return b.add(ops::Add{}, {y, y});
    }));
  }
}

TEST_F(OnnxExport, NetworksOfTheZoo) {
  SKIP_WITHOUT_ONNX();
  for (const char* name : {"lenet5", "cifar10_cnn", "resnet20", "wine", "mnist_cnn"}) {
    SCOPED_TRACE(name);
    const Network network = make_network(name);
    const Model loaded = expect_round_trip(network);
    EXPECT_EQ(loaded.weight_paths().size(), network.parameters().size());
    EXPECT_EQ(loaded.network().parameter_count(), network.parameter_count());
  }
}

TEST_F(OnnxExport, ClassNamesTravel) {
  SKIP_WITHOUT_ONNX();
  ModelOptions options = on_cpu();
  options.class_names = {"cat", "dög \"x\""};
  Model(Network(Sequential{Input({3}), Dense(2)}), options).save(path_);
  EXPECT_EQ(Model::load(path_, on_cpu()).options().class_names, options.class_names);
}

TEST_F(OnnxExport, WhatCannotBeExpressedIsNamed) {
  SKIP_WITHOUT_ONNX();
  const Network network({"x", {3}}, [](Builder& b, Value x) -> Value {
    const auto scope = b.scope("half");
    return b.add(ops::Cast(DType::f32), {b.add(ops::Reorder{}, {x})});
  });
  std::ofstream(path_) << "before";
  const std::string message =
      error_message(ErrorCode::unsupported, [&] { Model(network, on_cpu()).save(path_); });
  EXPECT_TRUE(contains(message, "'half' (reorder)")) << message;
  EXPECT_EQ(read_text_file(path_), "before");
  EXPECT_EQ(folder_.names().size(), 1u);
}

TEST_F(OnnxExport, WeightsAloneAreNoOnnxFile) {
  const Model model(Network(Sequential{Input({3}), Dense(2)}), on_cpu());
  const std::string message =
      error_message(ErrorCode::unsupported, [&] { model.save_weights(path_); });
  EXPECT_TRUE(contains(message, "ONNX has no files of weights alone")) << message;
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(OnnxExport, AFolderThatIsMissingIsNamed) {
  SKIP_WITHOUT_ONNX();
  const Model model(Network(Sequential{Input({3}), Dense(2)}), on_cpu());
  const std::string path = folder_.file("none/model.onnx");
  EXPECT_TRUE(contains(error_message(ErrorCode::io, [&] { model.save(path); }), path));
}

}  // namespace
}  // namespace fovea
