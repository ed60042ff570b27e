// Trains a convolutional network on CIFAR-10: reads the data, makes a model, trains it with a
// progress bar, and tells how good it became. `train_cifar10 --help` lists the options.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <optional>
#include <string>
#include <thread>

#include "command_line.h"
#include "fovea/data.h"
#include "fovea/model.h"
#include "fovea/models.h"
#include "fovea/version.h"

namespace {

namespace fs = std::filesystem;

// ---- Options ----

/// What a model is trained with unless the command line says otherwise.
struct Recipe {
  const char* model;
  std::int64_t epochs;
  std::int64_t batch_size;
  const char* optimizer;
  double rate;
  const char* schedule;
};
constexpr Recipe kRecipes[] = {
    {"cifar10_cnn", 5, 32, "adam", 0.001, "constant"},
    {"resnet20", 10, 128, "nesterov", 0.1, "cosine"},
    {"mlp", 5, 32, "adam", 0.001, "constant"},
};

struct Options {
  std::string data;  // a folder, "synthetic", or empty: look for it
  bool download = false;
  std::int64_t train_samples = 0;  // 0: all
  std::int64_t test_samples = 0;   // 0: all
  std::string model = "cifar10_cnn";
  int epochs = 0;               // 0: the recipe's, and so on
  std::int64_t batch_size = 0;  //
  double rate = -1;
  std::string optimizer;
  std::string schedule;
  double label_smoothing = 0;
  bool augment = false;
  std::uint64_t seed = 0;
  std::string device = "auto";
  std::string precision = "f32";
  int threads = 0;
  bool autotune = false;
  std::string save;
  std::int64_t checkpoint_steps = 0;
  double checkpoint_minutes = 0;
  std::string resume;
  std::string json;
  int verbose = 1;
  bool quiet = false;
  bool help = false;
  bool version = false;
};

CommandLine command_line(Options& o) {
  CommandLine line("train_cifar10", "Trains a convolutional network on CIFAR-10.");
  line.add_text("--data", "DIR", "folder of the binary version; 'synthetic': the built-in set",
                o.data);
  line.add_flag("--download", "fetch CIFAR-10 into the cache, if it is not there yet", o.download);
  line.add_number("--train-samples", "N", "train on the first N pictures only", o.train_samples, 1);
  line.add_number("--test-samples", "N", "test on the first N pictures only", o.test_samples, 1);
  line.add_choice("--model", {"cifar10_cnn", "resnet20", "mlp"}, "default: cifar10_cnn", o.model);
  line.add_number("--epochs", "N", "default: 5; resnet20: 10", o.epochs, 1);
  line.add_number("--batch-size", "N", "default: 32; resnet20: 128", o.batch_size, 1);
  line.add_number("--lr", "RATE", "learning rate; default: 0.001; resnet20: 0.1", o.rate, 0);
  line.add_choice("--optimizer", fovea::optimizer_names(), "default: adam; resnet20: nesterov",
                  o.optimizer);
  line.add_choice("--schedule", {"constant", "cosine"},
                  "of the learning rate (cosine: after a short warm-up); resnet20: cosine",
                  o.schedule);
  line.add_number("--label-smoothing", "S", "from 0 to 1; default: 0", o.label_smoothing, 0);
  line.add_flag("--augment", "flip and shift the training pictures at random", o.augment);
  line.add_number("--seed", "N", "of weights, order and augmentation; default: 0", o.seed, 0);
  line.add_choice("--device", {"auto", "cpu", "cuda"}, "default: auto", o.device);
  line.add_choice("--precision", {"f32", "tf32", "bf16", "f16"}, "default: f32", o.precision);
  line.add_number("--threads", "N", "of the CPU; default: all", o.threads, 1);
  line.add_flag("--autotune", "measure the GPU's kernels and take the fastest; remembered on disk",
                o.autotune);
  line.add_text("--save", "FILE", "write the model after each epoch", o.save);
  line.add_number("--checkpoint-steps", "N", "save every N steps, too", o.checkpoint_steps, 1);
  line.add_number("--checkpoint-minutes", "M", "save every M minutes, too", o.checkpoint_minutes,
                  0);
  line.add_text("--resume", "FILE", "go on where the same command, interrupted, saved FILE",
                o.resume);
  line.add_text("--json", "FILE", "write what happened, for programs", o.json);
  line.add_number("--verbose", "0|1|2", "no progress, a bar (the default), a line per epoch",
                  o.verbose, 0);
  line.add_flag("--quiet", "print the final result and errors only", o.quiet);
  line.add_flag("--help", "print this and stop", o.help);
  line.add_flag("--version", "print the library's version and stop", o.version);
  return line;
}

/// Fills in the recipe, and refuses what cannot work before any time is spent on it.
void complete(Options& o) {
  const auto* recipe = std::find_if(std::begin(kRecipes), std::end(kRecipes),
                                    [&](const Recipe& r) { return o.model == r.model; });
  if (o.epochs == 0) o.epochs = static_cast<int>(recipe->epochs);
  if (o.batch_size == 0) o.batch_size = recipe->batch_size;
  if (o.optimizer.empty()) o.optimizer = recipe->optimizer;
  if (o.rate < 0) o.rate = recipe->rate;
  if (o.schedule.empty()) o.schedule = recipe->schedule;
  if (o.quiet) o.verbose = 0;
  if (o.verbose > 2) throw UsageError("--verbose is 0, 1 or 2");
  if (o.label_smoothing > 1) throw UsageError("--label-smoothing is at most 1");
  if (o.download && !o.data.empty()) {
    throw UsageError("--download fetches the data into the cache; leave out --data");
  }
  if (o.save.empty() && (o.checkpoint_steps > 0 || o.checkpoint_minutes > 0)) {
    throw UsageError("--checkpoint-steps and --checkpoint-minutes need --save FILE");
  }
  for (const auto& [name, file] : {std::pair("--save", o.save), std::pair("--json", o.json)}) {
    if (file.empty()) continue;
    const fs::path folder = fs::absolute(file).parent_path();
    if (!fs::is_directory(folder)) {
      throw UsageError(std::string(name) + ": there is no folder " + folder.string());
    }
  }
}

// ---- Data ----

fovea::TrainTest load_data(const Options& o, std::ostream& out) {
  std::optional<fs::path> folder;
  if (o.download) {
    folder = fovea::download_cifar10({.show_progress = !o.quiet});
  } else if (o.data.empty()) {
    folder = fovea::find_cifar10();
  } else if (o.data != "synthetic") {
    folder = fovea::find_cifar10(o.data);
  }
  fovea::TrainTest data = folder ? fovea::load_cifar10(*folder) : fovea::make_synthetic();
  if (folder) {
    out << "Data: CIFAR-10 from " << folder->string();
  } else {
    out << "Data: the built-in synthetic set of shapes and patterns";
  }
  out << " (" << data.train.size() << " training and " << data.test.size() << " test pictures)\n";
  if (!folder && o.data.empty()) {
    out << "      The real CIFAR-10 was not found. Fetch it with --download (163 MB), or unpack\n"
           "      https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz and name its folder:\n"
           "      --data DIR\n";
  }
  const auto first = [](fovea::Dataset& set, std::int64_t count) {
    if (count > 0) set = set.slice(0, std::min(count, set.size()));
  };
  first(data.train, o.train_samples);
  first(data.test, o.test_samples);
  return data;
}

// ---- The model ----

fovea::Network make_network(const Options& o) {
  // The paper's weight decay of 1e-4, as a penalty on the kernels' squares.
  if (o.model == "resnet20") return fovea::resnet20(10, 5e-5);
  return fovea::make_network(o.model);
}

fovea::Schedule make_schedule(const Options& o, std::int64_t samples) {
  if (o.schedule == "constant") return o.rate;
  const std::int64_t steps = o.epochs * ((samples + o.batch_size - 1) / o.batch_size);
  return fovea::Schedule::cosine(o.rate, steps).warm_up(steps / 20);
}

fovea::Model make_model(const Options& o, const fovea::Dataset& train) {
  fovea::Model model(make_network(o), {.device = o.device,
                                       .precision = o.precision,
                                       .threads = o.threads,
                                       .autotune = o.autotune,
                                       .seed = o.seed,
                                       .class_names = train.class_names});
  model.compile({.optimizer = fovea::make_optimizer(o.optimizer, make_schedule(o, train.size())),
                 .loss = {"sparse_categorical_crossentropy", false, o.label_smoothing},
                 .metrics = {"accuracy"}});
  return model;
}

// ---- Training ----

std::atomic<bool> interrupt_requested = false;

/// The first Ctrl-C stops training after the current step, the second one ends the program.
extern "C" void on_interrupt(int signal) {
  interrupt_requested = true;
  std::signal(signal, SIG_DFL);
}

struct Result {
  fovea::History history;
  fovea::Logs test;
  double seconds = 0;
};

Result train(fovea::Model& model, const fovea::TrainTest& data, const Options& o) {
  fovea::FitOptions fit;
  fit.epochs = o.epochs;
  fit.batch_size = o.batch_size;
  fit.validation_data = data.test;
  fit.verbose = o.verbose;
  fit.checkpoint = {o.save, o.checkpoint_steps, o.checkpoint_minutes};
  fit.interrupt = &interrupt_requested;
  if (o.augment) fit.augmentation.random_flip().pad_and_crop(4);

  const auto begin = std::chrono::steady_clock::now();
  Result result;
  result.history = model.fit(data.train, fit);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  result.test = model.evaluate(data.test, {.batch_size = o.batch_size});
  return result;
}

// ---- The report for programs ----

int all_threads() { return static_cast<int>(std::thread::hardware_concurrency()); }

/// The most memory this process ever held, in bytes; 0 where Linux does not say.
std::int64_t peak_rss_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib * 1024;
  }
  return 0;
}

