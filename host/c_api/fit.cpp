// Training: fit() with a caller's callbacks, single batches, evaluation, and what they report.
#include <limits>

#include "host/c_api/model_handle.h"

using fovea::Arrays;
using fovea::Dataset;
using fovea::FitOptions;
using fovea::Logs;
using fovea::Model;
using fovea::c_api::checked;
using fovea::c_api::element;
using fovea::c_api::give_out;
using fovea::c_api::guarded;
using fovea::c_api::looked_up;
using fovea::c_api::optional_tensor;
using fovea::c_api::options_from;
using fovea::c_api::required;
using fovea::c_api::tensors;

struct fovea_history : fovea::c_api::Handle<fovea_history> {
  static constexpr const char* kName = "fovea_history";
  static constexpr std::uint64_t kTag = fovea::c_api::handle_tag(7);
  explicit fovea_history(const fovea::History& history)
      : stopped(history.stopped_early), samples_per_second(history.samples_per_second) {
    for (const Logs& logs : history.logs) epochs.push_back(std::make_unique<fovea_logs>(logs));
  }
  std::vector<std::unique_ptr<fovea_logs>> epochs;
  bool stopped;
  double samples_per_second;
};

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Hands fit()'s events to a program's functions.
class CallerCallback final : public fovea::Callback {
 public:
  CallerCallback(fovea_model& model, const fovea_callbacks& functions)
      : handle_(&model), functions_(functions) {}

  void on_epoch_begin(Model& model, int epoch) override {
    if (functions_.on_epoch_begin == nullptr) return;
    stop_if(model, functions_.on_epoch_begin(functions_.user_data, handle_, epoch));
  }
  void on_step_end(Model& model, int epoch, std::int64_t step, const Logs& logs) override {
    const fovea_logs shown(logs);
    stop_if(model, functions_.on_batch_end(functions_.user_data, handle_, epoch, step, &shown));
  }
  void on_epoch_end(Model& model, int epoch, const Logs& logs) override {
    if (functions_.on_epoch_end == nullptr) return;
    const fovea_logs shown(logs);
    stop_if(model, functions_.on_epoch_end(functions_.user_data, handle_, epoch, &shown));
  }
  bool observes_steps() const override { return functions_.on_batch_end != nullptr; }

 private:
  static void stop_if(Model& model, int wanted) {
    if (wanted != 0) model.stop_training();
  }

  fovea_model* handle_;
  fovea_callbacks functions_;
};

/// While one exists, the model is being trained.
class FitScope {
 public:
  explicit FitScope(fovea_model& model) : model_(model) {
    FOVEA_REQUIRE(!model.in_fit, invalid_argument,
                  "a callback cannot call fovea_model_fit for the model that is being trained; "
                  "fovea_model_train_on_batch it can");
    model.in_fit = true;
  }
  ~FitScope() { model_.in_fit = false; }
  FitScope(const FitScope&) = delete;
  FitScope& operator=(const FitScope&) = delete;

 private:
  fovea_model& model_;
};

FitOptions fit_options(fovea_model& model, const fovea_fit_options* options) {
  const fovea_fit_options given = options_from(options);
  FitOptions result;
  if (given.epochs != 0) result.epochs = given.epochs;
  if (given.batch_size != 0) result.batch_size = given.batch_size;
  result.validation_split = given.validation_split;
  FOVEA_REQUIRE((given.validation_x == nullptr) == (given.validation_y == nullptr),
                invalid_argument, "give both of validation_x and validation_y, or neither");
  if (given.validation_x != nullptr) {
    Dataset validation;
    validation.x = checked(given.validation_x).value;
    validation.y = checked(given.validation_y).value;
    result.validation_data = std::move(validation);
  }
  result.shuffle = given.keep_order == 0;
  result.sample_weight = optional_tensor(given.sample_weight);
  result.validation_sample_weight = optional_tensor(given.validation_sample_weight);
  if (given.accumulate_steps != 0) result.accumulate_steps = given.accumulate_steps;
  result.verbose = given.verbose;
  if (given.callbacks != nullptr) {
    result.callbacks.emplace_back(
        std::make_shared<CallerCallback>(model, options_from(given.callbacks)));
  }
  result.checkpoint.path = fovea::c_api::text_or(given.checkpoint_path, "");
  result.checkpoint.every_steps = given.checkpoint_every_steps;
  return result;
}

}  // namespace

