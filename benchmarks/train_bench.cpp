// How fast fit() trains well-known networks, and how much memory that takes.
//
// Random pictures, as bytes, and random labels; a few epochs of `--steps` steps each. Milliseconds
// per step are an epoch's time over its steps, so that they hold all that a user waits for:
// fetching and normalising the batch, the step, the metrics. The first epochs, in which kernels are
// chosen and steps are captured, do not count. Peak memory is that of the device, and the highest
// resident size of the process. `--profile` and `--trace` look into one step instead: the time of
// each of its kernels, beside the machine's peaks, measured in the same run.
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "benchmarks/support/peaks.h"
#include "benchmarks/support/report.h"
#include "fovea/model.h"
#include "fovea/models.h"
#include "fovea/optimizer.h"
#include "samples/command_line.h"

namespace fovea::bench {
namespace {

/// What a network is trained with here.
struct Recipe {
  const char* model;
  const char* optimizer;
  double rate;
  std::int64_t pictures;  ///< in an epoch, about
  std::vector<std::int64_t> batch_sizes;
};
const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> list = {
      {"cifar10_cnn", "adam", 0.001, 50'000, {32, 128, 1024}},
      {"resnet20", "nesterov", 0.01, 50'000, {128, 1024}},
      {"resnet18", "nesterov", 0.01, 2'560, {32, 256}},
      {"vgg16", "nesterov", 0.001, 2'560, {32, 64}},
  };
  return list;
}

struct Options {
  std::string device = "auto";
  std::string model;
  std::int64_t batch = 0;  // 0: the recipe's
  std::string precision = "f32";
  std::int64_t steps = 0;  // 0: as many as the recipe's pictures give
  int epochs = 7;
  int warm_up_epochs = 2;
  int threads = 0;
  bool autotune = false;
  std::string json;
  bool profile = false;
  std::string trace;
};

Dataset random_pictures(const Shape& sample, std::int64_t classes, std::int64_t count) {
  Dataset data{Tensor(sample.prepend(count), DType::u8), Tensor({count}, DType::i32)};
  std::mt19937_64 random(0);
  std::uint8_t* pixels = data.x.data<std::uint8_t>();
  for (std::int64_t i = 0; i < data.x.numel(); ++i) {
    pixels[i] = static_cast<std::uint8_t>(random() >> 56);
  }
  for (std::int32_t& label : data.y.span<std::int32_t>()) {
    label = static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(classes));
  }
  return data;
}

/// Times whole epochs, so that it costs nothing within them.
class EpochClock : public Callback {
 public:
  explicit EpochClock(int warm_up_epochs) : warm_up_epochs_(warm_up_epochs) {}

  void on_train_begin(Model&, const FitPlan& plan) override { steps_ = plan.steps_per_epoch; }
  void on_epoch_begin(Model&, int) override { begin_ = Clock::now(); }
  void on_epoch_end(Model&, int epoch, const Logs& logs) override {
    const std::chrono::duration<double, std::milli> elapsed = Clock::now() - begin_;
    loss_ = logs.at("loss");
    if (epoch >= warm_up_epochs_) times_.push_back(elapsed.count() / static_cast<double>(steps_));
  }
  bool observes_steps() const override { return false; }

  /// Milliseconds per step, one number an epoch.
  const std::vector<double>& times() const { return times_; }
  double loss() const { return loss_; }

 private:
  using Clock = std::chrono::steady_clock;
  int warm_up_epochs_;
  std::int64_t steps_ = 1;
  Clock::time_point begin_;
  std::vector<double> times_;
  double loss_ = 0;
};

std::int64_t trainable_parameters(const Network& network) {
  std::int64_t count = 0;
  for (const ParameterRecord& parameter : network.parameters()) {
    if (parameter.trainable) count += parameter.shape.numel();
  }
  return count;
}

Model compiled_model(const Recipe& recipe, const Options& options) {
  Model model(make_network(recipe.model), {.device = options.device,
                                           .precision = options.precision,
                                           .threads = options.threads,
                                           .autotune = options.autotune});
  model.compile({.optimizer = make_optimizer(recipe.optimizer, recipe.rate),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  return model;
}

Json measure(const Recipe& recipe, std::int64_t batch, const Options& options) {
  Model model = compiled_model(recipe, options);
  const Network& network = model.network();
  const std::int64_t steps =
      options.steps > 0 ? options.steps : std::max<std::int64_t>(recipe.pictures / batch, 1);
  const Dataset data = random_pictures(network.inputs().front().shape,
                                       network.outputs().front().shape.c(), batch * steps);
  const auto clock = std::make_shared<EpochClock>(options.warm_up_epochs);
  FitOptions fit;
  fit.epochs = options.warm_up_epochs + options.epochs;
  fit.batch_size = batch;
  fit.verbose = 0;
  fit.callbacks = {clock};
  model.fit(data, fit);

  const Spread time = spread_of(clock->times());
  const MemoryUse memory = open_device(model.device_name())->memory_use();
  return Json::Object{{"device", model.device_name()},
                      {"trainable_parameters", trainable_parameters(network)},
                      {"optimizer", recipe.optimizer},
                      {"steps_per_epoch", steps},
                      {"capture_problem", model.capture_problem()},  // empty: none
                      {"milliseconds_per_step", to_json(time)},
                      {"images_per_second", static_cast<double>(batch) / time.median * 1e3},
                      {"loss", clock->loss()},
                      {"dataset_bytes", static_cast<std::int64_t>(data.x.bytes() + data.y.bytes())},
                      {"peak_device_bytes", memory.peak},
                      {"peak_rss_bytes", peak_rss_bytes()}};
}

std::vector<std::int64_t> batches_of(const Recipe& recipe, const Options& options) {
  return options.batch > 0 ? std::vector<std::int64_t>{options.batch} : recipe.batch_sizes;
}

/// A row that says what it is about, whatever becomes of it.
Json row_of(const Recipe& recipe, std::int64_t batch, const Options& options) {
  Json row = Json::Object{{"side", "fovea"},
                          {"mode", "fit"},
                          {"model", recipe.model},
                          {"batch_size", batch},
                          {"precision", options.precision},
                          {"autotune", options.autotune}};
  std::printf("%-12s %5lld %-5s ", recipe.model, static_cast<long long>(batch),
              options.precision.c_str());
  std::fflush(stdout);
  try {
    const Json measured = measure(recipe, batch, options);
    row.set("status", "ok");
    for (const auto& [key, value] : measured.as_object()) row.set(key, value);
    const Json& time = measured.at("milliseconds_per_step");
    std::printf("%10.3f ms/step (%.3f-%.3f) %10.1f images/s %9.1f MiB device %9.1f MiB process\n",
                time.at("median").as_double(), time.at("p10").as_double(),
                time.at("p90").as_double(), measured.at("images_per_second").as_double(),
                measured.at("peak_device_bytes").as_double() / (1 << 20),
                measured.at("peak_rss_bytes").as_double() / (1 << 20));
  } catch (const Error& error) {
    row.set("status", error.code() == ErrorCode::out_of_memory ? "does_not_fit" : "failed");
    row.set("reason", error.what());
    std::printf("%s: %s\n", row.at("status").as_string().c_str(), error.what());
  }
  return row;
}

PeakRates peaks_of_machine(const Options& options) {
  const Bench bench(open_device(options.device),
                    options.threads > 0 ? options.threads : omp_get_max_threads());
  Peaks peaks(bench, sizes_for(bench.device()));
  const auto format =
      std::find_if(kNumberFormats.begin(), kNumberFormats.end(),
                   [&](const NumberFormat& each) { return each.name == options.precision; });
  return {peaks.copy() * 1e9, peaks.matmul(*format).tflops * 1e12};
}

/// Prints the profile of each training step that the options ask for and writes what they ask for.
bool profile(const Options& options) {
  const PeakRates peaks = peaks_of_machine(options);
  std::printf("peaks: copies at %.1f GB/s, matrix products at %.1f GFLOP/s\n",
              peaks.bytes_per_second * 1e-9, peaks.flops_per_second * 1e-9);
  Json::Array rows;
  for (const Recipe& recipe : recipes()) {
    if (!options.model.empty() && options.model != recipe.model) continue;
    for (const std::int64_t batch : batches_of(recipe, options)) {
      Profile profile = compiled_model(recipe, options).profile(batch);
      profile.peaks = peaks;
      std::printf("\n%s, %s", recipe.model, profile.str().c_str());
      Json row = Json::Object{{"model", recipe.model}};
      row.set("profile", profile.to_json());
      rows.push_back(row);
      if (!options.trace.empty() && !(std::ofstream(options.trace) << profile.chrome_trace())) {
        fail(ErrorCode::io, "cannot write ", options.trace);
      }
    }
  }
  if (options.json.empty()) return true;
  Json json = describe_run(open_device(options.device)->name());
  json.set("rows", rows);
  write_json(options.json, json);
  return true;
}

bool run(const Options& options) {
  if (options.profile || !options.trace.empty()) return profile(options);
  const std::string device = open_device(options.device)->name();
  Json::Array rows;
  bool all_ok = true;
  for (const Recipe& recipe : recipes()) {
    if (!options.model.empty() && options.model != recipe.model) continue;
    for (const std::int64_t batch : batches_of(recipe, options)) {
      rows.push_back(row_of(recipe, batch, options));
      all_ok = all_ok && rows.back().at("status").as_string() == "ok";
      if (options.json.empty()) continue;
      Json json = describe_run(device);
      json.set("rows", rows);
      write_json(options.json, json);
    }
  }
  return all_ok;
}

Options parse(int count, char** arguments) {
  Options o;
  bool help = false;
  std::vector<std::string> models;
  for (const Recipe& recipe : recipes()) models.emplace_back(recipe.model);
  CommandLine line("train_bench", "Times training steps of well-known networks.");
  line.add_text("--device", "NAME", "auto (the default), cpu, cuda or cuda:1", o.device);
  line.add_choice("--model", models, "only this network", o.model);
  line.add_number("--batch", "N", "instead of the network's list of batch sizes", o.batch, 1);
  line.add_choice("--precision", {"f32", "tf32", "bf16", "f16"}, "default: f32", o.precision);
  line.add_number("--steps", "N", "steps in an epoch; default: as CIFAR-10 has, or 2,560 pictures",
                  o.steps, 1);
  line.add_number("--epochs", "N", "timed epochs, one measurement each (7)", o.epochs, 1);
  line.add_number("--warm-up", "N", "epochs before the timed ones (2)", o.warm_up_epochs, 0);
  line.add_number("--threads", "N", "of the CPU; default: all", o.threads, 1);
  line.add_flag("--autotune", "measure the GPU's kernels and take the fastest", o.autotune);
  line.add_text("--json", "FILE", "write every row to this file", o.json);
  line.add_flag("--profile", "print the time of each kernel of a step instead", o.profile);
  line.add_text("--trace", "FILE",
                "write those times for chrome://tracing or Perfetto; takes one --model and --batch",
                o.trace);
  line.add_flag("--help", "print this and stop", help);
  line.parse(count, arguments);
  if (help) {
    std::cout << line.help();
    std::exit(0);
  }
  if (!o.trace.empty() && (o.model.empty() || o.batch == 0)) {
    throw UsageError("--trace takes one --model and one --batch");
  }
  return o;
}

}  // namespace
}  // namespace fovea::bench

int main(int count, char** arguments) {
  try {
    return fovea::bench::run(fovea::bench::parse(count, arguments)) ? 0 : 1;
  } catch (const UsageError& error) {
    std::cerr << "train_bench: " << error.what() << "; see train_bench --help\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "train_bench: " << error.what() << "\n";
    return 1;
  }
}
