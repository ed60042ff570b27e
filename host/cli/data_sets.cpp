#include "host/cli/data_sets.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "fovea/datasets.h"
#include "fovea/models.h"
#include "fovea/names.h"
#include "fovea/preprocessing.h"
#include "fovea/split.h"
#include "fovea/table.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;

/// The part of a table or of a folder without parts that is tested on, and the seed of the choice.
constexpr double kTestFraction = 0.2;
constexpr std::uint32_t kSplitSeed = 42;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// ---- The known sets ----

/// The first of these files that is in the folder, or the folder itself where it is such a file.
fs::path file_of(const fs::path& folder, std::initializer_list<const char*> names) {
  if (!is_folder(folder)) return folder;
  for (const char* name : names) {
    if (is_there(folder / name)) return folder / name;
  }
  return folder / *names.begin();
}

/// The columns of both parts, scaled by what is known of the one to train on.
TrainTest standardized(TrainTest parts) {
  StandardScaler scaler;
  parts.train.x = scaler.fit_transform(parts.train.x);
  parts.test.x = scaler.transform(parts.test.x);
  return parts;
}

TrainTest load_iris_parts(const fs::path& folder) {
  return standardized(train_test_split(load_iris(file_of(folder, {"iris.csv", "iris.data"})),
                                       {.test_fraction = kTestFraction, .seed = kSplitSeed}));
}

TrainTest load_boston_parts(const fs::path& folder) {
  const fs::path file =
      file_of(folder, {"boston_housing.csv", "boston.csv", "housing.csv", "boston"});
  return standardized(keras_split(load_boston_housing(file)));
}

/// Red and white together, the kind as a number; the seven grades, 3 to 9, are the classes.
TrainTest load_wine_parts(const fs::path& folder) {
  Table table =
      load_wine_quality(file_of(folder, {"winequality_red.csv", "winequality-red.csv"}),
                        file_of(folder, {"winequality_white.csv", "winequality-white.csv"}));
  encode_column(table, "type");
  TrainTest parts = train_test_split(classification_data(table, "quality", "wine"),
                                     {.test_fraction = kTestFraction, .seed = kSplitSeed});
  MinMaxScaler scaler;
  parts.train.x = scaler.fit_transform(parts.train.x);
  parts.test.x = scaler.transform(parts.test.x);
  return parts;
}

TrainTest load_cifar100_fine(const fs::path& folder) { return load_cifar100(folder); }

TrainTest make_pictures(const fs::path& /*folder*/) { return make_synthetic(); }

TrainTest make_clusters(const fs::path& /*folder*/) {
  const Dataset data =
      make_classification({.n_samples = 1000, .n_features = 20, .seed = kSplitSeed});
  return train_test_split(data, {.test_fraction = kTestFraction, .seed = kSplitSeed});
}

/// $FOVEA_DATA and the cache, as far as they are known.
std::vector<fs::path> usual_places() {
  std::vector<fs::path> places;
  if (const char* data = std::getenv("FOVEA_DATA"); data != nullptr && *data != '\0') {
    places.emplace_back(data);
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    places.push_back(fs::path(home) / ".cache" / "fovea");
  }
  return places;
}

/// The place itself, or the folder of the set's usual name in it.
std::optional<fs::path> find_in(const DataSet& set, const fs::path& place) {
  for (const fs::path& folder : {place, place / set.folder}) {
    for (const char* file : set.marker) {
      if (is_there(folder / file)) return folder;
    }
  }
  return std::nullopt;
}

[[noreturn]] void fail_missing(const DataSet& set, const std::string& folder) {
  std::string looked;
  if (folder.empty()) {
    for (const fs::path& place : usual_places()) {
      looked += (looked.empty() ? "" : " and ") + (place / set.folder).string();
    }
  } else {
    looked = folder;
  }
  std::string hint;
  for (const char* place : {".", "data", "..", "../data"}) {
    const auto found = find_in(set, place);
    if (found && hint.empty()) hint = "; it seems to be in --data " + found->string();
  }
  fail(ErrorCode::io, set.name, " is not in ", looked,
       hint.empty()
           ? "; name the folder that has " + std::string(set.marker.front()) + " by --data DIR"
           : hint,
       ", or ", set.remedy);
}

