// Data sets in memory, the readers that fill them, augmentation, and batches for training.
//
// Everything random here is a pure function of a seed and a position (Philox), so a run can be
// repeated, or resumed in the middle of an epoch, and sees the same samples in the same order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fovea/detail/batch_choices.h"
#include "fovea/detail/picture_steps.h"
#include "fovea/error.h"
#include "fovea/export.h"
#include "fovea/shape.h"
#include "fovea/tensor.h"

namespace fovea {

// ---- Data sets ----

/// Samples and their targets, in memory. Copies and slices share the tensors' memory.
struct FOVEA_API Dataset {
  Tensor x;                                ///< (N, ...) u8 or f32; pictures are (N, H, W, C)
  Tensor y;                                ///< (N,) i32 labels, or (N, ...) f32 targets
  std::vector<std::string> class_names{};  ///< one per label, or empty where they are not known
  std::string name{};                      ///< "cifar10 train" and so on, for messages
  bool synthetic = false;                  ///< made by make_synthetic, not read from a file

  /// Number of samples.
  std::int64_t size() const;
  /// Throws shape_mismatch when x and y differ in rows, invalid_argument for a set that is empty or
  /// has types other than the above, and for a label outside of class_names (or below zero).
  void check() const;
  /// Samples [first, last), sharing memory. Throws invalid_argument when out of range.
  Dataset slice(std::int64_t first, std::int64_t last) const;
  /// The samples before the last `fraction` of them, and that last fraction, both in order: Keras'
  /// validation_split. Throws as `validation_split_at`.
  std::pair<Dataset, Dataset> split(double fraction) const;
};

/// A data set as it is published: one part to train on, one to test on.
struct TrainTest {
  Dataset train;
  Dataset test;
};

/// The first of `count` samples that belongs to the last `fraction`, rounded down as Keras does.
/// Throws invalid_argument unless 0 < fraction < 1 and both parts get at least one sample.
FOVEA_API std::int64_t validation_split_at(std::int64_t count, double fraction);

/// Mean and standard deviation of each channel, on a scale where u8 pixels are divided by 255.
struct ChannelStatistics {
  std::vector<float> mean;    ///< C values
  std::vector<float> stddev;  ///< C values, of the whole population
};
/// Statistics over all axes but the last of u8 or f32 data (N, ..., C): what a normalisation of
/// pictures subtracts and divides by. Of u8 they are the same bits on every device. Throws
/// invalid_argument for another type or an empty tensor; for `device`, what open_device throws, and
/// out_of_memory where the data, which are copied there, do not fit.
FOVEA_API ChannelStatistics channel_statistics(const Tensor& x, const std::string& device = "cpu");

/// How many samples each class has, from class 0 to the largest label. Throws shape_mismatch unless
/// labels are i32 (N,), invalid_argument for none and for a label outside of 0 to 2^24 - 1; for
/// `device`, as channel_statistics.
FOVEA_API std::vector<std::int64_t> class_counts(const Tensor& labels,
                                                 const std::string& device = "cpu");
/// For FitOptions::class_weight: samples / (classes * samples of the class), for the classes that
/// occur, so that all of them count alike; scikit-learn's "balanced". Throws as class_counts.
FOVEA_API std::map<int, double> balanced_class_weight(const Tensor& labels,
                                                      const std::string& device = "cpu");

// ---- Readers ----

/// CIFAR-10 from the folder of its binary version (data_batch_1.bin to data_batch_5.bin and
/// test_batch.bin, records of one label byte and 3072 bytes of picture, at most 10,000 each):
/// pictures (N, 32, 32, 3) u8, ten class names. The five training files must have equal sizes.
/// Throws io for what is missing or cannot be read, parse for what is truncated, too long or
/// mislabelled; the message names file and record.
/// Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
FOVEA_API TrainTest load_cifar10(const std::filesystem::path& folder);

/// MNIST (or a set in its format, such as Fashion-MNIST) from the folder of its four idx files,
/// train-images-idx3-ubyte and so on, each plain or with .gz: pictures (N, 28, 28, 1) u8.
/// Throws io for what is missing or cannot be read, unsupported for a .gz file in a build without
/// zlib, parse for a wrong magic number, sizes that disagree, and truncated or corrupt files.
/// Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
FOVEA_API TrainTest load_mnist(const std::filesystem::path& folder);

/// Where CIFAR-10 lies: `folder` if given; else $FOVEA_DATA/cifar-10-batches-bin if that exists;
/// else ~/.cache/fovea/cifar-10-batches-bin if that exists; else nothing. A folder that only
/// contains a folder cifar-10-batches-bin stands for the inner one. A given folder is returned even
/// where the files are missing, so that load_cifar10 can say which.
FOVEA_API std::optional<std::filesystem::path> find_cifar10(
    const std::optional<std::filesystem::path>& folder = std::nullopt);

/// What download_cifar10 fetches; the defaults are the official archive and the user's cache.
struct DownloadOptions {
  std::string url = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";
  std::int64_t bytes = 170'052'171;
  std::string sha256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd";
  std::filesystem::path folder{};  ///< empty: ~/.cache/fovea
  int attempts = 5;                ///< how often a broken transfer is taken up again
  double retry_seconds = 2;        ///< pause before the second attempt; doubles each time
  bool show_progress = false;      ///< shows curl's progress bar on stderr
};

/// Fetches CIFAR-10 with the program curl, verifies size and SHA-256, unpacks it with the program
/// tar, and returns the folder cifar-10-batches-bin inside options.folder; returns it at once if it
/// is there already. An interrupted download leaves a .part file, which the next call continues.
/// Throws io, saying what failed and what to do; unsupported where curl or tar is missing.
FOVEA_API std::filesystem::path download_cifar10(const DownloadOptions& options = {});

/// The built-in data set: ten kinds of shapes and patterns, drawn as (N, 32, 32, 3) u8 pictures of
/// random place, size, colours and noise. The same seed gives the same bytes on every machine.
/// Colour and brightness say nothing and place varies, so it takes a convolutional network: with
/// the default counts a linear model stays near 15 % accuracy and a perceptron of two layers of 512
/// near 60 % after 16 epochs, where a CNN of 122,570 parameters passes 98 % in three.
/// Throws invalid_argument for a count below 1.
FOVEA_API TrainTest make_synthetic(std::uint64_t seed = 0, std::int64_t train_count = 16'000,
                                   std::int64_t test_count = 4'000);

// ---- Augmentation ----

/// The random numbers of one transform for one picture: a Philox stream of its own.
class FOVEA_API PictureRandom {
 public:
  PictureRandom(std::uint64_t key, std::uint64_t position) : stream_(key, position) {}
  /// Uniform in [0, 1), a multiple of 2^-24.
  float uniform();
  /// Uniform in [0, count); count is at least 1.
  std::int64_t below(std::int64_t count);

 private:
  detail::PictureStream stream_;
};

/// Writes a changed copy of the picture `source` to `target`. Both have shape (H, W, C), do not
/// overlap, and `target` must be written in full.
using PictureTransform = std::function<void(const std::uint8_t* source, std::uint8_t* target,
                                            const Shape& shape, PictureRandom& random)>;

/// What lies around a picture: zeros, the picture mirrored about its border pixels (which Keras's
/// "reflect" repeats), or the nearest of them.
enum class BorderFill { zeros, reflect, nearest };

/// Random changes of u8 pictures, one after the other:
///   Augmentation().random_flip().pad_and_crop(4)
/// What happens to a picture depends only on the seed, the epoch, its position in the epoch and the
/// transform's place in this list. A new kind of augmentation is one more call of `add`.
class FOVEA_API Augmentation {
 public:
  /// Mirrors left and right, with this probability.
  Augmentation& random_flip(double probability = 0.5);
  /// Mirrors top and bottom, with this probability.
  Augmentation& random_vertical_flip(double probability = 0.5);
  /// Pads all four sides by `pixels`, then cuts out the old size at a random place.
  /// Source: He et al., "Deep Residual Learning for Image Recognition" (2015), section 4.2.
  Augmentation& pad_and_crop(std::int64_t pixels, BorderFill fill = BorderFill::zeros);
  /// Overwrites a square of size x size pixels around a random pixel; what lies outside the picture
  /// is cut off. Source: DeVries, Taylor, "Improved Regularization of CNNs with Cutout" (2017).
  Augmentation& cutout(std::int64_t size, std::uint8_t fill = 0);
  /// Adds to all bytes of a picture a number between -amount and amount times 255; 0 to 1.
  Augmentation& random_brightness(double amount);
  /// Multiplies each byte's distance from its channel's mean by 1 - amount to 1 + amount; 0 to 1.
  Augmentation& random_contrast(double amount);
  /// Multiplies each byte's distance from its pixel's grey (luma of ITU-R BT.601) by 1 - amount to
  /// 1 + amount; 0 to 1. For pictures of three channels: red, green, blue.
  Augmentation& random_saturation(double amount);
  /// Makes all three channels grey, with this probability.
  Augmentation& random_grayscale(double probability = 0.1);
  /// Turns the picture about its centre by up to so many whole turns to either side, as Keras's
  /// RandomRotation: 0.1 is 36 degrees.
  Augmentation& random_rotation(double turns, BorderFill fill = BorderFill::reflect);
  /// Shrinks or enlarges the picture about its centre: it takes in 1 - amount to 1 + amount of its
  /// height and width; 0 to 0.95.
  Augmentation& random_zoom(double amount, BorderFill fill = BorderFill::reflect);
  /// Moves the picture by up to these parts of its height and width, 0 to 1, in any direction and
  /// by fractions of a pixel.
  Augmentation& random_translation(double height, double width,
                                   BorderFill fill = BorderFill::reflect);
  /// Cuts out a part of smallest_area (0.01 to 1) to 1 of the area, at a random place, whose height
  /// and width (as parts of the picture's) differ by a factor of up to `stretch`, and enlarges it
  /// to the old size. Source: Szegedy et al., "Going Deeper with Convolutions" (2015), section 6.
  Augmentation& random_crop_and_resize(double smallest_area = 0.08, double stretch = 4.0 / 3);
  // These four take pixels from between four others, weighted (bilinear interpolation).

  /// Any of the above as numbers.
  Augmentation& add(const PictureStep& step);
  /// Any other transform; `name` appears in str(). It may be called from another thread, and runs
  /// on the CPU on all devices.
  Augmentation& add(std::string name, PictureTransform transform);

  bool empty() const { return steps_.empty(); }
  /// The steps as numbers; nothing where one of them is a transform of the program's own.
  std::optional<std::vector<PictureStep>> built_in_steps() const;
  /// "random_flip(0.5), pad_and_crop(4, zeros)"; "none" when empty.
  std::string str() const;

  /// Throws invalid_argument unless `pictures` are (N, H, W, C) u8 and large enough for the steps.
  void check(const Tensor& pictures) const;
  /// Augments one picture of `shape` (H, W, C) from `source` to `target`; `scratch` is another
  /// picture's worth of bytes. None of the three overlap. Never allocates.
  void apply(const std::uint8_t* source, std::uint8_t* target, std::uint8_t* scratch,
             const Shape& shape, std::uint64_t seed, std::int64_t epoch,
             std::int64_t position) const;

 private:
  struct Step {
    std::string name;
    PictureTransform transform;
    std::optional<PictureStep> built_in = std::nullopt;
    std::int64_t min_size = 1;    // the smallest height and width it works on
    bool three_channels = false;  // whether it takes no others
  };
  std::vector<Step> steps_;
};

// ---- Batches ----

struct BatchOptions {
  std::int64_t batch_size = 32;
  bool shuffle = true;
  std::uint64_t seed = 0;       ///< of the order and of the augmentation
  Augmentation augmentation{};  ///< applied to the first input
  bool prefetch = true;         ///< prepare the next batches in a thread
};

/// Some samples, row i of every tensor belonging together.
struct Batch {
  std::vector<Tensor> inputs;   ///< each (count, ...)
  std::vector<Tensor> targets;  ///< each (count, ...)
  std::int64_t count = 0;       ///< samples; fewer than batch_size in the last batch of some epochs
  std::int64_t index = 0;       ///< of the batch within its epoch
};

/// Gives out the samples of a data set batch by batch, every sample once per epoch.
///   BatchLoader loader({x}, {y}, {.batch_size = 32});
///   loader.start_epoch(0);
///   while (const Batch* batch = loader.next()) ...
/// The order of an epoch depends only on seed, epoch and number of samples, so a run resumed with
/// start_epoch(epoch, first_batch) sees exactly the batches that were still to come. Batches are
/// prepared in preallocated memory; where nothing is shuffled or augmented they are views of the
/// data. For use by one thread at a time.
class FOVEA_API BatchLoader {
 public:
  /// All tensors share their first axis, the samples; there may be no targets. Throws
  /// invalid_argument for no inputs, no samples, a batch size below 1, or pictures that cannot be
  /// augmented, and shape_mismatch for tensors that differ in rows.
  BatchLoader(std::vector<Tensor> inputs, std::vector<Tensor> targets, BatchOptions options = {});
  /// Batches of one input and one target; throws as Dataset::check, too.
  explicit BatchLoader(const Dataset& data, BatchOptions options = {});
  ~BatchLoader();
  BatchLoader(BatchLoader&&) noexcept;
  BatchLoader& operator=(BatchLoader&&) noexcept;

  /// Throws what the constructor throws.
  static void check(const std::vector<Tensor>& inputs, const std::vector<Tensor>& targets,
                    const BatchOptions& options);

  std::int64_t size() const;
  /// Counts a short last batch.
  std::int64_t batches_per_epoch() const;

  /// Begins an epoch at one of its batches, leaving an unfinished one. `first_batch` may be
  /// batches_per_epoch(): then there are none left. Throws invalid_argument beyond that.
  void start_epoch(std::int64_t epoch, std::int64_t first_batch = 0);
  /// The next batch of the epoch, valid until the following call of next or start_epoch; null after
  /// the last. Throws what a transform threw while the batch was made. Allocates nothing.
  const Batch* next();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fovea
