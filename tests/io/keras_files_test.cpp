// Keras's files against what Keras computed (tests/golden/generate_keras_files.py), and round
// trips.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "fovea/fovea.h"
#include "host/io/atomic_file.h"
#include "host/io/input_file.h"
#include "host/io/safetensors.h"
#include "tests/io/io_test_support.h"
#include "tests/support/expect_error.h"

namespace fovea {
namespace {

using test::expect_error;

std::string golden(const std::string& name) {
  return std::string(FOVEA_SOURCE_DIR) + "/tests/golden/keras/" + name;
}

Tensor array(const SafetensorsFile& file, const std::string& name) {
  for (const auto& [key, tensor] : file.tensors) {
    if (key == name) return tensor;
  }
  ADD_FAILURE() << "no array " << name;
  return {};
}

void expect_close(const Tensor& found, const Tensor& expected, double tolerance = 1e-5) {
  ASSERT_EQ(found.shape(), expected.shape());
  double largest = 0;
  double difference = 0;
  for (std::int64_t i = 0; i < found.numel(); ++i) {
    largest = std::max(largest, std::abs(expected.item(i)));
    difference = std::max(difference, std::abs(found.item(i) - expected.item(i)));
  }
  EXPECT_LE(difference, tolerance * largest);
}

void expect_same_weights(const Model& a, const Model& b) {
  ASSERT_EQ(a.weight_paths().size(), b.weight_paths().size());
  for (const std::string& path : a.weight_paths()) {
    const Tensor first = a.weight(path);
    const Tensor second = b.weight(path);
    ASSERT_EQ(first.shape(), second.shape()) << path;
    for (std::int64_t i = 0; i < first.numel(); ++i) {
      ASSERT_EQ(first.item(i), second.item(i)) << path << ", number " << i;
    }
  }
}

/// Sets an environment variable for as long as it lives.
class Setting {
 public:
  Setting(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Setting() { ::unsetenv(name_); }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  const char* name_;
};

/// By the files' extension; skips where the plug-ins that it needs were not built.
class KerasFiles : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!FOVEA_HAS_HDF5) GTEST_SKIP() << "HDF5 was not found when this was built";
    if (!FOVEA_HAS_ZIP && GetParam() == std::string(".keras")) {
      GTEST_SKIP() << "libzip was not found when this was built";
    }
  }
  TemporaryFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(Formats, KerasFiles, testing::Values(".keras", ".h5"),
                         [](const auto& format) { return std::string(format.param).substr(1); });

TEST_P(KerasFiles, OfKerasPredictWhatKerasPredicts) {
  Model chain = Model::load(golden(std::string("chain") + GetParam()));
  SafetensorsFile arrays = read_safetensors(golden("chain.safetensors"));
  expect_close(chain.predict(array(arrays, "x")), array(arrays, "out"));
  Model branches = Model::load(golden(std::string("branches") + GetParam()));
  arrays = read_safetensors(golden("branches.safetensors"));
  const std::vector<Tensor> found = branches.predict_all({array(arrays, "a"), array(arrays, "b")});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(branches.network().outputs()[1].name, "other");
  expect_close(found[0], array(arrays, "out"));
  expect_close(found[1], array(arrays, "other"));
}

TEST_P(KerasFiles, OfKerasGoOnTrainingAsKerasDoes) {
  Model model = Model::load(golden(std::string("chain") + GetParam()));
  ASSERT_TRUE(model.compiled());
  const SafetensorsFile arrays = read_safetensors(golden("chain.safetensors"));
  const Logs logs = model.train_on_batch({array(arrays, "x")}, {array(arrays, "y")});
  EXPECT_EQ(logs.back().first, "accuracy");
  model.train_on_batch({array(arrays, "x")}, {array(arrays, "y")});
  expect_close(model.predict(array(arrays, "x")), array(arrays, "out_later"));
  EXPECT_NEAR(model.learning_rate(), 0.01, 1e-8);
}

TEST_P(KerasFiles, OfSeveralOutputsKeepTheirLossesAndWeights) {
  Model model = Model::load(golden(std::string("branches") + GetParam()));
  ASSERT_TRUE(model.compiled());
  const SafetensorsFile arrays = read_safetensors(golden("branches.safetensors"));
  const std::vector<Tensor> inputs = {array(arrays, "a"), array(arrays, "b")};
  const Tensor classes = Tensor::from({3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1});
  const Logs logs = model.train_on_batch(inputs, {classes, Tensor::zeros({3, 2})});
  std::map<std::string, double> values(logs.begin(), logs.end());
  EXPECT_NEAR(values.at("loss"), values.at("out_loss") + 0.5 * values.at("other_loss"), 1e-6);
  EXPECT_TRUE(values.contains("out_accuracy"));
}

/// A network with most layers that have weights, compiled and trained for three steps.
Model trained_model(const CompileOptions& compile) {
  const Symbol x = input({6, 6, 4}, "x");
  Symbol y = Conv2D(6, 3, {.use_bias = false, .name = "conv"})(x);
  y = BatchNorm({.name = "norm"})(y);
  y = Relu("relu")(y);
  const Symbol left = Conv2D(8, 3, {.padding = "same", .groups = 2, .name = "left"})(y);
  const Symbol right = Conv2D(8, 1, {.activation = "tanh", .name = "right"})(y);
  y = Flatten("flat")(Add("sum")({left, right}));
  y = Dense(3, {.activation = "softmax", .name = "out"})(Dropout(0.25, "drop")(y));
  Model model(Network({x}, {y}, "small"));
  model.compile(compile);
  return model;
}

void train(Model& model, int steps) {
  Tensor x({5, 6, 6, 4}, DType::f32);
  float value = 0;
  for (float& cell : x.span<float>()) cell = std::sin(value += 0.7F);
  const Tensor labels = Tensor::from<std::int32_t>({5}, std::vector<std::int32_t>{0, 1, 2, 1, 0});
  for (int i = 0; i < steps; ++i) model.train_on_batch({x}, {labels});
}

TEST_P(KerasFiles, KeepAllThatTrainingNeeds) {
  const Loss loss = "sparse_categorical_crossentropy";
  const OptimizerOptions options{.weight_decay = 0.01, .clip_norm = 1};
  const std::vector<CompileOptions> cases = {
      {.optimizer = Sgd(0.1, 0.9, true, options), .loss = loss, .metrics = {"accuracy"}},
      {.optimizer = Sgd(Schedule::step(0.1, 2, 0.5)), .loss = loss},
      {.optimizer = Sgd(Schedule::cosine(0.1, 20, 0.01)), .loss = loss},
      {.optimizer = Sgd(Schedule::linear(0.1, 20, 0.01)), .loss = loss},
      {.optimizer = Adam(0.01, 0.8, 0.9, 1e-5), .loss = loss},
      {.optimizer = AdamW(0.01), .loss = loss},
      {.optimizer = Adam(0.01, 0.9, 0.999, 1e-7, {.ema_momentum = 0.5}), .loss = loss},
      {.optimizer = Adamax(0.01), .loss = loss},
      {.optimizer = Nadam(0.01), .loss = loss},
      {.optimizer = Adagrad(0.01, 0.2), .loss = loss},
      {.optimizer = RmsProp(0.01, 0.8, 0.5, 1e-6, true), .loss = loss}};
  const std::string path = folder_.file(std::string("model") + GetParam());
  for (const CompileOptions& compile : cases) {
    Model model = trained_model(compile);
    model.save(path);
    Model before = Model::load(path);
    expect_same_weights(model, before);
    train(model, 3);
    model.save(path);
    Model again = Model::load(path);
    expect_same_weights(model, again);
    EXPECT_EQ(model.learning_rate(), again.learning_rate());
    again.save(path);
    expect_same_weights(model, Model::load(path));
  }
}

TEST_P(KerasFiles, LetTrainingGoOnToTheBit) {
  const Network network(Sequential{Input({6, 6, 4}), Conv2D(3, 3, {.activation = "tanh"}),
                                   Flatten(), Dense(3, {.activation = "softmax"})});
  for (const char* optimizer : {"nesterov", "adam", "adagrad", "rmsprop"}) {
    Model model(network);
    model.compile({.optimizer = optimizer, .loss = "sparse_categorical_crossentropy"});
    train(model, 3);
    const std::string path = folder_.file(std::string("model") + GetParam());
    model.save(path);
    Model again = Model::load(path);
    train(model, 2);
    train(again, 2);
    expect_same_weights(model, again);
  }
}

TEST_P(KerasFiles, KeepFrozenLayersAndTheRateThatIsHeld) {
  const std::string path = folder_.file(std::string("model") + GetParam());
  Model model = trained_model({.optimizer = "adam", .loss = "sparse_categorical_crossentropy"});
  model.freeze("norm");
  model.freeze("left");
  model.set_learning_rate(0.5);
  train(model, 1);
  model.save(path);
  const Model again = Model::load(path);
  EXPECT_TRUE(again.frozen("norm"));
  EXPECT_TRUE(again.frozen("left"));
  EXPECT_FALSE(again.frozen("right"));
  EXPECT_EQ(again.learning_rate(), 0.5);
}

TEST_P(KerasFiles, SayWhatKerasDoesNotHave) {
  const std::string path = folder_.file(std::string("model") + GetParam());
  write_text_file(path, "what was there");
  Model model = trained_model({.optimizer = "sgd", .loss = "tanimoto"});
  expect_error(ErrorCode::unsupported, "Keras has no loss 'tanimoto'", [&] { model.save(path); });
  model = trained_model(
      {.optimizer = Sgd(Schedule(0.1).warm_up(5)), .loss = "sparse_categorical_crossentropy"});
  expect_error(ErrorCode::unsupported, "warms up", [&] { model.save(path); });
  EXPECT_EQ(read_text_file(path), "what was there");
}

TEST_P(KerasFiles, NeedTheirPlugins) {
  const std::string path = folder_.file(std::string("model") + GetParam());
  const Model model = trained_model({.optimizer = "sgd", .loss = "mse"});
  const Setting setting("FOVEA_DISABLE_PLUGINS", "hdf5,zip");
  expect_error(ErrorCode::unsupported, "turned off by FOVEA_DISABLE_PLUGINS",
               [&] { model.save(path); });
  expect_error(ErrorCode::unsupported, "turned off by FOVEA_DISABLE_PLUGINS",
               [&] { Model::load(golden(std::string("chain") + GetParam())); });
  EXPECT_TRUE(folder_.names().empty());
}

/// Files of weights alone, by their extension.
class KerasWeights : public KerasFiles {};

INSTANTIATE_TEST_SUITE_P(Formats, KerasWeights, testing::Values(".weights.h5", ".h5"),
                         [](const auto& format) {
                           return std::string(format.param) == ".h5" ? "legacy" : "keras3";
                         });

TEST_P(KerasWeights, GoIntoAModelOfTheSameArchitecture) {
  const std::string path = folder_.file(std::string("w") + GetParam());
  const CompileOptions compile{.optimizer = "adam", .loss = "sparse_categorical_crossentropy"};
  Model model = trained_model(compile);
  train(model, 2);
  model.save_weights(path);
  Model other = trained_model(compile);
  other.load_weights(path);
  expect_same_weights(model, other);
  expect_error(ErrorCode::parse, "load_weights()", [&] { Model::load(path); });
  Model small(Network(Sequential{Input({6, 6, 4}), Flatten(), Dense(3)}));
  const Tensor before = small.weight("dense.weight");
  expect_error(ErrorCode::shape_mismatch, "another architecture",
               [&] { small.load_weights(path); });
  EXPECT_EQ(small.weight("dense.weight").item(5), before.item(5));
}

TEST_P(KerasWeights, OfWholeModelsAreFoundToo) {
  const SafetensorsFile arrays = read_safetensors(golden("chain.safetensors"));
  for (const char* name : {"chain.keras", "chain.h5"}) {
    if (!FOVEA_HAS_ZIP && std::string(name).ends_with(".keras")) continue;
    Model model(Model::load(golden("chain.h5")).network(), {.seed = 9});
    model.load_weights(golden(name));
    expect_close(model.predict(array(arrays, "x")), array(arrays, "out"));
  }
}

TEST_P(KerasWeights, AreNotWrittenByTheNameOfAModel) {
  const Model model = trained_model({.optimizer = "sgd", .loss = "mse"});
  expect_error(ErrorCode::unsupported, "use save_weights()",
               [&] { model.save(folder_.file("m.weights.h5")); });
  expect_error(ErrorCode::unsupported, "no files of weights alone",
               [&] { model.save_weights(folder_.file("m.keras")); });
}

}  // namespace
}  // namespace fovea
