// Splits of data into parts to train, validate and test on, with scikit-learn's and Keras's results
// for the same seed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fovea/data.h"
#include "fovea/export.h"
#include "fovea/tensor.h"

namespace fovea {

/// The rows of `tensor` at these indices, copied, in their order. Throws invalid_argument for an
/// index that is out of range.
FOVEA_API Tensor take_rows(const Tensor& tensor, std::span<const std::int64_t> indices);
/// The samples at these indices, copied, in their order. Throws as for a tensor.
FOVEA_API Dataset take_rows(const Dataset& data, std::span<const std::int64_t> indices);

/// Which samples belong to which part, counted from 0.
struct SplitIndices {
  std::vector<std::int64_t> train;
  std::vector<std::int64_t> test;
};

struct SplitOptions {
  double test_fraction = 0.25;  ///< of the samples, rounded up
  std::uint32_t seed = 0;       ///< scikit-learn's random_state
  bool shuffle = true;          ///< false: the last samples are the test part
  bool stratify = false;        ///< each class as often in both parts, for i32 labels
};

/// What scikit-learn's train_test_split(range(count), test_size=test_fraction, random_state=seed,
/// stratify=labels) gives. `labels` are looked at only where options.stratify is set.
/// Throws invalid_argument unless 0 < test_fraction < 1 and both parts get samples; for
/// stratification also where labels lack, a class has one sample, a part has fewer samples than
/// there are classes, or nothing is shuffled.
FOVEA_API SplitIndices train_test_indices(std::int64_t count, const SplitOptions& options = {},
                                          std::span<const std::int32_t> labels = {});
/// The same of a data set's samples, copied; stratified by its labels. The parts are named after
/// it: "iris train", "iris test".
FOVEA_API TrainTest train_test_split(const Dataset& data, const SplitOptions& options = {});

/// A data set in three parts.
struct TrainValidationTest {
  Dataset train;
  Dataset validation;
  Dataset test;
};

struct ThreeWaySplitOptions {
  double validation_fraction = 0.15;  ///< of the samples, rounded up
  double test_fraction = 0.15;        ///< of the samples, rounded up
  std::uint32_t seed = 0;
  bool stratify = false;
};

/// Two splits with the same seed, one after the other: validation and test samples together from
/// those to train on, then one from the other; what two calls of scikit-learn's train_test_split
/// give. Throws as train_test_indices.
FOVEA_API TrainValidationTest train_validation_test_split(const Dataset& data,
                                                          const ThreeWaySplitOptions& options = {});

/// How the data sets of keras.datasets that come in one part, such as boston_housing (seed 113),
/// are split: shuffled by RandomState(seed), the last `test_fraction` to test on (rounded up).
/// Throws invalid_argument unless 0 < test_fraction < 1 and both parts get samples.
FOVEA_API TrainTest keras_split(const Dataset& data, double test_fraction = 0.2,
                                std::uint32_t seed = 113);

struct KFoldOptions {
  std::int64_t folds = 5;
  bool shuffle = false;
  std::uint32_t seed = 0;  ///< of the shuffle
};

/// scikit-learn's KFold: each sample is in the test part of one fold, and in the training part of
/// all others. Indices ascend. Throws invalid_argument unless 2 <= folds <= count.
FOVEA_API std::vector<SplitIndices> k_fold(std::int64_t count, const KFoldOptions& options = {});
/// scikit-learn's StratifiedKFold: as k_fold, each class as often in all folds as possible. Throws
/// also where each class has fewer samples than there are folds.
FOVEA_API std::vector<SplitIndices> stratified_k_fold(std::span<const std::int32_t> labels,
                                                      const KFoldOptions& options = {});

}  // namespace fovea
