// TestResult: what a model makes of a test set.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fovea/report.h"

namespace fovea::report {

/// A sample that was classified wrongly.
struct Mistake {
  std::int64_t sample = 0;  ///< its row in the data
  std::int32_t truth = 0;
  std::int32_t predicted = 0;
  double probability = 0;  ///< of the class that was predicted
};

struct TestResult {
  /// Why there is no more to tell; then all else is empty, but perhaps `metrics`.
  std::string none_because{};
  Dataset data{};                          ///< the samples that were looked at
  Logs metrics{};                          ///< of Model::evaluate, or accuracy alone
  std::vector<std::string> class_names{};  ///< one per label
  Tensor truth{};                          ///< i32 (N,)
  Tensor predicted{};                      ///< i32 (N,)
  Tensor probabilities{};                  ///< f32 (N, classes)
  Tensor numbers{};  ///< f32 (N,): what was predicted where data.y are as many numbers
  std::vector<Mistake> mistakes{};  ///< the most confident first

  bool classified() const { return truth.defined(); }
};

/// Predicts the first `max_test_samples` of the options' test set. Models with several inputs or
/// outputs and targets that are no classes have a reason instead. Throws shape_mismatch where data
/// and model do not fit, and for data of which Dataset::check throws.
TestResult test_model(Model& model, const HtmlReportOptions& options);

}  // namespace fovea::report
