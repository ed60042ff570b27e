// fovea train: reads the data, makes the model, trains it, and keeps all of that in a run folder.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>

#include "fovea/callbacks.h"
#include "fovea/device.h"
#include "fovea/names.h"
#include "fovea/tensorboard.h"
#include "fovea/version.h"
#include "host/cli/command.h"
#include "host/cli/interrupt.h"
#include "host/cli/models.h"
#include "host/cli/report_run.h"
#include "host/cli/run_folder.h"
#include "host/cli/train_options.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFooter =
    "MODEL is one of the zoo (fovea summary --list), a description in JSON (this library's or\n"
    "Keras's), or a model file to go on from (.fov, .keras, .h5, .onnx). DATA is a data set\n"
    "(fovea data list), a folder with one folder of pictures per class (or train and test,\n"
    "with one each), or a CSV file. What is not said comes from a recipe for the model.\n"
    "\n"
    "The run folder gets config.json, model.json, history.csv, history.json, best.fov,\n"
    "last.fov, result.json, report.html, and events/ for TensorBoard (tensorboard --logdir\n"
    "RUN). Ctrl-C ends training after the step and saves it; a second one ends at once.\n"
    "\n"
    "Examples:\n"
    "  fovea train lenet5 mnist --epochs 3 --out digits\n"
    "  fovea train resnet20 cifar10 --data ~/cifar-10-batches-bin\n"
    "  fovea train cifar10_cnn pictures/ --patience 5\n"
    "  fovea train iris_small iris.csv --target species\n"
    "  fovea train --resume digits --epochs 10";

/// The words of the command line that started this process.
Json command_line() {
  Json words = Json::array();
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  for (std::string word; std::getline(file, word, '\0');) words.push(word);
  return words;
}

/// The processor's name, as Linux tells it; empty where it does not.
std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    return line.substr(std::min(line.find(':') + 2, line.size()));
  }
  return {};
}

Json machine(const std::string& device) {
  Json json = Json::object();
  json.set("processor", processor());
  json.set("hardware_threads", static_cast<std::int64_t>(std::thread::hardware_concurrency()));
  json.set(device, open_device(device)->fingerprint());
  return json;
}

/// A path that means the same in another folder; names stay as they are.
std::string absolute_path(const std::string& path) {
  return path.empty() ? path : fs::absolute(path).lexically_normal().string();
}

/// What the run is made of, once it is known that it can work.
struct Job {
  TrainOptions options;
  ModelChoice choice;
  TrainTest data;
  std::optional<Model> model;
};

std::string describe(const Logs& logs) {
  std::string text;
  for (const auto& [name, value] : logs) text += " - " + name + ": " + format_number(value);
  return text;
}

Json logs_to_json(const Logs& logs) {
  Json json = Json::object();
  for (const auto& [name, value] : logs) json.set(name, finite_or_null(value));
  return json;
}

// ---- Before training ----

ModelOptions model_options(const TrainOptions& options, const TrainTest& data) {
  return {.device = options.device.device,
          .precision = options.device.precision,
          .threads = options.device.threads,
          .autotune = options.autotune,
          .seed = options.seed,
          .class_names = data.train.class_names};
}

/// Reads the data for the network, whose classes may follow from them, and checks that they fit.
void load_job(Job& job) {
  const TrainOptions& options = job.options;
  std::optional<Model> started;
  if (job.choice.kind == ModelChoice::Kind::file) {
    started = load_any(job.choice, {.device = options.device.device});
  }
  const Network first = started ? started->network() : make_network(job.choice, 0);
  job.data = load_data(options.data, picture_shape(first));
  const Network network = started ? first : make_network(job.choice, class_count(job.data));
  check_fit(network, job.choice.name, job.data.train, short_name(options.data));
  const ModelOptions settings = model_options(options, job.data);
  job.model = started ? load_any(job.choice, settings) : Model(network, settings);
}

/// Before there is a run folder: a name that no epoch's logs will have.
void check_monitor(const std::string& monitor, const CompileOptions& settings) {
  std::vector<std::string> metrics = settings.metrics;
  metrics.insert(metrics.begin(), "loss");
  for (std::size_t i = 0, count = metrics.size(); i < count; ++i) {
    metrics.push_back("val_" + metrics[i]);
  }
  if (std::find(metrics.begin(), metrics.end(), monitor) == metrics.end()) {
    fail_unknown("metric to monitor", monitor, metrics);
  }
}

