// Splits with scikit-learn's and Keras's indices: the order in which random numbers are drawn, and
// how fractions are rounded, are theirs.
#include "fovea/split.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

#include "host/data/numpy_random.h"

namespace fovea {
namespace {

using Indices = std::vector<std::int64_t>;

Indices ascending(std::int64_t count) {
  Indices indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

/// Elements [first, last).
Indices part(const Indices& indices, std::int64_t first, std::int64_t last) {
  return {indices.begin() + first, indices.begin() + last};
}

Indices at(const Indices& indices, const Indices& places) {
  Indices taken;
  for (const std::int64_t place : places) taken.push_back(indices[static_cast<std::size_t>(place)]);
  return taken;
}

/// The fraction of `count`, rounded up; both parts must get samples.
std::int64_t test_count(std::int64_t count, double fraction, const char* name) {
  FOVEA_REQUIRE(fraction > 0 && fraction < 1, invalid_argument, "a split: ", name, " is ", fraction,
                ", which is not between 0 and 1; .2 takes a fifth of the samples");
  const auto taken = static_cast<std::int64_t>(std::ceil(fraction * static_cast<double>(count)));
  FOVEA_REQUIRE(taken > 0 && taken < count, invalid_argument, "a split: ", name, " is ", fraction,
                ", so that of ", count,
                " samples none are left to train on; use more samples or another fraction");
  return taken;
}

/// The samples of each class in order, classes in the order of their labels.
std::vector<Indices> samples_by_class(std::span<const std::int32_t> labels) {
  std::map<std::int32_t, Indices> classes;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    classes[labels[i]].push_back(static_cast<std::int64_t>(i));
  }
  std::vector<Indices> samples;
  samples.reserve(classes.size());
  for (auto& [label, members] : classes) samples.push_back(std::move(members));
  return samples;
}

/// How many of `draws` samples come from each class, as even as whole numbers allow: the shares
/// rounded down, then one more for the largest remainders, ties broken at random.
Indices shares(const Indices& class_sizes, std::int64_t draws, data::NumpyRandom& random) {
  const auto total =
      static_cast<double>(std::accumulate(class_sizes.begin(), class_sizes.end(), std::int64_t{0}));
  Indices counts;
  std::map<double, Indices, std::greater<>> by_remainder;  // classes, the largest remainder first
  for (std::size_t c = 0; c < class_sizes.size(); ++c) {
    const double exact = static_cast<double>(class_sizes[c]) / total * static_cast<double>(draws);
    counts.push_back(static_cast<std::int64_t>(std::floor(exact)));
    by_remainder[exact - std::floor(exact)].push_back(static_cast<std::int64_t>(c));
  }
  std::int64_t missing = draws - std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  for (const auto& [remainder, classes] : by_remainder) {
    if (missing == 0) break;
    const auto tied = static_cast<std::int64_t>(classes.size());
    const std::int64_t added = std::min(tied, missing);
    for (const std::int64_t c : at(classes, part(random.permutation(tied), 0, added))) {
      ++counts[static_cast<std::size_t>(c)];
    }
    missing -= added;
  }
  return counts;
}

void check_stratification(std::int64_t count, std::int64_t test, const SplitOptions& options,
                          std::span<const std::int32_t> labels,
                          const std::vector<Indices>& classes) {
  FOVEA_REQUIRE(options.shuffle, invalid_argument,
                "a stratified split needs shuffle: the last samples are whatever they are");
  FOVEA_REQUIRE(static_cast<std::int64_t>(labels.size()) == count, invalid_argument,
                "a stratified split of ", count, " samples needs as many labels, not ",
                labels.size());
  for (const Indices& members : classes) {
    FOVEA_REQUIRE(members.size() > 1, invalid_argument,
                  "a stratified split needs at least 2 samples of each class; class ",
                  labels[static_cast<std::size_t>(members[0])], " has one (sample ", members[0],
                  ")");
  }
  const auto least = static_cast<std::int64_t>(classes.size());
  FOVEA_REQUIRE(test >= least && count - test >= least, invalid_argument, "a stratified split of ",
                count, " samples into ", count - test, " and ", test, " cannot give each of ",
                least, " classes to both parts; use more samples or another fraction");
}

/// A split with a test part of `test` samples.
SplitIndices split_off(std::int64_t count, std::int64_t test, const SplitOptions& options,
                       std::span<const std::int32_t> labels) {
  const std::int64_t train = count - test;
  if (!options.shuffle && !options.stratify) {
    return {part(ascending(count), 0, train), part(ascending(count), train, count)};
  }
  data::NumpyRandom random(options.seed);
  if (!options.stratify) {
    const Indices order = random.permutation(count);
    return {part(order, test, count), part(order, 0, test)};
  }
  const std::vector<Indices> classes = samples_by_class(labels);
  check_stratification(count, test, options, labels, classes);
  Indices sizes;
  for (const Indices& members : classes) sizes.push_back(std::ssize(members));
  const Indices train_counts = shares(sizes, train, random);
  for (std::size_t c = 0; c < classes.size(); ++c) sizes[c] -= train_counts[c];
  const Indices test_counts = shares(sizes, test, random);
  SplitIndices split;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const Indices members = at(classes[c], random.permutation(std::ssize(classes[c])));
    const auto middle = members.begin() + train_counts[c];
    split.train.insert(split.train.end(), members.begin(), middle);
    split.test.insert(split.test.end(), middle, middle + test_counts[c]);
  }
  random.shuffle(split.train);
  random.shuffle(split.test);
  return split;
}

/// The labels to stratify by, where that is asked for.
std::span<const std::int32_t> labels_of(const Dataset& data, bool stratify) {
  if (!stratify) return {};
  FOVEA_REQUIRE(data.y.dtype() == DType::i32, invalid_argument, "data set \"", data.name, "\" has ",
                dtype_name(data.y.dtype()), " targets, but a stratified split needs i32 labels");
  return data.y.span<std::int32_t>();
}

Dataset named_part(const Dataset& data, const Indices& indices, const char* name) {
  Dataset taken = take_rows(data, indices);
  if (!data.name.empty()) taken.name += std::string(" ") + name;
  return taken;
}

void check_folds(std::int64_t count, const KFoldOptions& options) {
  FOVEA_REQUIRE(options.folds >= 2 && options.folds <= count, invalid_argument, options.folds,
                " folds of ", count,
                " samples: there must be 2 at least, and no more than samples");
}

/// Training and test samples of each fold, from the fold in which each sample is tested.
std::vector<SplitIndices> folds_of(const Indices& test_fold, std::int64_t folds) {
  std::vector<SplitIndices> splits(static_cast<std::size_t>(folds));
  for (std::int64_t fold = 0; fold < folds; ++fold) {
    SplitIndices& split = splits[static_cast<std::size_t>(fold)];
    for (std::size_t i = 0; i < test_fold.size(); ++i) {
      (test_fold[i] == fold ? split.test : split.train).push_back(static_cast<std::int64_t>(i));
    }
  }
  return splits;
}

}  // namespace

