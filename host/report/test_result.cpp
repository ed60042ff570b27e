#include "host/report/test_result.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fovea/error.h"
#include "fovea/metrics.h"
#include "fovea/preprocessing.h"
#include "host/report/order.h"

namespace fovea::report {
namespace {

/// Labels of i32 (N,) or (N, 1), or of rows with a single one; undefined for other targets.
Tensor labels_of(const Tensor& y, std::int64_t classes) {
  const Shape& shape = y.shape();
  if (y.dtype() == DType::i32 && y.numel() == shape[0]) return y.reshape({shape[0]});
  if (y.dtype() != DType::f32) return {};
  const auto values = y.span<float>();
  const bool zeros_and_ones =
      std::all_of(values.begin(), values.end(), [](float v) { return v == 0 || v == 1; });
  if (classes == 1 && zeros_and_ones && y.numel() == shape[0]) {
    return y.reshape({shape[0]}).to(DType::i32);
  }
  if (classes < 2 || !zeros_and_ones || shape.rank() != 2 || shape[1] != classes) return {};
  return argmax(y, 1);
}

/// Outputs (N, classes) as probabilities: as they are where they are some, else their softmax; of
/// (N, 1), p and its logistic function, as (N, 2).
Tensor probabilities_of(const Tensor& outputs) {
  const std::int64_t rows = outputs.shape()[0];
  const std::int64_t columns = outputs.numel() / rows;
  const std::int64_t classes = std::max<std::int64_t>(columns, 2);
  const Tensor source = outputs.to(DType::f32);
  const float* from = source.data<float>();
  bool logits = false;
  for (std::int64_t n = 0; n < rows && !logits; ++n) {
    const float* row = from + n * columns;
    const double sum = std::accumulate(row, row + columns, 0.0);
    const bool within = std::all_of(row, row + columns, [](float p) { return p >= 0 && p <= 1; });
    logits = !within || (columns > 1 && std::fabs(sum - 1) > 1e-2);
  }
  Tensor result({rows, classes}, DType::f32);
  float* to = result.data<float>();
  for (std::int64_t n = 0; n < rows; ++n, from += columns, to += classes) {
    if (columns == 1) {
      to[1] = logits ? 1 / (1 + std::exp(-from[0])) : from[0];
      to[0] = 1 - to[1];
      continue;
    }
    std::copy(from, from + columns, to);
    if (!logits) continue;
    const float largest = *std::max_element(to, to + classes);
    for (std::int64_t c = 0; c < classes; ++c) to[c] = std::exp(to[c] - largest);
    const float sum = std::accumulate(to, to + classes, 0.0F);
    for (std::int64_t c = 0; c < classes; ++c) to[c] /= sum;
  }
  return result;
}

std::vector<std::string> names_of(const Model& model, const HtmlReportOptions& options,
                                  std::int64_t classes) {
  std::vector<std::string> names = options.class_names;
  if (names.empty()) names = options.test->class_names;
  if (names.empty()) names = model.options().class_names;
  FOVEA_REQUIRE(options.class_names.empty() || std::ssize(names) == classes, invalid_argument,
                "there are ", names.size(), " class names for ", classes, " classes");
  for (auto c = std::ssize(names); c < classes; ++c) names.push_back(std::to_string(c));
  names.resize(static_cast<std::size_t>(classes));
  return names;
}

std::vector<Mistake> mistakes_of(const TestResult& result) {
  std::vector<Mistake> mistakes;
  const std::int64_t classes = result.probabilities.shape()[1];
  for (std::int64_t n = 0; n < result.truth.numel(); ++n) {
    const std::int32_t truth = result.truth.data<std::int32_t>()[n];
    const std::int32_t predicted = result.predicted.data<std::int32_t>()[n];
    if (truth == predicted) continue;
    mistakes.push_back(
        {n, truth, predicted, double{result.probabilities.data<float>()[n * classes + predicted]}});
  }
  std::stable_sort(mistakes.begin(), mistakes.end(), [](const Mistake& a, const Mistake& b) {
    return larger_first(a.probability, b.probability);
  });
  return mistakes;
}

/// Fills in what a classifier made of the data; a reason where it is none.
void classify(TestResult& result, Model& model, const HtmlReportOptions& options) {
  const Shape& output = model.network().outputs()[0].shape;
  if (output.rank() > 1) {
    result.none_because = "the model's output " + output.str() + " is no row of class scores";
    return;
  }
  const Tensor labels = labels_of(result.data.y, output.numel());
  if (!labels.defined()) {
    result.none_because = "the targets are numbers, not classes";
    const std::int64_t rows = result.data.size();
    if (output.numel() == 1 && result.data.y.numel() == rows) {
      result.numbers = model.predict(result.data.x).to(DType::f32).reshape({rows});
    }
    return;
  }
  result.probabilities = probabilities_of(model.predict(result.data.x));
  const std::int64_t classes = result.probabilities.shape()[1];
  for (const std::int32_t label : labels.span<std::int32_t>()) {
    FOVEA_REQUIRE(label >= 0 && label < classes, invalid_argument, "the test set has the label ",
                  label, ", and the model's classes are 0 to ", classes - 1);
  }
  result.class_names = names_of(model, options, classes);
  result.truth = labels;
  result.predicted = predicted_labels(result.probabilities);
  result.mistakes = mistakes_of(result);
}

}  // namespace

TestResult test_model(Model& model, const HtmlReportOptions& options) {
  TestResult result;
  if (!options.test) {
    result.none_because = "no test set was given";
    return result;
  }
  options.test->check();
  result.data = options.test->slice(0, std::min(options.test->size(), options.max_test_samples));
  if (model.network().inputs().size() != 1 || model.network().outputs().size() != 1) {
    result.none_because = "the model has several inputs or outputs";
    return result;
  }
  classify(result, model, options);
  if (model.compiled()) {
    result.metrics = model.evaluate(result.data);
  }
  if (result.classified() && find_log(result.metrics, "accuracy") == nullptr) {
    result.metrics.emplace_back("accuracy", accuracy_score(result.truth, result.predicted));
  }
  return result;
}

}  // namespace fovea::report