void compile_job(Job& job) {
  const TrainOptions& options = job.options;
  const bool labels = job.data.train.y.dtype() == DType::i32;
  CompileOptions settings = settings_for(job.model->network(), labels);
  check_monitor(options.monitor, settings);
  settings.loss.label_smoothing = options.label_smoothing;
  std::int64_t samples = job.data.train.size();
  if (options.validation_split > 0) {
    samples = validation_split_at(samples, options.validation_split);
  }
  settings.optimizer = make_optimizer(options.optimizer, make_schedule(options, samples));
  job.model->compile(settings);
}

Json describe_job(const Job& job) {
  Json json = Json::object();
  json.set("format", RunFolder::kFormat);
  json.set("created", timestamp());
  json.set("command", command_line());
  json.set("fovea", version());
  json.set("compiler", compiler());
  json.set("machine", machine(job.model->device_name()));
  json.set("device", job.model->device_name());
  json.set("model_name", job.choice.name);
  json.set("data_name", short_name(job.options.data));
  json.set("parameters", job.model->network().parameter_count());
  json.set("train_samples", job.data.train.size());
  json.set("test_samples", job.data.test.size());
  json.set("class_names", fovea::to_json(job.data.train.class_names));
  json.set("options", to_json(job.options));
  return json;
}

void say_job(const Job& job, const RunFolder& run, std::ostream& out) {
  const TrainOptions& o = job.options;
  out << "Model: " << job.choice.name << ", "
      << format_count(job.model->network().parameter_count()) << " parameters\n"
      << "Data: " << short_name(o.data) << ", " << format_count(job.data.train.size())
      << " samples to train on, " << format_count(job.data.test.size()) << " to test on\n"
      << "Training on " << job.model->device_name() << " in " << o.device.precision << ": "
      << o.optimizer << " at " << o.rate << (o.schedule == "constant" ? "" : ", " + o.schedule)
      << ", " << o.epochs << (o.epochs == 1 ? " epoch" : " epochs") << ", batches of "
      << o.batch_size << (o.augment == "none" ? "" : ", augmented by " + o.augment) << '\n'
      << "Run folder: " << run.path().string() << std::endl;
}

// ---- Training ----

struct Outcome {
  History history;
  double seconds = 0;
  int best_epoch = 0;  // from 0
  std::optional<Logs> test;
};

/// Events for TensorBoard, in the run's folder events.
TensorBoard event_writer(const Job& job, const RunFolder& run) {
  TensorBoardOptions options;
  options.hparams = settings_of(to_json(job.options));
  if (job.options.events == "full") {
    const Dataset& test = job.data.test;
    const bool pictures = picture_shape(job.model->network()).has_value();
    options.histogram_freq = 1;
    options.samples = test.slice(0, std::min<std::int64_t>(test.size(), 64));
    options.write_images = pictures;
    if (pictures) options.mistakes_in = test;
  }
  // An absolute path, so that the run may be resumed from another folder.
  return TensorBoard(fs::absolute(run.path()).lexically_normal() / "events", options);
}

/// The interrupted training says how to go on.
[[noreturn]] void fail_interrupted(const Error& error, const RunFolder& run) {
  const std::string text = error.what();
  fail(ErrorCode::interrupted, text.substr(0, text.find(';')),
       "; go on with it by: fovea train --resume ", shell_word(run.path().string()));
}

Outcome fit(Job& job, const RunFolder& run, int verbose) {
  const TrainOptions& o = job.options;
  const auto best = std::make_shared<ModelCheckpoint>(
      run.best(), ModelCheckpointOptions{.monitor = o.monitor, .save_best_only = true});
  FitOptions options;
  options.epochs = o.epochs;
  options.batch_size = o.batch_size;
  options.augmentation = make_augmentation(o.augment);
  options.verbose = verbose;
  options.callbacks = {RunHistory(run), best};
  if (o.events != "none") options.callbacks.emplace_back(event_writer(job, run));
  if (o.patience > 0) {
    options.callbacks.emplace_back(
        EarlyStopping({.monitor = o.monitor, .patience = o.patience, .verbose = verbose > 0}));
  }
  options.checkpoint = {run.last(), 0, o.checkpoint_minutes};
  options.interrupt = &interrupt_requested;
  if (o.validation_split > 0) {
    options.validation_split = o.validation_split;
  } else {
    options.validation_data = job.data.test;
  }

  Outcome outcome;
  const auto begin = std::chrono::steady_clock::now();
  catch_interrupts();
  try {
    outcome.history = job.model->fit(job.data.train, options);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::interrupted) fail_interrupted(error, run);
    throw;
  }
  release_interrupts();
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const std::vector<double> values = outcome.history.metric(o.monitor);
  const auto found = std::find(values.begin(), values.end(), best->best().value_or(0));
  outcome.best_epoch = found == values.end() ? 0 : static_cast<int>(found - values.begin());
  if (o.validation_split > 0) {
    Model model = Model::load(run.checkpoint(), model_options(o, job.data));
    outcome.test = model.evaluate(job.data.test, {.batch_size = o.batch_size});
  }
  return outcome;
}

