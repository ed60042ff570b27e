// make_classification: scikit-learn's algorithm, drawing the same random numbers in the same order.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "fovea/datasets.h"
#include "fovea/split.h"
#include "host/data/numpy_random.h"

namespace fovea {
namespace {

using Options = ClassificationOptions;
using Row = std::vector<double>;
using Matrix = std::vector<Row>;

Row uniform_row(std::int64_t count, data::NumpyRandom& random) {
  Row row(static_cast<std::size_t>(count));
  for (double& value : row) value = random.uniform();
  return row;
}

/// rows x columns numbers, uniform in [-1, 1).
Matrix symmetric_matrix(std::int64_t rows, std::int64_t columns, data::NumpyRandom& random) {
  Matrix matrix;
  for (std::int64_t i = 0; i < rows; ++i) {
    matrix.push_back(uniform_row(columns, random));
    for (double& value : matrix.back()) value = 2 * value - 1;
  }
  return matrix;
}

/// The first matrix.size() elements of `row` times `matrix`.
Row product(const Row& row, const Matrix& matrix) {
  Row result(matrix.empty() ? 0 : matrix[0].size());
  for (std::size_t k = 0; k < matrix.size(); ++k) {
    for (std::size_t j = 0; j < result.size(); ++j) result[j] += row[k] * matrix[k][j];
  }
  return result;
}

void check(const Options& o) {
  const auto at_least = [](std::int64_t value, std::int64_t least, const char* name) {
    FOVEA_REQUIRE(value >= least, invalid_argument, "make_classification: ", name, " is ", value,
                  "; it must be at least ", least);
  };
  at_least(o.n_samples, 1, "n_samples");
  at_least(o.n_features, 1, "n_features");
  at_least(o.n_informative, 1, "n_informative");
  at_least(o.n_redundant, 0, "n_redundant");
  at_least(o.n_repeated, 0, "n_repeated");
  at_least(o.n_classes, 1, "n_classes");
  at_least(o.n_clusters_per_class, 1, "n_clusters_per_class");
  FOVEA_REQUIRE(o.n_informative + o.n_redundant + o.n_repeated <= o.n_features, invalid_argument,
                "make_classification: ", o.n_informative, " informative, ", o.n_redundant,
                " redundant and ", o.n_repeated, " repeated features are more than n_features, ",
                o.n_features);
  FOVEA_REQUIRE(static_cast<double>(o.n_informative) >=
                    std::log2(static_cast<double>(o.n_classes * o.n_clusters_per_class)),
                invalid_argument, "make_classification: ", o.n_classes, " classes of ",
                o.n_clusters_per_class, " clusters need more than the 2^", o.n_informative,
                " corners that the informative features have; raise n_informative");
  FOVEA_REQUIRE(o.flip_y >= 0 && o.flip_y <= 1, invalid_argument, "make_classification: flip_y is ",
                o.flip_y, "; it is a fraction, 0 to 1");
  const std::int64_t weights = std::ssize(o.weights);
  FOVEA_REQUIRE(weights == 0 || weights == o.n_classes || weights == o.n_classes - 1,
                invalid_argument, "make_classification: ", weights, " weights do not fit ",
                o.n_classes, " classes");
  const bool fractions = std::all_of(o.weights.begin(), o.weights.end(),
                                     [](double weight) { return weight >= 0 && weight <= 1; });
  FOVEA_REQUIRE(fractions && std::accumulate(o.weights.begin(), o.weights.end(), 0.0) < 1 + 1e-9,
                invalid_argument,
                "make_classification: weights are shares of the samples: each 0 to 1, their sum "
                "at most 1");
}

/// Samples per cluster: the classes' shares rounded down, the first clusters with one more each.
std::vector<std::int64_t> cluster_sizes(const Options& o) {
  std::vector<double> weights = o.weights;
  if (weights.empty()) {
    weights.assign(static_cast<std::size_t>(o.n_classes), 1.0 / static_cast<double>(o.n_classes));
  } else if (std::ssize(weights) < o.n_classes) {
    weights.push_back(1.0 - std::accumulate(weights.begin(), weights.end(), 0.0));
  }
  std::vector<std::int64_t> sizes;
  std::int64_t left = o.n_samples;
  for (std::int64_t k = 0; k < o.n_classes * o.n_clusters_per_class; ++k) {
    const double weight = weights[static_cast<std::size_t>(k % o.n_classes)];
    sizes.push_back(static_cast<std::int64_t>(static_cast<double>(o.n_samples) * weight /
                                              static_cast<double>(o.n_clusters_per_class)));
    left -= sizes.back();
  }
  for (std::size_t i = 0; left > 0; --left, ++i) ++sizes[i % sizes.size()];
  return sizes;
}

/// Different corners of a cube of side 2 class_sep, one for each cluster.
Matrix centroids(const Options& o, std::int64_t clusters, data::NumpyRandom& random) {
  constexpr std::int64_t kMaxSampled = 30;  // dimensions; those before them are drawn singly
  const std::int64_t single = std::max<std::int64_t>(o.n_informative - kMaxSampled, 0);
  const std::int64_t sampled = o.n_informative - single;
  Matrix corners(static_cast<std::size_t>(clusters));
  for (Row& corner : corners) {
    for (std::int64_t i = 0; i < single; ++i) {
      corner.push_back(static_cast<double>(random.up_to(1)));
    }
  }
  const std::vector<std::int64_t> numbers = random.sample(std::int64_t{1} << sampled, clusters);
  for (std::size_t k = 0; k < corners.size(); ++k) {
    for (std::int64_t bit = sampled; bit-- > 0;) {
      corners[k].push_back(static_cast<double>(numbers[k] >> bit & 1));
    }
    for (double& value : corners[k]) value = value * 2 * o.class_sep - o.class_sep;
  }
  if (o.hypercube) return corners;
  const Row by_cluster = uniform_row(clusters, random);
  const Row by_feature = uniform_row(o.n_informative, random);
  for (std::size_t k = 0; k < corners.size(); ++k) {
    for (std::size_t j = 0; j < corners[k].size(); ++j) corners[k][j] *= by_cluster[k];
    for (std::size_t j = 0; j < corners[k].size(); ++j) corners[k][j] *= by_feature[j];
  }
  return corners;
}

/// Fills the informative features and the labels, cluster by cluster.
void make_clusters(const Options& o, Matrix& x, std::vector<std::int32_t>& y,
                   data::NumpyRandom& random) {
  const std::vector<std::int64_t> sizes = cluster_sizes(o);
  const Matrix centres = centroids(o, std::ssize(sizes), random);
  for (Row& row : x) {
    for (std::int64_t j = 0; j < o.n_informative; ++j) row.push_back(random.normal());
  }
  std::size_t sample = 0;
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    const Matrix covariance = symmetric_matrix(o.n_informative, o.n_informative, random);
    for (const std::size_t end = sample + static_cast<std::size_t>(sizes[k]); sample < end;
         ++sample) {
      y[sample] = static_cast<std::int32_t>(static_cast<std::int64_t>(k) % o.n_classes);
      x[sample] = product(x[sample], covariance);
      for (std::size_t j = 0; j < x[sample].size(); ++j) x[sample][j] += centres[k][j];
    }
  }
}

/// Appends the redundant, the repeated and the random features.
void add_features(const Options& o, Matrix& x, data::NumpyRandom& random) {
  if (o.n_redundant > 0) {
    const Matrix mixture = symmetric_matrix(o.n_informative, o.n_redundant, random);
    for (Row& row : x) {
      const Row sums = product(row, mixture);
      row.insert(row.end(), sums.begin(), sums.end());
    }
  }
  const auto sources = static_cast<double>(o.n_informative + o.n_redundant);
  for (const double place : uniform_row(o.n_repeated, random)) {
    const auto source = static_cast<std::size_t>(std::floor((sources - 1) * place + 0.5));
    for (Row& row : x) row.push_back(row[source]);
  }
  for (Row& row : x) {
    while (std::ssize(row) < o.n_features) row.push_back(random.normal());
  }
}

/// Draws some labels anew; shifts and scales the features.
void disturb(const Options& o, Matrix& x, std::vector<std::int32_t>& y, data::NumpyRandom& random) {
  const Row draws = uniform_row(o.n_samples, random);
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (draws[i] >= o.flip_y) continue;
    y[i] = static_cast<std::int32_t>(random.up_to(static_cast<std::uint64_t>(o.n_classes - 1)));
  }
  const auto width = static_cast<std::size_t>(o.n_features);
  Row shift(width, o.shift.value_or(0));
  Row scale(width, o.scale.value_or(0));
  if (!o.shift) {
    for (double& value : shift) value = (2 * random.uniform() - 1) * o.class_sep;
  }
  if (!o.scale) {
    for (double& value : scale) value = 1 + 100 * random.uniform();
  }
  for (Row& row : x) {
    for (std::size_t j = 0; j < width; ++j) row[j] = (row[j] + shift[j]) * scale[j];
  }
}

}  // namespace

Dataset make_classification(const ClassificationOptions& options) {
  check(options);
  data::NumpyRandom random(options.seed);
  Matrix x(static_cast<std::size_t>(options.n_samples));
  std::vector<std::int32_t> y(x.size());
  make_clusters(options, x, y, random);
  add_features(options, x, random);
  disturb(options, x, y, random);

  std::vector<std::int64_t> samples(x.size());
  std::iota(samples.begin(), samples.end(), 0);
  std::vector<std::size_t> features(static_cast<std::size_t>(options.n_features));
  std::iota(features.begin(), features.end(), 0);
  if (options.shuffle) {
    random.shuffle(samples);
    random.shuffle(features);
  }
  Dataset data;
  data.name = "made-up classification";
  data.synthetic = true;
  data.y = take_rows(Tensor::from<std::int32_t>({options.n_samples}, y), samples);
  data.x = Tensor({options.n_samples, options.n_features}, DType::f32);
  float* value = data.x.data<float>();
  for (const std::int64_t sample : samples) {
    for (const std::size_t feature : features) {
      *value++ = static_cast<float>(x[static_cast<std::size_t>(sample)][feature]);
    }
  }
  return data;
}

}  // namespace fovea
