// Training and evaluation with weights of samples and classes, against Keras's.
#include <gtest/gtest.h>

#include "fovea/layers.h"
#include "fovea/model.h"
#include "tests/golden/golden.h"

namespace fovea::test {
namespace {

constexpr std::int64_t kSamples = 44;
constexpr std::int64_t kFeatures = 5;
constexpr std::int64_t kClasses = 3;

/// What tests/golden/generate_weights.py trains on.
struct Problem {
  Json file = golden("sample_weights");
  Tensor x = tensor_of(file.at("x"), {kSamples, kFeatures});
  Tensor labels = tensor_of(file.at("labels"), {kSamples}, DType::i32);
  Tensor weights = tensor_of(file.at("weights"), {kSamples});
  Tensor kernel = tensor_of(file.at("kernel"), {kFeatures, kClasses});

  Tensor one_hot() const {
    Tensor rows = Tensor::zeros({kSamples, kClasses});
    for (std::int64_t n = 0; n < kSamples; ++n) {
      rows.data<float>()[n * kClasses + labels.data<std::int32_t>()[n]] = 1;
    }
    return rows;
  }
  /// The options of a run such as "class_split".
  FitOptions options(const std::string& run) const {
    FitOptions options;
    options.epochs = 3;
    options.batch_size = 16;
    options.shuffle = false;
    options.verbose = 0;
    if (run.starts_with("sample") || run == "validation") options.sample_weight = weights;
    if (run.starts_with("class")) options.class_weight = {{0, 0.25}, {2, 3}};
    if (run.ends_with("split")) options.validation_split = 0.25;
    if (run == "validation") {
      options.validation_data = Dataset{x.slice(0, 10), labels.slice(0, 10)};
      options.validation_sample_weight = weights.slice(0, 10);
    }
    return options;
  }
};

Model make_model(const Problem& problem, bool sparse) {
  ModelOptions options;
  options.device = "cpu";
  Model model(Sequential{Input({kFeatures}), Dense(kClasses, {.activation = "softmax"})}, options);
  model.set_weight("dense.weight", problem.kernel);
  CompileOptions compile;
  compile.optimizer = Sgd(0.1);
  compile.loss = sparse ? "sparse_categorical_crossentropy" : "categorical_crossentropy";
  compile.metrics = {"accuracy"};
  compile.weighted_metrics = {"accuracy"};
  if (!sparse) compile.weighted_metrics.emplace_back("mse");
  model.compile(compile);
  return model;
}

void expect_history(const History& history, const Json& expected) {
  ASSERT_EQ(history.logs.front().size(), expected.size());
  for (const auto& [name, values] : expected.as_object()) {
    const std::vector<double> got = history.metric(name);
    ASSERT_EQ(got.size(), values.size());
    for (std::size_t e = 0; e < got.size(); ++e) {
      EXPECT_NEAR(got[e], values[e].as_double(), 1e-5 * (1 + got[e])) << name << " in epoch " << e;
    }
  }
}

TEST(SampleWeights, TrainAsKeras) {
  const Problem problem;
  const std::string kSparse = "sparse_";
  for (const auto& [name, expected] : problem.file.at("runs").as_object()) {
    SCOPED_TRACE(name);
    const bool sparse = name.starts_with(kSparse);
    const std::string run = sparse ? name.substr(kSparse.size()) : name;
    Model model = make_model(problem, sparse);
    const Arrays data{{problem.x}, {sparse ? problem.labels : problem.one_hot()}};
    expect_history(model.fit(data, problem.options(run)), expected.at("history"));
    const Tensor trained = model.weight("dense.weight");
    for (std::int64_t i = 0; i < trained.numel(); ++i) {
      EXPECT_NEAR(trained.item(i), expected.at("kernel")[static_cast<std::size_t>(i)].as_double(),
                  1e-5);
    }
    const Logs evaluated =
        model.evaluate(data, {.batch_size = 16, .sample_weight = problem.weights});
    for (const auto& [metric, value] : expected.at("evaluate").as_object()) {
      EXPECT_NEAR(evaluated.at(metric), value.as_double(), 1e-5 * (1 + value.as_double()))
          << metric;
    }
  }
}

TEST(MetricsAsKeras, WeightedOverAnEpochOfBatches) {
  const Json file = golden("metrics");
  for (const auto& [name, json] : file.at("keras").as_object()) {
    SCOPED_TRACE(name);
    const auto samples = static_cast<std::int64_t>(json.at("weights").size());
    const std::int64_t outputs = static_cast<std::int64_t>(json.at("outputs").size()) / samples;
    const bool sparse = name == "sparse";
    ModelOptions options;
    options.device = "cpu";
    Model model(Sequential{Input({outputs}), Flatten()}, options);
    CompileOptions compile;
    compile.loss = json.at("loss").as_string();
    for (const auto& [metric, value] : json.at("weighted").as_object()) {
      compile.weighted_metrics.push_back(metric);
    }
    model.compile(compile);
    const Arrays data{
        {tensor_of(json.at("outputs"), {samples, outputs})},
        {tensor_of(json.at("targets"), sparse ? Shape{samples} : Shape{samples, outputs},
                   sparse ? DType::i32 : DType::f32)}};
    const Tensor weights = tensor_of(json.at("weights"), {samples});
    const Logs logs = model.evaluate(data, {.batch_size = 16, .sample_weight = weights});
    const Logs plain = model.evaluate(data, {.batch_size = 16});  // as with weights of 1
    for (const auto& [metric, value] : json.at("weighted").as_object()) {
      EXPECT_NEAR(logs.at(metric), value.as_double(), 2e-6) << metric;
      EXPECT_NEAR(plain.at(metric), json.at("plain").at(metric).as_double(), 2e-6) << metric;
    }
  }
}

}  // namespace
}  // namespace fovea::test