Json describe_outcome(const Job& job, const RunFolder& run, const Outcome& outcome) {
  const History& history = outcome.history;
  const auto epoch = [&](int index) {
    Json json = Json::object();
    json.set("epoch", index + 1);
    for (const auto& [name, value] : history.logs[static_cast<std::size_t>(index)]) {
      json.set(name, finite_or_null(value));
    }
    return json;
  };
  Json json = Json::object();
  json.set("run", run.path().string());
  json.set("model", job.choice.name);
  json.set("data", short_name(job.options.data));
  json.set("status", history.stopped_early ? "stopped_early" : "complete");
  json.set("epochs", static_cast<std::int64_t>(history.logs.size()));
  json.set("best", epoch(outcome.best_epoch));
  json.set("last", epoch(static_cast<int>(history.logs.size()) - 1));
  if (outcome.test) json.set("test", logs_to_json(*outcome.test));
  json.set("samples_per_second", history.samples_per_second);
  json.set("seconds", outcome.seconds);
  json.set("best_file", run.best());
  json.set("last_file", run.last());
  json.set("history", read_json_file(run.file("history.json")));
  return json;
}

/// The run's page. Training is done, so what goes wrong here is only said.
void write_run_report(const Job& job, const RunFolder& run) {
  const std::string path = run.path().string();
  try {
    Model best = Model::load(run.checkpoint(), model_options(job.options, job.data));
    HtmlReportOptions about = describe_for_report(path, job.choice.name);
    about.test = job.data.test;
    write_report(run.file("report.html"), best, about);
  } catch (const Error& error) {
    Terminal::error("fovea train", "the run has no report: " + std::string(error.what()));
  }
}

int finish(Terminal& terminal, const Job& job, const RunFolder& run, const Outcome& outcome) {
  const Json document = describe_outcome(job, run, outcome);
  write_file_atomically(run.file("result.json"), document.to_string(2) + "\n");
  const auto& best = outcome.history.logs[static_cast<std::size_t>(outcome.best_epoch)];
  if (job.options.report) write_run_report(job, run);
  terminal.result() << terminal.bold("Best: epoch " + std::to_string(outcome.best_epoch + 1))
                    << describe(best) << '\n';
  if (outcome.test) {
    terminal.result() << "Test, of the best epoch:" << describe(*outcome.test) << '\n';
  }
  const std::string path = run.path().string();
  if (run.has("report.html")) terminal.info() << "Report: " << path << "/report.html\n";
  const bool pictures = picture_shape(job.model->network()).has_value();
  terminal.info() << "Next: fovea "
                  << (pictures ? "predict " + shell_word(path + "/best.fov") + " PICTURE"
                               : "evaluate " + shell_word(path))
                  << '\n';
  terminal.document(document);
  return kSuccess;
}

int start(Terminal& terminal, const TrainOptions& given, const std::string& out) {
  if (!out.empty()) RunFolder::require_new(out);
  Job job;
  job.options = given;
  job.choice = find_model(given.model);
  apply_recipe(job.options, recipe_for(job.choice.name));
  job.options.data.folder = absolute_path(given.data.folder);
  if (is_own_data(given.data)) job.options.data.name = absolute_path(given.data.name);
  load_job(job);
  compile_job(job);
  if (job.choice.kind != ModelChoice::Kind::zoo) {
    job.options.model = absolute_path(job.choice.path);
  }
  const std::string data_name = short_name(job.options.data);
  const fs::path path = out.empty() ? default_run_path(job.choice.name, data_name) : fs::path(out);
  const RunFolder run = RunFolder::create(path, describe_job(job));
  write_file_atomically(run.file("model.json"), job.model->network().to_json().to_string(1) + "\n");
  say_job(job, run, terminal.info());
  const int verbose = terminal.quiet() ? 0 : terminal.interactive() ? 1 : 2;
  return finish(terminal, job, run, fit(job, run, verbose));
}

// ---- Going on ----

/// The run's own options, with more epochs if they are asked for.
TrainOptions options_of_run(const RunFolder& run, const TrainOptions& given) {
  TrainOptions options = train_options_from_json(run.config().at("options"));
  if (!given.data.folder.empty()) options.data.folder = absolute_path(given.data.folder);
  if (given.epochs != 0 && given.epochs != options.epochs) {
    FOVEA_REQUIRE(options.schedule == "constant", invalid_argument,
                  "the run's learning rate follows a schedule (", options.schedule,
                  ") that ends with epoch ", options.epochs,
                  ", so --epochs cannot be changed; to train on, start a new run from ",
                  run.path().string(), "/best.fov");
    options.epochs = given.epochs;
  }
  return options;
}

