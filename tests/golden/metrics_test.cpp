// Metrics over an epoch of batches against Keras's, and scores over arrays against scikit-learn's.
#include "fovea/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fovea/layers.h"
#include "fovea/model.h"
#include "tests/golden/golden.h"

namespace fovea::test {
namespace {

// ---- Keras: metrics of models ----

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.as_object()) keys.push_back(key);
  return keys;
}

/// A model whose outputs are its inputs.
Model identity_model(std::int64_t outputs, CompileOptions compile) {
  ModelOptions options;
  options.device = "cpu";
  Model model(Sequential{Input({outputs}), Flatten()}, options);
  model.compile(std::move(compile));
  return model;
}

/// One problem of tests/golden/generate_metrics.py.
struct Problem {
  explicit Problem(const Json& json) : expected(json) {
    loss = json.at("loss").as_string();
    weights = tensor_of(json.at("weights"), {samples()});
    outputs = static_cast<std::int64_t>(json.at("outputs").size()) / samples();
    data.inputs = {tensor_of(json.at("outputs"), {samples(), outputs})};
    const bool sparse = loss.starts_with("sparse");
    data.targets = {tensor_of(json.at("targets"),
                              sparse ? Shape{samples()} : Shape{samples(), outputs},
                              sparse ? DType::i32 : DType::f32)};
  }
  std::int64_t samples() const { return static_cast<std::int64_t>(expected.at("weights").size()); }

  Json expected;
  std::string loss;
  std::int64_t outputs = 0;
  Tensor weights;
  Arrays data;
};

void expect_metrics(const Logs& logs, const Json& expected) {
  for (const auto& [name, value] : expected.as_object()) {
    EXPECT_NEAR(logs.at(name), value.as_double(), 2e-6) << name;
  }
}

TEST(MetricsAsKeras, OverAnEpochOfBatches) {
  const Json file = golden("metrics");
  for (const auto& [name, json] : file.at("keras").as_object()) {
    SCOPED_TRACE(name);
    const Problem problem(json);
    CompileOptions compile;
    compile.loss = problem.loss;
    compile.metrics = keys_of(json.at("plain"));
    Model model = identity_model(problem.outputs, compile);
    const Logs logs = model.evaluate(problem.data, {.batch_size = 16});
    expect_metrics(logs, json.at("plain"));
    // Again, in batches of another size: the sums begin anew.
    expect_metrics(model.evaluate(problem.data, {.batch_size = 7}), json.at("plain"));
  }
}

// ---- scikit-learn: scores of arrays ----

Tensor labels_of(const Json& list) {
  return tensor_of(list, {static_cast<std::int64_t>(list.size())}, DType::i32);
}

std::vector<std::int32_t> numbers_of(const Json* list) {
  std::vector<std::int32_t> numbers;
  if (list == nullptr) return numbers;
  for (const Json& number : list->as_array()) {
    numbers.push_back(static_cast<std::int32_t>(number.as_int()));
  }
  return numbers;
}

double zero_division_of(const Json& json) {
  const Json* value = json.find("zero_division");
  return value == nullptr ? 0 : value->as_double();
}

TEST(ScoresAsScikitLearn, AccuracyAndConfusionMatrix) {
  const Json file = golden("metrics");
  for (const auto& [name, arrays] : file.at("arrays").as_object()) {
    SCOPED_TRACE(name);
    const Tensor y_true = labels_of(arrays.at("true"));
    const Tensor y_pred = labels_of(arrays.at("predicted"));
    EXPECT_NEAR(accuracy_score(y_true, y_pred), arrays.at("accuracy").as_double(), 1e-12);
    const Tensor matrix = confusion_matrix(y_true, y_pred);
    ASSERT_EQ(static_cast<std::size_t>(matrix.numel()), arrays.at("confusion").size());
    for (std::int64_t i = 0; i < matrix.numel(); ++i) {
      EXPECT_EQ(matrix.data<std::int64_t>()[i],
                arrays.at("confusion")[static_cast<std::size_t>(i)].as_int());
    }
  }
}

TEST(ScoresAsScikitLearn, Averages) {
  const Json file = golden("metrics");
  ASSERT_GT(file.at("averages").size(), 50U);
  for (const Json& entry : file.at("averages").as_array()) {
    SCOPED_TRACE(entry.to_string());
    const Json& arrays = file.at("arrays").at(entry.at("arrays").as_string());
    const Tensor y_true = labels_of(arrays.at("true"));
    const Tensor y_pred = labels_of(arrays.at("predicted"));
    ScoreOptions options;
    options.average = entry.at("average").as_string();
    options.zero_division = zero_division_of(entry);
    const double scores[] = {precision_score(y_true, y_pred, options),
                             recall_score(y_true, y_pred, options),
                             f1_score(y_true, y_pred, options)};
    for (std::size_t i = 0; i < 3; ++i) {
      const double expected = entry.at("scores")[i].as_double();
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(scores[i])) << i;
      } else {
        EXPECT_NEAR(scores[i], expected, 1e-12) << i;
      }
    }
  }
}

TEST(ScoresAsScikitLearn, TheReportIsTheSameToTheCharacter) {
  const Json file = golden("metrics");
  ASSERT_GT(file.at("reports").size(), 15U);
  for (const Json& entry : file.at("reports").as_array()) {
    const Json& arrays = file.at("arrays").at(entry.at("arrays").as_string());
    ReportOptions options;
    options.labels = numbers_of(entry.find("labels"));
    options.zero_division = zero_division_of(entry);
    if (const Json* digits = entry.find("digits"))
      options.digits = static_cast<int>(digits->as_int());
    if (const Json* names = entry.find("target_names")) from_json(*names, options.target_names);
    EXPECT_EQ(classification_report(labels_of(arrays.at("true")), labels_of(arrays.at("predicted")),
                                    options),
              entry.at("text").as_string());
  }
}

TEST(ScoresAsScikitLearn, AreaUnderTheRocCurve) {
  const Json file = golden("metrics");
  for (const Json& entry : file.at("roc_auc").as_array()) {
    const Tensor y_true = labels_of(entry.at("true"));
    const Tensor scores = tensor_of(entry.at("scores"), {y_true.numel()}, DType::f64);
    EXPECT_NEAR(roc_auc_score(y_true, scores), entry.at("auc").as_double(), 1e-12);
    EXPECT_NEAR(roc_auc_score(y_true, scores.reshape({y_true.numel(), 1})),
                entry.at("auc").as_double(), 1e-12);
  }
}

TEST(ScoresAsScikitLearn, TopK) {
  const Json file = golden("metrics");
  const Json& entry = file.at("top_k");
  const Tensor y_true = labels_of(entry.at("true"));
  const Tensor scores = tensor_of(entry.at("scores"), {y_true.numel(), 6}, DType::f64);
  for (std::size_t k = 1; k <= entry.at("accuracy").size(); ++k) {
    EXPECT_NEAR(top_k_accuracy_score(y_true, scores, static_cast<std::int64_t>(k)),
                entry.at("accuracy")[k - 1].as_double(), 1e-12)
        << k;
  }
}

}  // namespace
}  // namespace fovea::test
