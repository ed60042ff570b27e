// Scores of predictions over whole arrays, as in sklearn.metrics: its names, defaults and text.
//
//   Tensor predicted = predicted_labels(model.predict(test.x));
//   std::cout << classification_report(test.y, predicted, {.target_names = test.class_names});
//
// Labels are i32 (N,). All functions throw shape_mismatch for arrays that are not so, or differ in
// length, and invalid_argument for empty ones. With a `device` they count or sort there, with the
// very same result; they throw what open_device throws, and out_of_memory where the arrays, which
// are copied there, do not fit. The metrics that a model computes while it trains are in loss.h
// (metric_names).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fovea/export.h"
#include "fovea/tensor.h"

namespace fovea {

/// The classes that a model's outputs mean, i32 (N,): of (N, classes) the first of the largest, of
/// (N, 1) or (N,) 1 where p > threshold, else 0.
FOVEA_API Tensor predicted_labels(const Tensor& outputs, double threshold = 0.5);

/// The share of predictions that are right.
FOVEA_API double accuracy_score(const Tensor& y_true, const Tensor& y_pred);

/// i64 (labels, labels): row i, column j counts the samples of label i that were predicted as j.
/// `labels` chooses and orders them; by default those of both arrays, sorted. Throws
/// invalid_argument for labels of which y_true has none, or a label given twice.
FOVEA_API Tensor confusion_matrix(const Tensor& y_true, const Tensor& y_pred,
                                  const std::vector<std::int32_t>& labels = {},
                                  const std::string& device = "cpu");

struct ScoreOptions {
  /// Of precision_score, recall_score and f1_score: "binary" (of pos_label alone), "micro" (of all
  /// decisions together), "macro" (the mean of the classes), "weighted" (by their support).
  std::string average = "binary";
  std::int32_t pos_label = 1;
  std::vector<std::int32_t> labels = {};  ///< as for confusion_matrix; not for "binary"
  double zero_division = 0;               ///< stands for 0 / 0: 0, 1 or NaN, which averages omit
};

/// Precision, recall and F1 of each class.
struct ClassScores {
  std::vector<std::int32_t> labels;
  std::vector<double> precision;      ///< true positives / predicted positives
  std::vector<double> recall;         ///< true positives / actual positives
  std::vector<double> f1;             ///< 2 precision recall / (precision + recall)
  std::vector<std::int64_t> support;  ///< samples that have the label
};
/// Reads labels and zero_division of the options.
FOVEA_API ClassScores precision_recall_fscore_support(const Tensor& y_true, const Tensor& y_pred,
                                                      const ScoreOptions& options = {});

/// As ClassScores, averaged. Throws invalid_argument for an unknown average, and for "binary" where
/// there are more labels than two, or none is pos_label.
FOVEA_API double precision_score(const Tensor& y_true, const Tensor& y_pred,
                                 const ScoreOptions& options = {});
FOVEA_API double recall_score(const Tensor& y_true, const Tensor& y_pred,
                              const ScoreOptions& options = {});
FOVEA_API double f1_score(const Tensor& y_true, const Tensor& y_pred,
                          const ScoreOptions& options = {});

struct ReportOptions {
  std::vector<std::int32_t> labels = {};       ///< as for confusion_matrix
  std::vector<std::string> target_names = {};  ///< one per label, else the labels' numbers
  int digits = 2;
  double zero_division = 0;  ///< as for ScoreOptions
};
/// A table of every class's scores and their averages, character by character scikit-learn's.
/// Throws invalid_argument where there are not as many names as labels.
FOVEA_API std::string classification_report(const Tensor& y_true, const Tensor& y_pred,
                                            const ReportOptions& options = {});

/// The area under the ROC curve, exact: labels 0 and 1, floating scores (N,) or (N, 1). Throws
/// invalid_argument where one of the labels is missing, or a score is NaN.
FOVEA_API double roc_auc_score(const Tensor& y_true, const Tensor& scores,
                               const std::string& device = "cpu");

/// The share of samples whose label is among the k largest scores (N, classes). Of equal scores the
/// later class comes first, as in scikit-learn. Throws invalid_argument for a label outside the
/// classes or k < 1.
FOVEA_API double top_k_accuracy_score(const Tensor& y_true, const Tensor& scores,
                                      std::int64_t k = 2);

}  // namespace fovea