/// Throws for a run that has all its epochs, or was stopped early and is not asked for more.
void check_unfinished(const RunFolder& run, int epochs, bool asked) {
  if (!run.has("result.json")) return;
  const Json result = read_json_file(run.file("result.json"));
  const std::int64_t done = result.at("epochs").as_int();
  const bool stopped = result.at("status").as_string() == "stopped_early";
  FOVEA_REQUIRE(done < epochs && (!stopped || asked), invalid_argument, run.path().string(),
                stopped ? " was stopped early after " : " is complete after ", done,
                done == 1 ? " epoch" : " epochs", "; to train on, say --epochs N");
}

/// The model as the last checkpoint has it; before the first one, as the run began.
std::string load_resumed(Job& job, const RunFolder& run) {
  if (!run.has("last.fov")) {
    if (job.choice.kind != ModelChoice::Kind::file) {
      job.choice = {ModelChoice::Kind::description, job.choice.name, run.file("model.json")};
    }
    load_job(job);
    compile_job(job);
    std::error_code ignored;
    fs::remove_all(run.path() / "events", ignored);
    return "Nothing was saved yet: training starts from the beginning.";
  }
  job.model = Model::load(run.last(), model_options(job.options, {}));
  job.data = load_data(job.options.data, picture_shape(job.model->network()));
  check_fit(job.model->network(), job.choice.name, job.data.train, short_name(job.options.data));
  return job.model->resume(run.last());
}

int resume(Terminal& terminal, const TrainOptions& given, const std::string& path) {
  const RunFolder run = RunFolder::open(path);
  Job job;
  job.options = options_of_run(run, given);
  job.choice.name = run.config().at("model_name").as_string();
  job.choice.path = job.options.model;
  if (!run.has("last.fov")) {
    job.choice = find_model(job.options.model);
  }
  check_unfinished(run, job.options.epochs, given.epochs > 0);
  const std::string how = load_resumed(job, run);
  Json config = run.config();
  config.set("options", to_json(job.options));
  write_file_atomically(run.file("config.json"), config.to_string(2) + "\n");
  say_job(job, run, terminal.info());
  terminal.info() << how << std::endl;
  const int verbose = terminal.quiet() ? 0 : terminal.interactive() ? 1 : 2;
  return finish(terminal, job, run, fit(job, run, verbose));
}

/// A run goes on as it began: only these may be said.
void check_resume_options(const CLI::App& app) {
  const std::vector<std::string> allowed = {"resume", "epochs", "data", "json", "quiet", "help"};
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0) continue;
    const std::string name = option->get_single_name();
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
      throw UsageError("--resume goes on with a run as it began; leave out " + option->get_name());
    }
  }
}

}  // namespace

Action add_train(CLI::App& app) {
  struct Request {
    TrainOptions options;
    std::string out;
    std::string resume;
  };
  const auto request = std::make_shared<Request>();
  app.add_option("MODEL", request->options.model, "Of the zoo, or a file")->type_name(" ");
  app.add_option("DATA", request->options.data.name, "A data set, or a path")->type_name(" ");
  app.add_option("--out", request->out, "Run folder (default: runs/MODEL-DATA-DATE-TIME)")
      ->type_name("RUN");
  app.add_option("--resume", request->resume,
                 "Go on with an interrupted run, or with more --epochs")
      ->type_name("RUN");
  app.add_option("--checkpoint-minutes", request->options.checkpoint_minutes,
                 "Save last.fov so often within an epoch, too (default: 5; 0: not)")
      ->type_name("M")
      ->check(in_range(0));
  app.add_flag_callback(
      "--no-report", [request] { request->options.report = false; }, "Write no report.html");
  app.add_option("--events", request->options.events,
                 "For TensorBoard: none, scalars (default), or full, with histograms and pictures")
      ->type_name("NAME")
      ->check(one_of("choice", event_choices()));
  add_train_options(app, request->options);
  app.footer(kFooter);
  return [request, &app](Terminal& terminal) {
    if (!request->resume.empty()) {
      check_resume_options(app);
      return resume(terminal, request->options, request->resume);
    }
    if (request->options.data.name.empty()) {
      throw UsageError("MODEL and DATA are needed, such as: fovea train lenet5 mnist");
    }
    return start(terminal, request->options, request->out);
  };
}

}  // namespace fovea::cli