Tensor take_rows(const Tensor& tensor, std::span<const std::int64_t> indices) {
  FOVEA_REQUIRE(tensor.defined() && tensor.shape().rank() > 0, invalid_argument,
                "rows can be taken of a tensor with at least one axis only");
  const std::int64_t rows = tensor.shape()[0];
  const std::size_t row_bytes =
      static_cast<std::size_t>(tensor.shape().drop_front().numel()) * dtype_size(tensor.dtype());
  Shape shape = tensor.shape();
  shape.set(0, static_cast<std::int64_t>(indices.size()));
  Tensor taken(shape, tensor.dtype());
  const auto* source = static_cast<const std::byte*>(tensor.raw());
  auto* target = static_cast<std::byte*>(taken.mutable_raw());
  for (const std::int64_t index : indices) {
    FOVEA_REQUIRE(index >= 0 && index < rows, invalid_argument, "row ", index,
                  " is out of range: there are ", rows, ", counted from 0");
    std::memcpy(target, source + static_cast<std::size_t>(index) * row_bytes, row_bytes);
    target += row_bytes;
  }
  return taken;
}

Dataset take_rows(const Dataset& data, std::span<const std::int64_t> indices) {
  Dataset taken = data;
  taken.x = take_rows(data.x, indices);
  taken.y = take_rows(data.y, indices);
  return taken;
}