fovea::Json describe_versions() {
  fovea::Json versions = fovea::Json::object();
  versions.set("fovea", fovea::version());
  versions.set("compiler", fovea::compiler());
  for (const fovea::DeviceReport& device : fovea::devices()) {
    versions.set(device.name, device.detail);
  }
  return versions;
}

fovea::Json describe_history(const fovea::History& history) {
  fovea::Json json = fovea::Json::object();
  for (const char* name : {"loss", "accuracy", "val_loss", "val_accuracy"}) {
    fovea::Json values = fovea::Json::array();
    for (double value : history.metric(name)) values.push(value);
    json.set(name, values);
  }
  return json;
}

void write_report(const Options& o, const fovea::Model& model, const fovea::TrainTest& data,
                  const Result& result) {
  fovea::Json json = fovea::Json::object();
  json.set("model", o.model);
  json.set("parameters", model.network().parameter_count());
  json.set("device", model.device_name());
  json.set("dtype", o.precision);
  json.set("threads", o.threads > 0 ? o.threads : all_threads());
  json.set("dataset", data.train.synthetic ? "synthetic" : "cifar10");
  json.set("train_samples", data.train.size());
  json.set("test_samples", data.test.size());
  json.set("epochs", o.epochs);
  json.set("batch_size", o.batch_size);
  json.set("optimizer", o.optimizer);
  json.set("learning_rate", o.rate);
  json.set("schedule", o.schedule);
  json.set("label_smoothing", o.label_smoothing);
  json.set("augment", o.augment);
  json.set("seed", model.options().seed);
  json.set("history", describe_history(result.history));
  json.set("test_loss", result.test.at("loss"));
  json.set("test_accuracy", result.test.at("accuracy"));
  json.set("images_per_second", result.history.samples_per_second);
  json.set("data_on_device", result.history.streamed_because.empty());
  json.set("training_seconds", result.seconds);
  json.set("peak_rss_bytes", peak_rss_bytes());
  json.set("versions", describe_versions());
  std::ofstream file(o.json);
  file << json.to_string(2) << std::endl;
  if (!file) throw fovea::Error(fovea::ErrorCode::io, "cannot write " + o.json);
}

