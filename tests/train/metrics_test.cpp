// Metrics while a model trains, and scores of arrays: what they are made of, and what they refuse.
#include "fovea/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "fovea/callbacks.h"
#include "tests/support/expect_error.h"
#include "tests/train/small_data.h"

namespace fovea {
namespace {

using test::bright_channel;
using test::expect_error;
using test::quiet;

/// Whether the first channel is the bright one.
Dataset bright_red(std::int64_t count, std::uint64_t seed = 1) {
  Dataset data = bright_channel(count, seed);
  for (std::int32_t& label : data.y.span<std::int32_t>()) label = label == 0 ? 1 : 0;
  return data;
}

Model binary_model(const std::vector<std::string>& metrics) {
  ModelOptions options;
  options.device = "cpu";
  options.seed = 3;
  options.threads = 1;
  Model model(Sequential{Input({8, 8, 3}), Rescaling(1.0 / 255), Flatten(),
                         Dense(1, {.activation = "sigmoid"})},
              options);
  CompileOptions compile;
  compile.optimizer = Sgd(0.001);
  compile.loss = "binary_crossentropy";
  compile.metrics = metrics;
  model.compile(compile);
  return model;
}

const std::vector<std::string> kBinaryMetrics = {"accuracy", "precision", "recall", "f1", "auc"};

TEST(Metrics, AreThoseOfAllSamplesNotMeansOfBatches) {
  Model model = binary_model(kBinaryMetrics);
  const Dataset data = bright_red(90);
  FitOptions options = quiet(3, 7);
  options.validation_data = data;
  const History history = model.fit(data, options);
  const Tensor scores = model.predict(data.x);
  const Tensor predicted = predicted_labels(scores);
  const Logs& last = history.logs.back();
  EXPECT_NEAR(last.at("val_accuracy"), accuracy_score(data.y, predicted), 1e-6);
  EXPECT_NEAR(last.at("val_precision"), precision_score(data.y, predicted), 1e-6);
  EXPECT_NEAR(last.at("val_recall"), recall_score(data.y, predicted), 1e-6);
  EXPECT_NEAR(last.at("val_f1"), f1_score(data.y, predicted), 1e-6);
  EXPECT_NEAR(last.at("val_auc"), roc_auc_score(data.y, scores), 0.02);  // of 200 thresholds
  const Logs evaluated = model.evaluate(data, {.batch_size = 90});
  for (const auto& [name, value] : evaluated) EXPECT_NEAR(last.at("val_" + name), value, 1e-5);
}

TEST(Metrics, OfOneBatchAreReturnedByTrainOnBatch) {
  Model model = binary_model(kBinaryMetrics);
  const Dataset data = bright_red(40);
  const Tensor scores = model.predict(data.x);  // from before the update
  const Logs logs = model.train_on_batch({data.x}, {data.y});
  EXPECT_NEAR(logs.at("f1"), f1_score(data.y, predicted_labels(scores)), 1e-6);
  EXPECT_NEAR(logs.at("auc"), roc_auc_score(data.y, scores), 0.03);
}

TEST(Metrics, GoOnInMidEpochWhereARunIsResumed) {
  namespace fs = std::filesystem;
  const std::string file = (fs::path(FOVEA_BINARY_DIR) / "metrics_test_run.safetensors").string();
  const Dataset data = bright_red(90);
  FitOptions options = quiet(2, 8);
  const History whole = binary_model(kBinaryMetrics).fit(data, options);
  FitOptions stopped = options;
  stopped.checkpoint = {file, 5, 0};
  stopped.callbacks = {
      LambdaCallback({.on_step_end = [](Model& m, int epoch, std::int64_t step, const Logs&) {
        if (epoch == 1 && step == 6) m.stop_training();
      }})};
  binary_model(kBinaryMetrics).fit(data, stopped);
  Model second = binary_model(kBinaryMetrics);
  second.resume(file);
  EXPECT_EQ(second.fit(data, options).logs.back(), whole.logs.back());
  fs::remove(file);
}

TEST(Metrics, HaveADirectionForCallbacks) {
  std::string rising;
  FitOptions options = quiet(1);
  options.callbacks = {LambdaCallback({.on_train_begin = [&](Model&, const FitPlan& plan) {
    for (const EpochMetric& m : plan.metrics) rising += m.higher_is_better ? m.name + " " : "";
  }})};
  std::vector<std::string> metrics = kBinaryMetrics;
  metrics.insert(metrics.end(), {"mae", "mse", "rmse", "binary_accuracy"});
  Dataset data = bright_red(30);
  data.y = data.y.to(DType::f32);  // as the errors want it
  binary_model(metrics).fit(data, options);
  EXPECT_EQ(rising, "accuracy precision recall f1 auc binary_accuracy ");
}

TEST(Metrics, RefuseWhatTheyCannotBeComputedFrom) {
  const auto compile_with = [](const std::string& loss, const std::string& metric,
                               const char* activation = "softmax") {
    ModelOptions options;
    options.device = "cpu";
    Model model(Sequential{Input({4}), Dense(3, {.activation = activation})}, options);
    CompileOptions compile;
    compile.loss = Loss(loss, std::string(activation) == "linear");
    compile.metrics = {metric};
    model.compile(compile);
  };
  const std::string sparse = "sparse_categorical_crossentropy";
  expect_error(ErrorCode::invalid_argument, "did you mean 'precision'",
               [&] { compile_with(sparse, "precison"); });
  expect_error(ErrorCode::invalid_argument, "unknown metric 'top_0_accuracy'",
               [&] { compile_with(sparse, "top_0_accuracy"); });
  expect_error(ErrorCode::shape_mismatch, "takes one-hot targets",
               [&] { compile_with(sparse, "top_k_categorical_accuracy"); });
  expect_error(ErrorCode::shape_mismatch, "takes labels, i32 (N,)",
               [&] { compile_with("categorical_crossentropy", "sparse_categorical_accuracy"); });
  expect_error(ErrorCode::shape_mismatch, "one output", [&] { compile_with(sparse, "auc"); });
  expect_error(ErrorCode::unsupported, "instead of from_logits",
               [&] { compile_with(sparse, "recall", "linear"); });
  compile_with(sparse, "precision");
  Model model = binary_model({});
  CompileOptions twice;
  twice.loss = "mse";
  twice.metrics = {"mae", "mae"};
  expect_error(ErrorCode::invalid_argument, "'mae' is named twice", [&] { model.compile(twice); });
}

// ---- Scores ----

Tensor labels(const std::vector<std::int32_t>& values) {
  return Tensor::from<std::int32_t>({static_cast<std::int64_t>(values.size())}, values);
}

TEST(Scores, LabelsComeFromOutputsAboveTheThreshold) {
  const auto span = [](const Tensor& t) {
    const auto s = t.span<std::int32_t>();
    return std::vector<std::int32_t>(s.begin(), s.end());
  };
  EXPECT_EQ(span(predicted_labels(Tensor::from({3, 1}, {0.5F, 0.51F, 0.2F}))),
            (std::vector<std::int32_t>{0, 1, 0}));
  EXPECT_EQ(span(predicted_labels(Tensor::from({2}, {0.5F, 0.2F}), 0.1)),
            (std::vector<std::int32_t>{1, 1}));
  EXPECT_EQ(span(predicted_labels(Tensor::from({2, 3}, {0.1F, 0.7F, 0.7F, 3, 2, 1}))),
            (std::vector<std::int32_t>{1, 0}));
}

TEST(Scores, OfEachClass) {
  const ClassScores scores =
      precision_recall_fscore_support(labels({0, 1, 1, 2, 2, 2}), labels({0, 1, 2, 2, 2, 0}));
  EXPECT_EQ(scores.labels, (std::vector<std::int32_t>{0, 1, 2}));
  EXPECT_EQ(scores.precision, (std::vector<double>{0.5, 1, 2.0 / 3}));
  EXPECT_EQ(scores.recall, (std::vector<double>{1, 0.5, 2.0 / 3}));
  EXPECT_EQ(scores.support, (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(f1_score(labels({0, 0, 1, 1}), labels({0, 1, 1, 1}), {.pos_label = 0}), 2.0 / 3);
}

TEST(Scores, RefuseWhatTheyCannotBeComputedFrom) {
  const Tensor good = labels({0, 1, 2});
  const auto refused = [](ErrorCode code, const std::string& text, const auto& action) {
    expect_error(code, text, [&] { action(); });
  };
  refused(ErrorCode::shape_mismatch, "predicted_labels()", [&] {
    accuracy_score(good, Tensor::zeros({3, 3}));
  });
  refused(ErrorCode::shape_mismatch, "3 true labels, but 2 predicted", [&] {
    accuracy_score(good, labels({0, 1}));
  });
  refused(ErrorCode::invalid_argument, "empty", [&] { accuracy_score(labels({}), labels({})); });
  refused(ErrorCode::invalid_argument, "use \"macro\"", [&] { f1_score(good, good); });
  refused(ErrorCode::invalid_argument, "set pos_label", [&] {
    f1_score(labels({0, 1}), labels({0, 1}), {.pos_label = 7});
  });
  refused(ErrorCode::invalid_argument, "unknown average 'makro'; did you mean 'macro'",
          [&] { f1_score(good, good, {.average = "makro"}); });
  refused(ErrorCode::invalid_argument, "zero_division is 0, 1 or NaN",
          [&] { f1_score(good, good, {.average = "macro", .zero_division = 2}); });
  refused(ErrorCode::invalid_argument, "2 target_names, but 3 labels in the arrays", [&] {
    classification_report(good, good, {.target_names = {"a", "b"}});
  });
  refused(ErrorCode::invalid_argument, "named twice", [&] {
    confusion_matrix(good, good, {1, 1});
  });
  refused(ErrorCode::invalid_argument, "none of the labels",
          [&] { confusion_matrix(good, good, {8}); });
  refused(ErrorCode::invalid_argument, "labels 0 and 1, not 2",
          [&] { roc_auc_score(good, Tensor::zeros({3})); });
  refused(ErrorCode::invalid_argument, "both labels", [&] {
    roc_auc_score(labels({1, 1}), Tensor::zeros({2}));
  });
  refused(ErrorCode::invalid_argument, "sample 0 is NaN", [&] {
    roc_auc_score(labels({1, 0}), Tensor::full({2}, std::nan("")));
  });
  refused(ErrorCode::invalid_argument, "label 2 of sample 2 is out of range", [&] {
    top_k_accuracy_score(good, Tensor::zeros({3, 2}));
  });
  refused(ErrorCode::invalid_argument, "k is at least 1", [&] {
    top_k_accuracy_score(good, Tensor::zeros({3, 3}), 0);
  });
  refused(ErrorCode::shape_mismatch, "not (2, 2, 2)", [&] {
    predicted_labels(Tensor::zeros({2, 2, 2}));
  });
}

}  // namespace
}  // namespace fovea