SplitIndices train_test_indices(std::int64_t count, const SplitOptions& options,
                                std::span<const std::int32_t> labels) {
  return split_off(count, test_count(count, options.test_fraction, "test_fraction"), options,
                   labels);
}

TrainTest train_test_split(const Dataset& data, const SplitOptions& options) {
  data.check();
  const SplitIndices split =
      train_test_indices(data.size(), options, labels_of(data, options.stratify));
  return {named_part(data, split.train, "train"), named_part(data, split.test, "test")};
}

TrainValidationTest train_validation_test_split(const Dataset& data,
                                                const ThreeWaySplitOptions& options) {
  data.check();
  const std::int64_t count = data.size();
  const std::int64_t test = test_count(count, options.test_fraction, "test_fraction");
  const std::int64_t held_out =
      test + test_count(count, options.validation_fraction, "validation_fraction");
  FOVEA_REQUIRE(held_out < count, invalid_argument, "a split of ", count,
                " samples: validation_fraction ", options.validation_fraction,
                " and test_fraction ", options.test_fraction,
                " together leave none to train on; use smaller ones");
  const SplitOptions parts = {.seed = options.seed, .stratify = options.stratify};
  const SplitIndices first = split_off(count, held_out, parts, labels_of(data, options.stratify));
  const Dataset rest = take_rows(data, first.test);
  const SplitIndices second = split_off(held_out, test, parts, labels_of(rest, options.stratify));
  return {named_part(data, first.train, "train"), named_part(rest, second.train, "validation"),
          named_part(rest, second.test, "test")};
}

TrainTest keras_split(const Dataset& data, double test_fraction, std::uint32_t seed) {
  data.check();
  const std::int64_t count = data.size();
  FOVEA_REQUIRE(test_fraction > 0 && test_fraction < 1, invalid_argument,
                "a split: test_fraction is ", test_fraction, ", which is not between 0 and 1");
  const std::int64_t train = validation_split_at(count, test_fraction);
  const Indices order = data::NumpyRandom(seed).permutation(count);
  return {named_part(data, part(order, 0, train), "train"),
          named_part(data, part(order, train, count), "test")};
}

std::vector<SplitIndices> k_fold(std::int64_t count, const KFoldOptions& options) {
  check_folds(count, options);
  const Indices order =
      options.shuffle ? data::NumpyRandom(options.seed).permutation(count) : ascending(count);
  Indices test_fold(order.size());
  auto next = order.begin();
  for (std::int64_t fold = 0; fold < options.folds; ++fold) {
    // The first folds are one larger where the samples do not divide.
    const std::int64_t size = count / options.folds + (fold < count % options.folds ? 1 : 0);
    for (const auto end = next + size; next != end; ++next) {
      test_fold[static_cast<std::size_t>(*next)] = fold;
    }
  }
  return folds_of(test_fold, options.folds);
}

std::vector<SplitIndices> stratified_k_fold(std::span<const std::int32_t> labels,
                                            const KFoldOptions& options) {
  check_folds(std::ssize(labels), options);
  std::vector<Indices> classes = samples_by_class(labels);
  // Classes count in the order of their first samples, so that their names play no part.
  std::sort(classes.begin(), classes.end());
  const bool enough = std::any_of(classes.begin(), classes.end(), [&](const Indices& members) {
    return std::ssize(members) >= options.folds;
  });
  FOVEA_REQUIRE(enough, invalid_argument, options.folds,
                " stratified folds need a class with as many samples; use fewer folds");
  data::NumpyRandom random(options.seed);
  Indices test_fold(labels.size());
  std::int64_t dealt = 0;  // samples of the classes so far, dealt to the folds like cards
  for (const Indices& members : classes) {
    Indices folds;
    for (std::int64_t i = 0; i < std::ssize(members); ++i) {
      folds.push_back((dealt + i) % options.folds);
    }
    dealt += std::ssize(members);
    std::sort(folds.begin(), folds.end());
    if (options.shuffle) random.shuffle(folds);
    for (std::size_t i = 0; i < members.size(); ++i) {
      test_fold[static_cast<std::size_t>(members[i])] = folds[i];
    }
  }
  return folds_of(test_fold, options.folds);
}

}  // namespace fovea