void run(const Options& o) {
  std::ostream nowhere(nullptr);
  std::ostream& out = o.quiet ? nowhere : std::cout;
  const fovea::TrainTest data = load_data(o, out);
  fovea::Model model = make_model(o, data.train);
  out << model.summary() << "Training on " << model.device_name() << " in " << o.precision
      << " with " << o.optimizer << ", batches of " << o.batch_size << '\n';
  if (!o.resume.empty()) out << model.resume(o.resume) << '\n';
  out << std::flush;

  std::signal(SIGINT, on_interrupt);
  const Result result = train(model, data, o);
  if (!o.save.empty()) out << "The model is in " << o.save << '\n';
  std::cout << std::fixed << std::setprecision(4) << "Test loss: " << result.test.at("loss")
            << " - test accuracy: " << result.test.at("accuracy") << std::endl;
  if (!o.json.empty()) write_report(o, model, data, result);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  const CommandLine line = command_line(options);
  try {
    line.parse(argc, argv);
    if (options.help || options.version) {
      std::cout << (options.help ? line.help() : "fovea " + fovea::version() + "\n");
      return 0;
    }
    complete(options);
    run(options);
    return 0;
  } catch (const UsageError& error) {
    std::cerr << "train_cifar10: " << error.what() << "; see --help\n";
    return 2;
  } catch (const fovea::Error& error) {
    const bool interrupted = error.code() == fovea::ErrorCode::interrupted;
    std::cerr << "train_cifar10: " << (interrupted ? "" : "error: ") << error.what() << '\n';
    return interrupted ? 130 : 1;
  } catch (const std::exception& error) {  // such as std::bad_alloc
    std::cerr << "train_cifar10: error: " << error.what() << '\n';
    return 1;
  }
}
