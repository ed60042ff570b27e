// Models of the C interface: made, saved, loaded, asked; their weights.
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "tests/c_api/c_api_test_support.h"

namespace fovea::c_api {
namespace {

namespace fs = std::filesystem;

class CModel : public testing::Test {
 protected:
  CModel() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / (std::string("fovea_c_api_") + test->name());
    fs::create_directories(folder_);
  }
  ~CModel() override { fs::remove_all(folder_); }
  std::string path(const char* name) const { return (folder_ / name).string(); }

  TrainingData data_;

 private:
  fs::path folder_;
};

std::vector<float> predict(fovea_model* model, const TensorHandle& x) {
  TensorHandle output;
  EXPECT_OK(fovea_model_predict(model, x.list(), 1, 0, output.out(), 1));
  return values_of(output);
}

TEST_F(CModel, TakesOptions) {
  const NetworkHandle network = make_network("iris_small");
  const std::array<const char*, 2> names = {"setosa", "rosé"};
  fovea_model_options options{};
  options.struct_size = sizeof options;
  options.device = "cpu";
  options.precision = "f64";
  options.class_names = names.data();
  options.class_count = names.size();
  ModelHandle model;
  ASSERT_OK(fovea_model_new(network, &options, model.out()));
  EXPECT_STREQ(fovea_model_device(model), "cpu");
  ASSERT_EQ(fovea_model_class_count(model), 2U);
  EXPECT_STREQ(fovea_model_class_name(model, 1), "rosé");
  TensorHandle output;
  ASSERT_OK(fovea_model_predict(model, data_.x.list(), 1, 0, output.out(), 1));
  EXPECT_EQ(fovea_tensor_dtype(output), FOVEA_F64);

  EXPECT_EQ(fovea_model_class_name(model, 2), nullptr);
  EXPECT_EQ(fovea_model_class_count(nullptr), 0U);
  EXPECT_EQ(fovea_model_device(nullptr), nullptr);
  ASSERT_OK(fovea_model_new(network, nullptr, model.out()));  // defaults
  EXPECT_STRNE(fovea_model_device(model), "");
}

TEST_F(CModel, RefusesWrongOptions) {
  const NetworkHandle network = make_network("iris_small");
  fovea_model* model = nullptr;
  fovea_model_options options{};
  expect_invalid(fovea_model_new(network, &options, &model), "struct_size of options is 0");
  options.struct_size = SIZE_MAX;
  expect_invalid(fovea_model_new(network, &options, &model), "set it to their sizeof");
  options.struct_size = sizeof options;
  options.device = "abacus";
  expect_invalid(fovea_model_new(network, &options, &model), "no device 'abacus'");
  options.device = "cpu";
  options.class_count = 1;
  expect_invalid(fovea_model_new(network, &options, &model), "'class_names' is NULL");
  expect_invalid(fovea_model_new(nullptr, nullptr, &model), "a fovea_network is NULL");
  expect_invalid(fovea_model_new(network, nullptr, nullptr), "'out' is NULL");
  EXPECT_EQ(model, nullptr);
}

TEST_F(CModel, ProgramsOfOtherVersionsAreUnderstood) {
  const NetworkHandle network = make_network("iris_small");
  fovea_model_options older{};  // had no class names
  older.struct_size = offsetof(fovea_model_options, class_names);
  older.class_count = 7;
  ModelHandle model;
  ASSERT_OK(fovea_model_new(network, &older, model.out()));
  EXPECT_EQ(fovea_model_class_count(model), 0U);

  struct Newer {
    fovea_model_options options;
    std::int64_t another;
  };
  Newer newer{};
  newer.options.struct_size = sizeof newer;
  ASSERT_OK(fovea_model_new(network, &newer.options, model.out()));
  newer.another = 1;
  fovea_model* none = nullptr;
  expect_failure(fovea_model_new(network, &newer.options, &none), FOVEA_ERROR_UNSUPPORTED,
                 "newer libfovea");
}

TEST_F(CModel, IsSavedAndLoaded) {
  const ModelHandle model = make_classifier(5);
  ASSERT_OK(fovea_model_fit(model, data_.x.list(), 1, data_.y.list(), 1, nullptr, nullptr));
  const std::string file = path("model.safetensors");
  ASSERT_OK(fovea_model_save(model, file.c_str()));
  ModelHandle loaded;
  ASSERT_OK(fovea_model_load(file.c_str(), nullptr, loaded.out()));
  EXPECT_EQ(weights_of(loaded), weights_of(model));
  // With optimizer and loss: it goes on training.
  EXPECT_OK(fovea_model_fit(loaded, data_.x.list(), 1, data_.y.list(), 1, nullptr, nullptr));

  fovea_model* none = nullptr;
  expect_failure(fovea_model_load(path("none").c_str(), nullptr, &none), FOVEA_ERROR_IO, "none");
  std::ofstream(path("bad")) << "this is no model";
  expect_failure(fovea_model_load(path("bad").c_str(), nullptr, &none), FOVEA_ERROR_PARSE, "bad");
  expect_invalid(fovea_model_load(nullptr, nullptr, &none), "'path' is NULL");
  expect_invalid(fovea_model_load(file.c_str(), nullptr, nullptr), "'out' is NULL");
  expect_failure(fovea_model_save(model, path("no/folder/m").c_str()), FOVEA_ERROR_IO, "no/folder");
  expect_invalid(fovea_model_save(model, nullptr), "'path' is NULL");
  expect_invalid(fovea_model_save(nullptr, file.c_str()), "a fovea_model is NULL");
  EXPECT_EQ(none, nullptr);
}

TEST_F(CModel, ItsWeightsAreSavedAndLoaded) {
  const ModelHandle model = make_model("iris_small", 5);
  const ModelHandle other = make_model("iris_small", 6);
  ASSERT_NE(weights_of(model), weights_of(other));
  const std::string file = path("weights.safetensors");
  ASSERT_OK(fovea_model_save_weights(model, file.c_str()));
  ASSERT_OK(fovea_model_load_weights(other, file.c_str()));
  EXPECT_EQ(weights_of(model), weights_of(other));

  const ModelHandle another = make_model("iris_dense");
  const std::vector<float> before = weights_of(another);
  expect_failure(fovea_model_load_weights(another, file.c_str()), FOVEA_ERROR_SHAPE_MISMATCH,
                 "another architecture");
  EXPECT_EQ(weights_of(another), before);
  expect_invalid(fovea_model_load_weights(nullptr, file.c_str()), "a fovea_model is NULL");
  expect_invalid(fovea_model_load_weights(other, nullptr), "'path' is NULL");
  expect_invalid(fovea_model_save_weights(nullptr, file.c_str()), "a fovea_model is NULL");
  expect_invalid(fovea_model_save_weights(other, nullptr), "'path' is NULL");
}

TEST_F(CModel, TellsOfItself) {
  const ModelHandle model = make_model("lenet5");
  Text summary;
  ASSERT_OK(fovea_model_summary(model, summary.out()));
  EXPECT_NE(std::string(summary).find("61,706"), std::string::npos) << summary;
  NetworkHandle network;
  ASSERT_OK(fovea_model_network(model, network.out()));
  EXPECT_EQ(fovea_network_parameter_count(network), 61706);
  EXPECT_EQ(fovea_model_parameter_count(model), 61706);

  expect_invalid(fovea_model_summary(model, nullptr), "'out' is NULL");
  expect_invalid(fovea_model_summary(nullptr, summary.out()), "a fovea_model is NULL");
  expect_invalid(fovea_model_network(nullptr, network.out()), "a fovea_model is NULL");
  EXPECT_EQ(fovea_model_parameter_count(nullptr), -1);
  EXPECT_EQ(fovea_model_trainable_parameter_count(nullptr), -1);
}

TEST_F(CModel, PredictsIntoTheCallersMemory) {
  const ModelHandle model = make_model("iris_small");
  const std::vector<float> expected = predict(model, data_.x);
  ASSERT_EQ(expected.size(), 180U);
  std::vector<float> memory(180, -1);
  const std::array<std::int64_t, 2> shape = {60, 3};
  TensorHandle output;
  ASSERT_OK(
      fovea_tensor_wrap(memory.data(), shape.data(), 2, FOVEA_F32, nullptr, nullptr, output.out()));
  ASSERT_OK(fovea_model_predict_into(model, data_.x.list(), 1, 16, output.list(), 1));
  EXPECT_EQ(memory, expected);

  const TensorHandle small = make_tensor<float>({1, 3}, {0, 0, 0});
  expect_failure(fovea_model_predict_into(model, data_.x.list(), 1, 0, small.list(), 1),
                 FOVEA_ERROR_SHAPE_MISMATCH, "(60, 3)");
  TensorHandle read_only;
  ASSERT_OK(fovea_tensor_wrap_const(memory.data(), shape.data(), 2, FOVEA_F32, nullptr, nullptr,
                                    read_only.out()));
  expect_invalid(fovea_model_predict_into(model, data_.x.list(), 1, 0, read_only.list(), 1),
                 "read-only");
  expect_invalid(fovea_model_predict_into(model, data_.x.list(), 1, 0, nullptr, 1),
                 "'outputs' is NULL");
  expect_invalid(fovea_model_predict_into(nullptr, data_.x.list(), 1, 0, output.list(), 1),
                 "a fovea_model is NULL");
}

TEST_F(CModel, RefusesToPredictFromWhatDoesNotFit) {
  const ModelHandle model = make_model("iris_small");
  const TensorHandle wide = make_tensor({2, 5}, noise(10));
  fovea_tensor* output = nullptr;
  expect_failure(fovea_model_predict(model, wide.list(), 1, 0, &output, 1),
                 FOVEA_ERROR_SHAPE_MISMATCH, "(2, 5)");
  expect_invalid(fovea_model_predict(model, data_.x.list(), 1, 0, &output, 2),
                 "has 1 outputs, but there is room for 2");
  expect_invalid(fovea_model_predict(model, data_.x.list(), 1, 0, nullptr, 1), "'outputs' is NULL");
  expect_invalid(fovea_model_predict(model, data_.x.list(), 1, -1, &output, 1), "batch size");
  expect_invalid(fovea_model_predict(model, nullptr, 1, 0, &output, 1), "'inputs' is NULL");
  expect_invalid(fovea_model_predict(model, nullptr, 0, 0, &output, 1), "1 inputs");
  fovea_tensor* const none = nullptr;
  expect_invalid(fovea_model_predict(model, &none, 1, 0, &output, 1), "a fovea_tensor is NULL");
  auto* wrong = mistaken<fovea_model>(static_cast<fovea_tensor*>(data_.x));
  expect_invalid(fovea_model_predict(wrong, data_.x.list(), 1, 0, &output, 1),
                 "what was given for a fovea_model is another handle");
  EXPECT_EQ(output, nullptr);
}

TEST_F(CModel, WeightsAreReadAndWrittenByPath) {
  const ModelHandle model = make_model("iris_small");
  ASSERT_EQ(fovea_model_weight_count(model), 6U);
  ASSERT_STREQ(fovea_model_weight_path(model, 0), "dense.weight");
  std::array<std::int64_t, FOVEA_MAX_RANK> shape{};
  ASSERT_EQ(fovea_model_weight_shape(model, 0, shape.data()), 2);
  EXPECT_EQ(shape[0], 4);
  EXPECT_EQ(shape[1], 12);
  EXPECT_EQ(fovea_model_weight_trainable(model, 0), 1);
  const TensorHandle ones = make_tensor({4, 12}, std::vector<float>(48, 1));
  ASSERT_OK(fovea_model_set_weight(model, "dense.weight", ones));
  TensorHandle weight;
  ASSERT_OK(fovea_model_get_weight(model, "dense.weight", weight.out()));
  EXPECT_EQ(values_of(weight), std::vector<float>(48, 1));

  EXPECT_EQ(fovea_model_weight_path(model, 6), nullptr);
  EXPECT_EQ(fovea_model_weight_shape(model, 6, shape.data()), -1);
  EXPECT_EQ(fovea_model_weight_trainable(model, 6), 0);
  EXPECT_EQ(fovea_model_weight_count(nullptr), 0U);
  expect_invalid(fovea_model_get_weight(model, "dens.weight", weight.out()), "dens.weight");
  expect_invalid(fovea_model_get_weight(model, nullptr, weight.out()), "'path' is NULL");
  expect_invalid(fovea_model_get_weight(model, "dense.weight", nullptr), "'out' is NULL");
  expect_failure(fovea_model_set_weight(model, "dense.bias", ones), FOVEA_ERROR_SHAPE_MISMATCH,
                 "dense.bias");
  expect_invalid(fovea_model_set_weight(model, "dense.bias", nullptr), "a fovea_tensor is NULL");
}

TEST_F(CModel, FrozenLayersStayAsTheyAre) {
  const ModelHandle model = make_classifier();
  const std::int64_t all = fovea_model_parameter_count(model);
  EXPECT_EQ(fovea_model_trainable_parameter_count(model), all);
  ASSERT_OK(fovea_model_freeze(model, "dense"));
  EXPECT_EQ(fovea_model_trainable_parameter_count(model), all - 4 * 12 - 12);
  EXPECT_EQ(fovea_model_weight_trainable(model, 0), 0);
  TensorHandle before;
  ASSERT_OK(fovea_model_get_weight(model, "dense.weight", before.out()));
  ASSERT_OK(fovea_model_fit(model, data_.x.list(), 1, data_.y.list(), 1, nullptr, nullptr));
  TensorHandle after;
  ASSERT_OK(fovea_model_get_weight(model, "dense.weight", after.out()));
  EXPECT_EQ(values_of(before), values_of(after));
  ASSERT_OK(fovea_model_unfreeze(model, "dense"));
  EXPECT_EQ(fovea_model_trainable_parameter_count(model), all);

  expect_invalid(fovea_model_freeze(model, "no_layer"), "no layer 'no_layer'");
  expect_invalid(fovea_model_freeze(model, nullptr), "'layer' is NULL");
  expect_invalid(fovea_model_unfreeze(model, "dense"), "not frozen");
  expect_invalid(fovea_model_unfreeze(nullptr, "dense"), "a fovea_model is NULL");
}

TEST_F(CModel, GradientsAreOfInputsAndWeights) {
  const ModelHandle model = make_classifier();
  Owned<fovea_gradients, fovea_gradients_free> gradients;
  ASSERT_OK(fovea_model_gradients(model, data_.x.list(), 1, data_.y.list(), 1, gradients.out()));
  EXPECT_GT(fovea_gradients_loss(gradients), 0);
  TensorHandle of_input;
  ASSERT_OK(fovea_gradients_input(gradients, 0, of_input.out()));
  EXPECT_EQ(fovea_tensor_count(of_input), 240);
  TensorHandle of_weight;
  ASSERT_OK(fovea_gradients_weight(gradients, "dense.weight", of_weight.out()));
  EXPECT_EQ(fovea_tensor_count(of_weight), 48);

  expect_invalid(fovea_gradients_input(gradients, 1, of_input.out()), "out of range");
  expect_invalid(fovea_gradients_weight(gradients, "x", of_weight.out()), "no gradient of 'x'");
  expect_invalid(fovea_gradients_weight(gradients, nullptr, of_weight.out()), "'path' is NULL");
  EXPECT_TRUE(std::isnan(fovea_gradients_loss(nullptr)));
  expect_invalid(fovea_model_gradients(make_model("iris_small"), data_.x.list(), 1, data_.y.list(),
                                       1, gradients.out()),
                 "compile()");
}

TEST_F(CModel, ResumesACheckpoint) {
  const std::string file = path("checkpoint.safetensors");
  fovea_fit_options options{};
  options.struct_size = sizeof options;
  options.epochs = 2;
  options.checkpoint_path = file.c_str();
  const ModelHandle model = make_classifier();
  ASSERT_OK(fovea_model_fit(model, data_.x.list(), 1, data_.y.list(), 1, &options, nullptr));

  const ModelHandle resumed = make_classifier();
  Text report;
  ASSERT_OK(fovea_model_resume(resumed, file.c_str(), report.out()));
  EXPECT_NE(std::string(report).find("epoch 3"), std::string::npos) << report;
  options.checkpoint_path = nullptr;
  options.epochs = 3;
  ASSERT_OK(fovea_model_fit(resumed, data_.x.list(), 1, data_.y.list(), 1, &options, nullptr));
  const ModelHandle at_once = make_classifier();
  ASSERT_OK(fovea_model_fit(at_once, data_.x.list(), 1, data_.y.list(), 1, &options, nullptr));
  EXPECT_EQ(weights_of(resumed), weights_of(at_once));
  EXPECT_OK(fovea_model_resume(resumed, file.c_str(), nullptr));

  expect_invalid(fovea_model_resume(resumed, nullptr, nullptr), "'path' is NULL");
  expect_failure(fovea_model_resume(resumed, path("none").c_str(), nullptr), FOVEA_ERROR_IO,
                 "none");
}

}  // namespace
}  // namespace fovea::c_api
