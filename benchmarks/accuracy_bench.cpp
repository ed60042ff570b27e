// What the zoo's networks learn of real data: each trained once from a fixed seed, its result
// beside the band that is expected of it. Bands around a published number are that number +- 0.03
// (of pictures) or the number's own range; the others are what such a network usually gets.
//
//   accuracy_bench --mnist DIR --cifar10 DIR --tables DIR --json benchmarks/results/accuracy.json
//
// Rows whose data is not given are left out. With --only NAME one row is trained. A file that
// exists keeps its other rows. Exit status 1 where a result lies outside its band.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "benchmarks/support/report.h"
#include "fovea/fovea.h"
#include "samples/command_line.h"

namespace fovea::bench {
namespace {

struct Options {
  std::string mnist, cifar10, tables;
  std::string device = "auto";
  std::string only;
  std::string json;
};

/// A training: what of, how long, and what it should come to.
struct Row {
  std::string name;
  std::string network;
  std::string data;
  int epochs;
  std::int64_t batch_size;
  double low, high;  ///< the band of the test metric
  double validation_split = 0;
  bool stop_early = false;  ///< and the weights of the last epoch are tested, not the best
  std::string loss = "sparse_categorical_crossentropy";
  std::string metric = "accuracy";
  int runs = 1;  ///< from seeds 1, 2, ...; their mean is the result
};

const std::vector<Row>& rows() {
  static const std::vector<Row> list = {
      {"iris_small", "iris_small", "iris", 30, 5, 0.9, 1},
      {"iris_dense", "iris_dense", "iris", 50, 10, 0.9, 1, 0.2},
      {"boston", "boston", "boston", 100, 32, 1.5, 3.2, 0, false, "mse", "mae"},
      {"wine", "wine", "wine", 50, 32, 0.5, 0.65},
      {"binary_small", "binary_small", "clusters_2", 10, 32, 0.8, 1, 0.2, false,
       "binary_crossentropy"},
      {"binary_dropout", "binary_dropout", "clusters_15", 50, 32, 0.85, 1, 0.15, true,
       "binary_crossentropy"},
      {"mnist_mlp512", "mnist_mlp512", "mnist", 30, 200, 0.975, 0.99, 0.25, true},
      {"mnist_mlp128_dropout", "mnist_mlp128_dropout", "mnist", 5, 32, 0.97, 0.985},
      {"mnist_mlp128", "mnist_mlp128", "mnist", 5, 32, 0.965, 0.985, 0.2},
      {"mnist_mlp128_64", "mnist_mlp128_64", "mnist", 10, 32, 0.97, 0.985, 0.2},
      {"mnist_cnn_raw", "mnist_cnn_raw", "mnist", 3, 32, 0.97, 0.99},
      {"cifar10_mlp128_5_epochs", "cifar10_mlp128", "cifar10", 5, 32, 0.3315, 0.3915},
      {"cifar10_mlp128_20_epochs", "cifar10_mlp128", "cifar10", 20, 32, 0.3396, 0.3996},
      {"cifar10_cnn_5_epochs", "cifar10_cnn", "cifar10", 5, 32, 0.6657, 0.7257, 0, false,
       "sparse_categorical_crossentropy", "accuracy", 3},
      {"cifar10_cnn_15_epochs", "cifar10_cnn", "cifar10", 15, 32, 0.6603, 0.7203},
      {"cifar10_cnn_wide_15_epochs", "cifar10_cnn_wide", "cifar10", 15, 32, 0.663, 0.723},
      {"cifar10_cnn_wide_dropout_15_epochs", "cifar10_cnn_wide_dropout", "cifar10", 15, 32, 0.6949,
       0.7549},
  };
  return list;
}

// ---- Data ----

/// The parts of a table's samples, scaled by what is known of the training part.
template <class Scaler>
TrainTest scaled(TrainTest parts) {
  Scaler scaler;
  parts.train.x = scaler.fit_transform(parts.train.x);
  parts.test.x = scaler.transform(parts.test.x);
  return parts;
}

/// Both tables, the kind of wine as a number; the seven grades, 3 to 9, are the classes.
TrainTest wine(const std::filesystem::path& folder) {
  Table table = load_wine_quality(folder / "winequality_red.csv", folder / "winequality_white.csv");
  encode_column(table, "type");
  const Dataset data = classification_data(table, "quality", "wine");
  return scaled<MinMaxScaler>(train_test_split(data, {.test_fraction = 0.2, .seed = 42}));
}

TrainTest clusters(std::int64_t informative, std::int64_t redundant) {
  const Dataset data = make_classification({.n_samples = 1000,
                                            .n_features = 20,
                                            .n_informative = informative,
                                            .n_redundant = redundant,
                                            .seed = 42});
  return train_test_split(data, {.test_fraction = 0.15, .seed = 42});
}

/// Nothing where the folder that it needs is not given.
std::optional<TrainTest> load(const std::string& name, const Options& options) {
  const std::filesystem::path tables = options.tables;
  if (name == "clusters_2") return clusters(2, 2);
  if (name == "clusters_15") return clusters(15, 5);
  if (name == "mnist" && !options.mnist.empty()) return load_mnist(options.mnist);
  if (name == "cifar10" && !options.cifar10.empty()) return load_cifar10(options.cifar10);
  if (tables.empty()) return std::nullopt;
  if (name == "wine") return wine(tables);
  if (name == "boston") {
    return scaled<StandardScaler>(keras_split(load_boston_housing(tables / "boston_housing.csv")));
  }
  if (name == "iris") {
    return scaled<StandardScaler>(
        train_test_split(load_iris(tables / "iris.csv"), {.test_fraction = 0.2, .seed = 42}));
  }
  return std::nullopt;
}

// ---- A row ----

struct Result {
  History history;
  double test_loss = 0;
  double test_metric = 0;
};

Result train_once(const Row& row, const TrainTest& data, const std::string& device,
                  std::uint64_t seed) {
  Model model(make_network(row.network), {.device = device, .seed = seed});
  model.compile({.optimizer = "adam", .loss = row.loss, .metrics = {row.metric}});
  FitOptions options;
  options.epochs = row.epochs;
  options.batch_size = row.batch_size;
  options.validation_split = row.validation_split;
  options.verbose = 2;
  if (row.stop_early) options.callbacks = {EarlyStopping({.patience = 10})};
  Result result;
  result.history = model.fit(data.train, options);
  const Logs test = model.evaluate(data.test);
  result.test_loss = test.at("loss");
  result.test_metric = test.at(row.metric);
  return result;
}

Json run_to_json(const Row& row, const Result& result, int seed) {
  Json json = Json::object();
  json.set("seed", seed);
  json.set("epochs", static_cast<std::int64_t>(result.history.epochs.size()));
  json.set("test_loss", result.test_loss);
  json.set("test_" + row.metric, result.test_metric);
  for (const std::string& metric : {std::string("loss"), row.metric}) {
    Json values = Json::array();
    for (const double value : result.history.metric(metric)) values.push(value);
    json.set("train_" + metric, values);
  }
  return json;
}

Json train(const Row& row, const TrainTest& data, const std::string& device) {
  double mean = 0;
  Json runs = Json::array();
  for (int seed = 1; seed <= row.runs; ++seed) {
    const Result result = train_once(row, data, device, static_cast<std::uint64_t>(seed));
    mean += result.test_metric / row.runs;
    runs.push(run_to_json(row, result, seed));
  }
  Json band = Json::array();
  band.push(row.low);
  band.push(row.high);
  Json json = Json::object();
  json.set("name", row.name);
  json.set("network", row.network);
  json.set("dataset", row.data);
  json.set("batch_size", row.batch_size);
  json.set("test_" + row.metric, mean);
  json.set("expected", band);
  json.set("within", mean >= row.low && mean <= row.high);
  json.set("runs", runs);
  json.set("machine", describe_run(device));
  return json;
}

// ---- The file ----

std::vector<Json> rows_of_file(const std::string& path) {
  if (path.empty() || !std::filesystem::exists(path)) return {};
  std::ifstream file(path);
  const Json json = Json::parse(std::string(std::istreambuf_iterator<char>(file), {}), path);
  return json.at("rows").as_array();
}

void write(const std::string& path, const std::vector<Json>& all) {
  if (path.empty()) return;
  Json list = Json::array();
  for (const Row& row : rows()) {  // in the order of the table above
    const auto found = std::find_if(all.begin(), all.end(), [&](const Json& json) {
      return json.at("name").as_string() == row.name;
    });
    if (found != all.end()) list.push(*found);
  }
  Json json = Json::object();
  json.set("command", "accuracy_bench --mnist DIR --cifar10 DIR --tables DIR --json FILE");
  json.set("rows", list);
  write_json(path, json);
}

Options parse(int argc, char** argv) {
  Options o;
  CommandLine line("accuracy_bench", "Trains the zoo's networks on real data.");
  line.add_text("--mnist", "DIR", "the four idx files", o.mnist);
  line.add_text("--cifar10", "DIR", "the binary version's folder", o.cifar10);
  line.add_text("--tables", "DIR",
                "iris.csv, boston_housing.csv, winequality_red.csv, winequality_white.csv",
                o.tables);
  line.add_text("--device", "NAME", "where to train; default: auto", o.device);
  line.add_text("--only", "NAME", "one row", o.only);
  line.add_text("--json", "FILE", "add the results to this file", o.json);
  line.parse(argc, argv);
  return o;
}

int run(const Options& options) {
  std::vector<Json> all = rows_of_file(options.json);
  int outside = 0, trained = 0;
  for (const Row& row : rows()) {
    if (!options.only.empty() && options.only != row.name) continue;
    const std::optional<TrainTest> data = load(row.data, options);
    if (!data) {
      std::printf("%s: left out, its data is not given\n", row.name.c_str());
      continue;
    }
    std::printf("---- %s\n", row.name.c_str());
    const Json result = train(row, *data, options.device);
    const bool within = result.at("within").as_bool();
    std::printf("%s: test %s %.4f, expected %.4f to %.4f: %s\n", row.name.c_str(),
                row.metric.c_str(), result.at("test_" + row.metric).as_double(), row.low, row.high,
                within ? "within" : "OUTSIDE");
    std::fflush(stdout);
    ++trained;
    if (!within) ++outside;
    std::erase_if(all, [&](const Json& json) { return json.at("name").as_string() == row.name; });
    all.push_back(result);
    write(options.json, all);
  }
  FOVEA_REQUIRE(trained > 0, invalid_argument,
                "nothing was trained: give the folders of the data, and a row's name to --only");
  return outside == 0 ? 0 : 1;
}

}  // namespace
}  // namespace fovea::bench

int main(int argc, char** argv) {
  try {
    return fovea::bench::run(fovea::bench::parse(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "accuracy_bench: " << error.what() << '\n';
    return 2;
  }
}
