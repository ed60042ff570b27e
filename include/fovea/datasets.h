// Readers of further published data sets, and made-up tables: see fovea/data.h for CIFAR-10, MNIST
// and the built-in pictures.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "fovea/data.h"
#include "fovea/export.h"
#include "fovea/image.h"
#include "fovea/table.h"

namespace fovea {

/// Which of CIFAR-100's two labels per picture are given: one of 100 classes, or of 20 groups.
enum class Cifar100Labels { fine, coarse };

/// CIFAR-100 from the folder of its binary version (train.bin and test.bin, records of a coarse and
/// a fine label byte and 3072 bytes of picture, at most 50,000 each): pictures (N, 32, 32, 3) u8.
/// Class names come from fine_label_names.txt or coarse_label_names.txt, where that is there.
/// Throws io for what is missing or cannot be read, parse for what is truncated, too long or
/// mislabelled; the message names file and record.
/// Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
FOVEA_API TrainTest load_cifar100(const std::filesystem::path& folder,
                                  Cifar100Labels labels = Cifar100Labels::fine);

/// Fashion-MNIST: load_mnist with the names of its ten classes. Throws the same.
/// Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
/// Machine Learning Algorithms", 2017.
FOVEA_API TrainTest load_fashion_mnist(const std::filesystem::path& folder);

/// The Boston housing prices: 13 features f32 (N, 13), the median price in 1000 dollars f32 (N, 1).
/// A file whose name ends in .csv (or .csv.gz) is a CSV file with a column medv in any case; any
/// other is StatLib's text, 22 lines of description and then two lines per row. keras_split gives
/// Keras's parts. Throws as read_csv, and parse, naming file and line, for rows without 14 numbers.
/// Source: D. Harrison, D. Rubinfeld, "Hedonic prices and the demand for clean air", 1978.
FOVEA_API Dataset load_boston_housing(const std::filesystem::path& path);

/// Fisher's iris: 4 measures f32 (N, 4), the three species as labels, from a CSV file with or
/// without a header whose last column is the species. Throws as read_csv and classification_data.
/// Source: R. Fisher, "The use of multiple measurements in taxonomic problems", 1936.
FOVEA_API Dataset load_iris(const std::filesystem::path& path);

/// The wine quality tables, red above white, with a further text column `type`: "red" or "white".
/// Throws as read_csv and concatenate.
/// Source: P. Cortez et al., "Modeling wine preferences by data mining from physicochemical
/// properties", 2009.
FOVEA_API Table load_wine_quality(const std::filesystem::path& red,
                                  const std::filesystem::path& white);

struct ImageFolderOptions {
  Size2 size = 256;  ///< all pictures are resized to this
  ImageColor color = ImageColor::rgb;
  ResizeOptions resize{};
};

/// Pictures in one folder per class, as Keras's image_dataset_from_directory reads them: the
/// folders of `folder`, sorted by name, are the labels 0, 1, …, the names their class names; in
/// them and the folders below, every .jpg, .jpeg and .png file is a sample, in the order of the
/// paths; other files, and hidden ones, are not looked at. Pictures are u8 (N, H, W, 1 or 3).
/// Throws io for a folder that is not there, has no folders, or one without pictures; as read_image
/// for a file that is not what its name says.
FOVEA_API Dataset load_image_folder(const std::filesystem::path& folder,
                                    const ImageFolderOptions& options = {});

/// scikit-learn's make_classification, with its defaults.
struct ClassificationOptions {
  std::int64_t n_samples = 100;
  std::int64_t n_features = 20;    ///< what is left of the next three is noise
  std::int64_t n_informative = 2;  ///< in which the classes differ
  std::int64_t n_redundant = 2;    ///< weighted sums of the informative ones
  std::int64_t n_repeated = 0;     ///< copies of others
  std::int64_t n_classes = 2;
  std::int64_t n_clusters_per_class = 2;
  /// The share of each class, of which the last may be left out; empty: all the same.
  std::vector<double> weights{};
  double flip_y = 0.01;               ///< fraction of labels that are drawn anew
  double class_sep = 1.0;             ///< how far apart the clusters are
  bool hypercube = true;              ///< clusters at a cube's corners, or at a random polytope's
  std::optional<double> shift = 0.0;  ///< added to all features; nothing: random for each
  std::optional<double> scale = 1.0;  ///< multiplies them; nothing: random for each, 1 to 101
  bool shuffle = true;                ///< samples and features
  std::uint32_t seed = 0;             ///< scikit-learn's random_state
};

/// A made-up data set to classify: clusters of normally distributed points, x f32 (n_samples,
/// n_features), i32 labels. The numbers are scikit-learn's for the same random_state, rounded to
/// f32. Throws invalid_argument for counts below 1 (of features of each kind: below 0), too many
/// informative, redundant and repeated features, more clusters than the informative ones have
/// corners, and weights that do not fit the classes.
/// Source: I. Guyon, "Design of experiments for the NIPS 2003 variable selection benchmark", 2003.
FOVEA_API Dataset make_classification(const ClassificationOptions& options = {});

}  // namespace fovea