// ---- Data that people bring ----

/// Folders that have parts name them so.
std::optional<fs::path> part_of(const fs::path& folder, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (is_folder(folder / name)) return folder / name;
  }
  return std::nullopt;
}

TrainTest load_pictures(const fs::path& folder, const PictureShape& shape) {
  for (const DataSet& set : data_sets()) {
    for (const char* file : set.marker) {
      FOVEA_REQUIRE(!is_there(folder / file), invalid_argument, folder.string(), " holds ",
                    set.name, ", no pictures in one folder per class: say \"", set.name, " --data ",
                    folder.string(), "\"");
    }
  }
  ImageFolderOptions options;
  options.size = Size2(shape.height, shape.width);
  options.color = shape.channels == 1 ? ImageColor::grayscale : ImageColor::rgb;
  options.resize.antialias = true;
  const auto train = part_of(folder, {"train"});
  const auto test = part_of(folder, {"test", "val", "validation", "valid"});
  if (!train || !test) {
    return train_test_split(load_image_folder(folder, options),
                            {.test_fraction = kTestFraction, .seed = kSplitSeed, .stratify = true});
  }
  TrainTest parts{load_image_folder(*train, options), load_image_folder(*test, options)};
  FOVEA_REQUIRE(parts.train.class_names == parts.test.class_names, invalid_argument,
                train->string(), " and ", test->string(),
                " must have the same folders, one per class");
  return parts;
}

/// Whether a column's values are classes: text, or a few whole numbers.
bool looks_like_classes(const Table& table, const std::string& column) {
  constexpr std::size_t kMostClasses = 20;
  if (!table.is_numeric(column)) return true;
  std::set<double> values;
  for (const double value : table.numbers(column)) {
    if (value != std::floor(value)) return false;
    values.insert(value);
    if (values.size() > kMostClasses) return false;
  }
  return true;
}

/// Text columns become numbers, all columns but the target are standardized.
TrainTest load_table(const fs::path& path, const DataChoice& choice) {
  Table table = read_csv(path);
  const std::string target = choice.target.empty() ? table.names().back() : choice.target;
  if (!table.contains(target)) fail_unknown("column", target, table.names());
  for (const std::string& column : table.names()) {
    if (column == target) continue;
    const std::int64_t missing = table.count_missing(column);
    FOVEA_REQUIRE(missing == 0, invalid_argument, path.string(), ": column '", column, "' lacks ",
                  missing, " values; fill them in or leave out the rows");
    if (!table.is_numeric(column)) encode_column(table, column);
  }
  const bool classify =
      choice.task.empty() ? looks_like_classes(table, target) : choice.task == "classify";
  const std::string name = path.stem().string();
  const Dataset data =
      classify ? classification_data(table, target, name) : regression_data(table, target, name);
  return standardized(train_test_split(data, {.test_fraction = kTestFraction, .seed = kSplitSeed}));
}

TrainTest load_own(const DataChoice& choice, const std::optional<PictureShape>& pictures) {
  const fs::path path = choice.name;
  if (!is_folder(path)) return load_table(path, choice);
  FOVEA_REQUIRE(pictures.has_value(), shape_mismatch,
                "the model takes no pictures of 1 or 3 channels, which is what the folder ",
                path.string(), " holds");
  return load_pictures(path, *pictures);
}

// ---- What fits ----

/// Whether samples of one shape may stand for those of another: axes of size 1 at the end do not
/// matter.
bool same_samples(const Shape& a, const Shape& b) {
  const int rank = std::min(a.rank(), b.rank());
  for (int i = 0; i < rank; ++i) {
    if (a[i] != b[i]) return false;
  }
  return a.numel() == b.numel();
}

/// "; of the zoo, lenet5, mnist_cnn, ... fit", or nothing.
std::string zoo_that_fits(const Dataset& data, std::int64_t outputs) {
  std::string names;
  for (const std::string& name : network_names()) {
    const Network network = make_network(name);
    if (!same_samples(network.inputs().front().shape, data.x.shape().drop_front())) continue;
    const std::int64_t given = network.outputs().front().shape.numel();
    const bool one_for_two = data.y.dtype() == DType::i32 && outputs == 2 && given == 1;
    if (given != outputs && !one_for_two) continue;
    names += (names.empty() ? "" : ", ") + name;
  }
  return names.empty() ? "" : "; of the zoo, these fit: " + names;
}

