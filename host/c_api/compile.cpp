// compile(): optimizers, losses and metrics in C's words.
#include "fovea/names.h"
#include "fovea/optimizer.h"
#include "host/c_api/model_handle.h"

using fovea::CompileOptions;
using fovea::Json;
using fovea::Loss;
using fovea::c_api::checked;
using fovea::c_api::guarded;
using fovea::c_api::options_from;
using fovea::c_api::required;
using fovea::c_api::text_or;
using fovea::c_api::texts;

namespace {

using OptimizerPointer = std::shared_ptr<const fovea::Optimizer>;

/// The optimizer with some of its hyper-parameters replaced: those that are in its own JSON.
OptimizerPointer with_settings(const fovea::Optimizer& optimizer, const char* settings) {
  Json description = optimizer.to_json();
  std::vector<std::string> known;
  for (const auto& [key, value] : description.as_object()) {
    if (key != "name") known.push_back(key);
  }
  const Json given = Json::parse(settings, "optimizer_json");
  FOVEA_REQUIRE(given.is_object(), invalid_argument,
                "optimizer_json is an object, such as {\"weight_decay\": 1e-4}, not ", settings);
  for (const auto& [key, value] : given.as_object()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      fovea::fail_unknown("setting of the optimizer", key, known);
    }
    const bool plain_rate = key == "learning_rate" && value.is_number();
    description.set(key, plain_rate ? fovea::Schedule(value.as_double()).to_json() : value);
  }
  return fovea::optimizer_from_json(description);
}

OptimizerPointer optimizer_of(const fovea_compile_options& options) {
  const std::string name = text_or(options.optimizer, "adam");
  OptimizerPointer optimizer = options.learning_rate != 0
                                   ? fovea::make_optimizer(name, options.learning_rate)
                                   : fovea::make_optimizer(name);
  if (options.optimizer_json == nullptr) return optimizer;
  return with_settings(*optimizer, options.optimizer_json);
}

/// Of a model, or of one of its outputs.
template <class Options>
Loss loss_of(const Options& options) {
  Loss loss(text_or(options.loss, ""));
  loss.from_logits = options.from_logits != 0;
  loss.label_smoothing = options.label_smoothing;
  if (options.huber_delta != 0) loss.delta = options.huber_delta;
  return loss;
}

void add_output(const fovea_output_loss& output, CompileOptions& result) {
  fovea::OutputLoss& loss = result.outputs[&required(output.output, "output")];
  loss.loss = loss_of(output);
  if (output.weight != 0) loss.weight = output.weight;
  loss.metrics = texts(output.metrics, output.metric_count, "metrics");
}

}  // namespace

fovea_status fovea_model_compile(fovea_model* model, const fovea_compile_options* options) {
  return guarded([&] {
    const fovea_compile_options given = options_from(options);
    CompileOptions result;
    result.optimizer = optimizer_of(given);
    result.loss = loss_of(given);
    result.metrics = texts(given.metrics, given.metric_count, "metrics");
    if (given.output_count > 0) required(given.outputs, "outputs");
    // The program's structs may be larger or smaller than ours.
    const auto* next = reinterpret_cast<const char*>(given.outputs);  // NOLINT
    for (size_t o = 0; o < given.output_count; ++o) {
      const auto* output = reinterpret_cast<const fovea_output_loss*>(next);  // NOLINT
      add_output(options_from(output), result);
      next += output->struct_size;
    }
    checked(model).value.compile(std::move(result));
  });
}
