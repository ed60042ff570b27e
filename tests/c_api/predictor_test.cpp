// Predictors of the C interface.
#include <cmath>
#include <filesystem>

#include "tests/c_api/c_api_test_support.h"

namespace fovea::c_api {
namespace {

using PredictorHandle = Owned<fovea_predictor, fovea_predictor_free>;

void expect_same_answers(const fovea_predictor* predictor, fovea_model* model) {
  const TensorHandle x = make_tensor({5, 4}, noise(20));
  TensorHandle expected;
  ASSERT_OK(fovea_model_predict(model, x.list(), 1, 0, expected.out(), 1));
  const TensorHandle y = make_tensor({5, 3}, std::vector<float>(15));
  ASSERT_OK(fovea_predictor_run(predictor, x.list(), 1, y.list(), 1));
  const std::vector<float> a = values_of(y);
  const std::vector<float> b = values_of(expected);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-6);
}

TEST(CPredictor, GivesWhatTheModelPredicts) {
  const ModelHandle model = make_classifier();
  PredictorHandle predictor;
  ASSERT_OK(fovea_predictor_new(model, nullptr, predictor.out()));
  expect_same_answers(predictor, model);
  const std::int64_t sizes[] = {2, 4};
  const fovea_predictor_options options{sizeof options, sizes, 2, "cpu", "f32", 1};
  ASSERT_OK(fovea_predictor_new(model, &options, predictor.out()));
  expect_same_answers(predictor, model);
}

TEST(CPredictor, ComesFromAFile) {
  const ModelHandle model = make_classifier();
  const std::string path = testing::TempDir() + "/fovea_c_predictor.safetensors";
  ASSERT_OK(fovea_model_save(model, path.c_str()));
  PredictorHandle predictor;
  EXPECT_OK(fovea_predictor_load(path.c_str(), nullptr, predictor.out()));
  std::filesystem::remove(path);
  expect_same_answers(predictor, model);
  expect_failure(fovea_predictor_load("/no/such/file", nullptr, predictor.out()), FOVEA_ERROR_IO,
                 "/no/such/file");
}

TEST(CPredictor, SaysWhatItCannotTake) {
  const ModelHandle model = make_classifier();
  PredictorHandle predictor;
  const std::int64_t none[] = {0};
  fovea_predictor_options options{sizeof options, none, 1, nullptr, nullptr, 0};
  expect_invalid(fovea_predictor_new(model, &options, predictor.out()), "at least 1");
  expect_invalid(fovea_predictor_new(nullptr, nullptr, predictor.out()), "fovea_model is NULL");
  expect_invalid(fovea_predictor_new(model, nullptr, nullptr), "'out' is NULL");
  expect_invalid(fovea_predictor_load(nullptr, nullptr, predictor.out()), "'path' is NULL");
  ASSERT_OK(fovea_predictor_new(model, nullptr, predictor.out()));
  const TensorHandle x = make_tensor({5, 4}, noise(20));
  const TensorHandle y = make_tensor({5, 4}, noise(20));
  expect_invalid(fovea_predictor_run(predictor, x.list(), 1, y.list(), 1), "an output");
  expect_invalid(fovea_predictor_run(predictor, nullptr, 1, y.list(), 1), "'inputs' is NULL");
  expect_invalid(fovea_predictor_run(mistaken<fovea_predictor>(static_cast<fovea_model*>(model)),
                                     x.list(), 1, y.list(), 1),
                 "another handle");
}

}  // namespace
}  // namespace fovea::c_api