std::int64_t labels_end(const Dataset& data) {
  if (!data.class_names.empty()) return static_cast<std::int64_t>(data.class_names.size());
  const auto labels = data.y.span<std::int32_t>();
  return *std::max_element(labels.begin(), labels.end()) + 1;
}

}  // namespace

const std::vector<DataSet>& data_sets() {
  static const std::vector<DataSet> list = {
      {"cifar10",
       "60,000 pictures of 10 kinds of things, 32x32, RGB",
       "cifar-10-batches-bin",
       {"data_batch_1.bin"},
       load_cifar10,
       "fetch it by: fovea data get cifar10"},
      {"cifar100",
       "60,000 pictures of 100 kinds of things, 32x32, RGB",
       "cifar-100-binary",
       {"train.bin"},
       load_cifar100_fine,
       "fetch it by: fovea data get cifar100"},
      {"mnist",
       "70,000 handwritten digits, 28x28, grey",
       "mnist",
       {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"},
       load_mnist,
       "fetch it by: fovea data get mnist"},
      {"fashion_mnist",
       "70,000 pictures of 10 kinds of clothes, 28x28, grey",
       "fashion_mnist",
       {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"},
       load_fashion_mnist,
       "fetch it by: fovea data get fashion_mnist"},
      {"iris",
       "150 flowers of 3 species, 4 measures",
       "iris",
       {"iris.csv", "iris.data"},
       load_iris_parts,
       "put iris.csv or iris.data there, as UCI's Machine Learning Repository has it"},
      {"boston",
       "506 districts, 13 features, the price of houses",
       "boston",
       {"boston_housing.csv", "boston.csv", "housing.csv"},
       load_boston_parts,
       "put boston_housing.csv there, a table of 13 columns and medv"},
      {"wine",
       "6,497 wines of 7 grades, 11 measures and the colour",
       "wine",
       {"winequality_red.csv", "winequality-red.csv"},
       load_wine_parts,
       "put winequality-red.csv and winequality-white.csv there, as UCI's Machine Learning "
       "Repository has them"},
      {"synthetic",
       "20,000 pictures of 10 shapes and patterns, 32x32, RGB; built in",
       nullptr,
       {},
       make_pictures,
       ""},
      {"clusters",
       "1,000 points of 2 classes, 20 features; built in",
       nullptr,
       {},
       make_clusters,
       ""},
  };
  return list;
}

std::vector<std::string> data_set_names() {
  std::vector<std::string> names;
  for (const DataSet& set : data_sets()) names.emplace_back(set.name);
  return names;
}

const DataSet* find_data_set(const std::string& name) {
  for (const DataSet& set : data_sets()) {
    if (name == set.name) return &set;
  }
  return nullptr;
}

std::optional<fs::path> find_data(const DataSet& set, const std::string& folder) {
  if (set.folder == nullptr) return std::nullopt;
  if (!folder.empty()) {
    // A table's own file will do.
    const bool table = is_there(folder) && !is_folder(folder);
    return table ? fs::path(folder) : find_in(set, folder);
  }
  for (const fs::path& place : usual_places()) {
    for (const char* file : set.marker) {
      if (is_there(place / set.folder / file)) return place / set.folder;
    }
  }
  return std::nullopt;
}

fs::path data_cache() {
  const char* home = std::getenv("HOME");
  FOVEA_REQUIRE(home != nullptr && *home != '\0', invalid_argument,
                "there is no place for data sets: HOME is not set; set it, or name a folder");
  return fs::path(home) / ".cache" / "fovea";
}

bool is_own_data(const DataChoice& choice) {
  return find_data_set(choice.name) == nullptr && is_there(choice.name);
}

std::string short_name(const DataChoice& choice) {
  if (!is_own_data(choice)) return choice.name;
  const fs::path path = fs::absolute(choice.name).lexically_normal();
  if (!is_folder(path)) return path.stem().string();
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

TrainTest load_data(const DataChoice& choice, const std::optional<PictureShape>& pictures) {
  TrainTest data;
  if (is_own_data(choice)) {
    FOVEA_REQUIRE(choice.folder.empty(), invalid_argument, choice.name,
                  " is a path of its own; leave out --data");
    data = load_own(choice, pictures);
  } else {
    const DataSet* set = find_data_set(choice.name);
    if (set == nullptr) {
      const bool path = choice.name.find_first_of("./") != std::string::npos;
      FOVEA_REQUIRE(!path, io, "there is no folder or CSV file ", choice.name);
      fail_unknown("data set (nor is it a folder or a CSV file)", choice.name, data_set_names());
    }
    FOVEA_REQUIRE(set->folder != nullptr || choice.folder.empty(), invalid_argument, set->name,
                  " is built in; leave out --data");
    const auto folder = find_data(*set, choice.folder);
    if (set->folder != nullptr && !folder) fail_missing(*set, choice.folder);
    data = set->load(folder.value_or(""));
  }
  const auto first = [](Dataset& part, std::int64_t count) {
    if (count > 0) part = part.slice(0, std::min(count, part.size()));
  };
  first(data.train, choice.train_samples);
  first(data.test, choice.test_samples);
  return data;
}

std::optional<PictureShape> picture_shape(const Network& network) {
  if (network.inputs().size() != 1) return std::nullopt;
  const Shape& shape = network.inputs().front().shape;
  if (shape.rank() == 2) return PictureShape{shape[0], shape[1], 1};
  if (shape.rank() != 3 || (shape[2] != 1 && shape[2] != 3)) return std::nullopt;
  return PictureShape{shape[0], shape[1], shape[2]};
}

void match_classes(Dataset& data, const std::vector<std::string>& model_classes) {
  if (data.y.dtype() != DType::i32 || data.class_names == model_classes) return;
  std::vector<std::int32_t> numbers;  // of the data's classes, in the model
  for (const std::string& name : data.class_names) {
    const auto found = std::find(model_classes.begin(), model_classes.end(), name);
    if (found == model_classes.end()) return;
    numbers.push_back(static_cast<std::int32_t>(found - model_classes.begin()));
  }
  if (numbers.empty()) return;
  data.y = data.y.clone();
  for (std::int32_t& label : data.y.span<std::int32_t>()) {
    label = numbers[static_cast<std::size_t>(label)];
  }
  data.class_names = model_classes;
}

void check_fit(const Network& network, const std::string& model_name, const Dataset& data,
               const std::string& data_name) {
  FOVEA_REQUIRE(network.inputs().size() == 1 && network.outputs().size() == 1, unsupported,
                model_name, " has ", network.inputs().size(), " inputs and ",
                network.outputs().size(), " outputs; this command works with one of each");
  const Shape& output = network.outputs().front().shape;
  const bool labels = data.y.dtype() == DType::i32;
  const std::int64_t classes = labels ? labels_end(data) : 0;
  const std::int64_t outputs = labels ? classes : data.y.shape().drop_front().numel();
  const Shape sample = data.x.shape().drop_front();
  FOVEA_REQUIRE(same_samples(network.inputs().front().shape, sample), shape_mismatch, model_name,
                " takes samples of shape ", network.inputs().front().shape, ", and those of ",
                data_name, " are ", sample, zoo_that_fits(data, outputs));
  const bool one_for_two = labels && output.numel() == 1 && classes <= 2;
  const bool enough = labels ? output.numel() >= std::max<std::int64_t>(classes, 2) || one_for_two
                             : output.numel() == outputs;
  FOVEA_REQUIRE(enough, shape_mismatch, model_name, " gives ", output.numel(),
                labels ? " numbers per sample, and " : " numbers, and ", data_name, " has ",
                outputs, labels ? " classes" : " to predict", zoo_that_fits(data, outputs));
}

std::int64_t class_count(const TrainTest& data) {
  return data.train.y.dtype() == DType::i32 ? labels_end(data.train) : 0;
}

}  // namespace fovea::cli
