// Preparation of data: encodings of labels and categories, missing values, scaling. What is fitted
// on one table remembers it, refuses tables it does not fit, and is saved as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fovea/export.h"
#include "fovea/json.h"
#include "fovea/table.h"
#include "fovea/tensor.h"

namespace fovea {

// ---- Labels and classes ----

/// Keras's to_categorical: i32 or u8 labels (...) as f32 (..., classes), one at the label's place
/// and zero elsewhere. `classes` 0: the largest label + 1. Throws invalid_argument for other types,
/// no labels, and one that is negative or not below `classes`.
FOVEA_API Tensor one_hot(const Tensor& labels, std::int64_t classes = 0);

/// Flat index of the largest value, the first of several; a NaN counts as the largest, as in NumPy.
/// Throws invalid_argument for a tensor without elements.
FOVEA_API std::int64_t argmax(const Tensor& values);
/// The same along one axis (negative ones count from the end), which goes: (2, 3) along axis 1 is
/// i32 (2,). Throws invalid_argument for an axis out of range or without elements.
FOVEA_API Tensor argmax(const Tensor& values, int axis);

/// Sorted distinct values: as numbers where all of them are, else as text.
FOVEA_API std::vector<std::string> sorted_classes(const std::vector<std::string>& values);

/// scikit-learn's LabelEncoder: texts as the numbers of their sorted classes, and back.
class FOVEA_API LabelEncoder {
 public:
  /// Throws invalid_argument for no values or a missing (empty) one.
  LabelEncoder& fit(const std::vector<std::string>& values);
  /// Codes, i32 (N,). Throws invalid_argument, naming it, for a value that was not fitted on, and
  /// before fit().
  Tensor transform(const std::vector<std::string>& values) const;
  Tensor fit_transform(const std::vector<std::string>& values);
  /// The texts of i32 (N,) codes. Throws invalid_argument for one that is out of range.
  std::vector<std::string> inverse_transform(const Tensor& codes) const;
  const std::vector<std::string>& classes() const { return classes_; }

  Json to_json() const;
  static LabelEncoder from_json(const Json& json);

 private:
  std::vector<std::string> classes_;
};

/// Replaces a column of text by its codes, and returns the encoder. Throws as LabelEncoder::fit.
FOVEA_API LabelEncoder encode_column(Table& table, const std::string& name);

/// scikit-learn's OneHotEncoder: every column of text as one column of zeros and ones per value.
class FOVEA_API OneHotEncoder {
 public:
  /// Whether transform() encodes a value that was not fitted on as zeros, or throws.
  explicit OneHotEncoder(bool ignore_unknown = false) : ignore_unknown_(ignore_unknown) {}

  /// Throws invalid_argument for a table without rows or columns, or a missing value.
  OneHotEncoder& fit(const Table& table);
  /// f32 (rows, all values of all columns). Throws invalid_argument for a column that was fitted
  /// on and is missing, an unknown value, and before fit(). Further columns are not looked at.
  Tensor transform(const Table& table) const;
  Tensor fit_transform(const Table& table);
  /// "type_red", "type_white": one name per column of the result.
  std::vector<std::string> feature_names() const;

  Json to_json() const;
  static OneHotEncoder from_json(const Json& json);

 private:
  struct Column {
    std::string name;
    std::vector<std::string> classes;
  };
  bool ignore_unknown_;
  std::vector<Column> columns_;
};

/// Columns side by side, as NumPy's hstack: (N, a) and (N, b) f32 give (N, a + b), such as numbers
/// that were scaled beside categories that were encoded. Throws invalid_argument for no tensors or
/// another type than f32, shape_mismatch for other ranks and numbers of rows that differ.
FOVEA_API Tensor join_columns(const std::vector<Tensor>& parts);

// ---- Missing values and scales, column by column ----
//
// fit() and transform() take (N, features) of f32, f64, i32 or u8, and compute in double; results
// are f64 for f64 and f32 for the rest. They throw invalid_argument for other types, no rows, and a
// transform before fit; shape_mismatch for other ranks and another number of features than fitted
// on. from_json throws parse for what to_json did not write.

enum class ImputeStrategy { mean, median, most_frequent, constant };

/// scikit-learn's SimpleImputer: puts the mean, the median, the most frequent value (the smallest
/// of several) or a constant in the place of NaN.
class FOVEA_API Imputer {
 public:
  explicit Imputer(ImputeStrategy strategy = ImputeStrategy::mean, double constant = 0)
      : strategy_(strategy), constant_(constant) {}

  /// Throws also for a column of NaN alone, unless the strategy is a constant.
  Imputer& fit(const Tensor& x);
  Tensor transform(const Tensor& x) const;
  Tensor fit_transform(const Tensor& x);
  /// What replaces NaN in each column.
  const std::vector<double>& statistics() const { return statistics_; }

  Json to_json() const;
  static Imputer from_json(const Json& json);

 private:
  ImputeStrategy strategy_;
  double constant_;
  std::vector<double> statistics_;
};

/// scikit-learn's MinMaxScaler: each column from its smallest and largest value on `min` to `max`;
/// a constant column becomes `min`. Fit it on the training data alone. NaN stays, and does not
/// count.
class FOVEA_API MinMaxScaler {
 public:
  /// Throws invalid_argument unless min < max.
  explicit MinMaxScaler(double min = 0, double max = 1);

  MinMaxScaler& fit(const Tensor& x);
  Tensor transform(const Tensor& x) const;
  Tensor fit_transform(const Tensor& x);
  Tensor inverse_transform(const Tensor& x) const;
  const std::vector<double>& data_min() const { return data_min_; }
  const std::vector<double>& data_max() const { return data_max_; }

  Json to_json() const;
  static MinMaxScaler from_json(const Json& json);

 private:
  std::vector<double> scale() const;  // of each column

  double min_;
  double max_;
  std::vector<double> data_min_;
  std::vector<double> data_max_;
};

/// scikit-learn's StandardScaler: each column minus its mean, divided by its standard deviation (of
/// the whole population); a constant column is not divided. NaN stays, and does not count.
class FOVEA_API StandardScaler {
 public:
  StandardScaler& fit(const Tensor& x);
  Tensor transform(const Tensor& x) const;
  Tensor fit_transform(const Tensor& x);
  Tensor inverse_transform(const Tensor& x) const;
  const std::vector<double>& mean() const { return mean_; }
  /// What columns are divided by: the standard deviation, or 1.
  const std::vector<double>& scale() const { return scale_; }

  Json to_json() const;
  static StandardScaler from_json(const Json& json);

 private:
  std::vector<double> mean_;
  std::vector<double> scale_;
};

}  // namespace fovea