fovea_status fovea_model_fit(fovea_model* model, fovea_tensor* const* inputs, size_t input_count,
                             fovea_tensor* const* targets, size_t target_count,
                             const fovea_fit_options* options, fovea_history** out) {
  return guarded([&] {
    const Arrays data{tensors(inputs, input_count, "inputs"),
                      tensors(targets, target_count, "targets")};
    const FitOptions given = fit_options(checked(model), options);
    const FitScope scope(*model);
    auto history = std::make_unique<fovea_history>(model->value.fit(data, given));
    if (out != nullptr) give_out(out, std::move(history));
  });
}

fovea_status fovea_model_stop_training(fovea_model* model) {
  return guarded([&] { checked(model).value.stop_training(); });
}

fovea_status fovea_model_train_on_batch(fovea_model* model, fovea_tensor* const* inputs,
                                        size_t input_count, fovea_tensor* const* targets,
                                        size_t target_count, const fovea_tensor* sample_weight,
                                        fovea_logs** out) {
  return guarded([&] {
    auto logs = std::make_unique<fovea_logs>(checked(model).value.train_on_batch(
        tensors(inputs, input_count, "inputs"), tensors(targets, target_count, "targets"),
        optional_tensor(sample_weight)));
    if (out != nullptr) give_out(out, std::move(logs));
  });
}

fovea_status fovea_model_evaluate(fovea_model* model, fovea_tensor* const* inputs,
                                  size_t input_count, fovea_tensor* const* targets,
                                  size_t target_count, int64_t batch_size,
                                  const fovea_tensor* sample_weight, fovea_logs** out) {
  return guarded([&] {
    fovea::EvaluateOptions options;
    if (batch_size != 0) options.batch_size = batch_size;
    options.sample_weight = optional_tensor(sample_weight);
    const Arrays data{tensors(inputs, input_count, "inputs"),
                      tensors(targets, target_count, "targets")};
    give_out(out, std::make_unique<fovea_logs>(checked(model).value.evaluate(data, options)));
  });
}

fovea_status fovea_model_get_learning_rate(const fovea_model* model, double* out) {
  return guarded([&] { required(out, "out") = checked(model).value.learning_rate(); });
}

fovea_status fovea_model_set_learning_rate(fovea_model* model, double rate) {
  return guarded([&] { checked(model).value.set_learning_rate(rate); });
}

// ---- Logs and histories ----

size_t fovea_logs_count(const fovea_logs* logs) {
  return looked_up(size_t{0}, [&] { return checked(logs).value.size(); });
}

const char* fovea_logs_name(const fovea_logs* logs, size_t index) {
  return looked_up<const char*>(nullptr,
                                [&] { return element(checked(logs).value, index).first.c_str(); });
}

double fovea_logs_value(const fovea_logs* logs, size_t index) {
  return looked_up(kNan, [&] { return element(checked(logs).value, index).second; });
}

double fovea_logs_get(const fovea_logs* logs, const char* name) {
  return looked_up(kNan, [&] { return checked(logs).value.at(&required(name, "name")); });
}

void fovea_logs_free(fovea_logs* logs) { fovea::c_api::free_handle(logs); }

size_t fovea_history_count(const fovea_history* history) {
  return looked_up(size_t{0}, [&] { return checked(history).epochs.size(); });
}

const fovea_logs* fovea_history_logs(const fovea_history* history, size_t epoch) {
  return looked_up<const fovea_logs*>(
      nullptr, [&] { return element(checked(history).epochs, epoch).get(); });
}

int fovea_history_stopped(const fovea_history* history) {
  return looked_up(0, [&] { return checked(history).stopped ? 1 : 0; });
}

double fovea_history_samples_per_second(const fovea_history* history) {
  return looked_up(kNan, [&] { return checked(history).samples_per_second; });
}

void fovea_history_free(fovea_history* history) { fovea::c_api::free_handle(history); }
