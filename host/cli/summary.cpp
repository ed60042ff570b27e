// fovea summary: a model's layers, and what a step of training or predicting takes.
#include "fovea/summary.h"

#include <memory>

#include "fovea/models.h"
#include "fovea/plan_report.h"
#include "host/cli/command.h"
#include "host/cli/models.h"

namespace fovea::cli {
namespace {

constexpr const char* kFooter =
    "MODEL is one of the zoo, a model file, a description in JSON or a run folder. With\n"
    "--batch-size or --memory the plan of a training step is shown, too, before anything\n"
    "runs: its memory, its arithmetic, and the largest batch that fits.\n"
    "\n"
    "Examples:\n"
    "  fovea summary --list\n"
    "  fovea summary resnet20\n"
    "  fovea summary resnet50 --batch-size 64 --memory 8GiB\n"
    "  fovea summary RUN/best.fov --json";

struct Request {
  std::string model;
  bool list = false;
  std::int64_t batch_size = 0;
  std::int64_t memory_bytes = 0;
  bool predict = false;
  DeviceChoice device;
};

Json layers_to_json(const Network& network) {
  Json layers = Json::array();
  for (const LayerRecord& layer : network.layers()) {
    Json json = Json::object();
    json.set("name", layer.name);
    json.set("kind", layer.kind);
    json.set("output", fovea::to_json(layer.output));
    json.set("parameters", layer.parameter_count());
    json.set("connected_to", fovea::to_json(layer.connected_to));
    layers.push(json);
  }
  return layers;
}

std::int64_t trainable(const Network& network) {
  std::int64_t count = 0;
  for (const ParameterRecord& record : network.parameters()) {
    if (record.trainable) count += record.shape.numel();
  }
  return count;
}

Json plan_to_json(const PlanReport& plan) {
  Json json = Json::object();
  json.set("device", plan.device);
  json.set("precision", plan.precision);
  json.set("training", plan.training);
  json.set("batch_size", plan.batch_size);
  json.set("parameter_bytes", plan.parameter_bytes);
  json.set("statistic_bytes", plan.statistic_bytes);
  json.set("optimizer_bytes", plan.optimizer_bytes);
  json.set("other_bytes", plan.other_bytes);
  json.set("input_bytes", plan.input_bytes);
  json.set("arena_bytes", plan.arena_bytes);
  json.set("unshared_bytes", plan.unshared_bytes);
  json.set("workspace_bytes", plan.workspace_bytes);
  json.set("peak_bytes", plan.peak_bytes);
  json.set("flops", plan.flops);
  json.set("memory_bytes", plan.memory_bytes);
  json.set("largest_batch", plan.largest_batch);
  Json layers = Json::array();
  for (const LayerPlan& layer : plan.layers) {
    Json row = Json::object();
    row.set("name", layer.name);
    row.set("kind", layer.kind);
    row.set("output", fovea::to_json(layer.output));
    row.set("parameters", layer.parameters);
    row.set("activation_bytes", layer.activation_bytes);
    row.set("flops", layer.flops);
    layers.push(row);
  }
  return json.set("layers", layers);
}

int list_zoo(Terminal& terminal) {
  std::vector<std::vector<std::string>> rows = {{"model", "input", "outputs", "parameters"}};
  Json list = Json::array();
  for (const std::string& name : network_names()) {
    const Network network = fovea::make_network(name);
    const Shape& input = network.inputs().front().shape;
    const std::int64_t outputs = network.outputs().front().shape.numel();
    rows.push_back(
        {name, input.str(), std::to_string(outputs), format_count(network.parameter_count())});
    Json json = Json::object();
    json.set("name", name);
    json.set("input", fovea::to_json(input));
    json.set("outputs", outputs);
    json.set("parameters", network.parameter_count());
    list.push(json);
  }
  terminal.result() << format_table(rows);
  terminal.document(Json::object().set("models", list));
  return kSuccess;
}

int show(Terminal& terminal, const Request& request) {
  if (request.list) return list_zoo(terminal);
  if (request.model.empty()) throw UsageError("MODEL is needed, or --list");
  const ModelChoice choice = find_model(request.model);
  std::optional<Model> model;
  const bool planned = request.batch_size > 0 || request.memory_bytes > 0;
  if (planned || choice.kind == ModelChoice::Kind::file) {
    model = load_any(choice, {.device = request.device.device,
                              .precision = request.device.precision,
                              .threads = request.device.threads});
  }
  const Network network = model ? model->network() : make_network(choice, 0);
  terminal.result() << (model ? model->summary() : fovea::summary(network));
  Json document = Json::object();
  document.set("model", request.model);
  document.set("name", network.name());
  document.set("parameters", network.parameter_count());
  document.set("trainable_parameters", trainable(network));
  if (model) document.set("class_names", fovea::to_json(model->options().class_names));
  document.set("layers", layers_to_json(network));
  if (planned) {
    if (!request.predict && !model->compiled()) {
      const bool numbers =
          network.outputs().front().shape.numel() == 1 && !gives_probabilities(network);
      model->compile(settings_for(network, !numbers));
    }
    const PlanReport plan =
        model->plan_report(std::max<std::int64_t>(request.batch_size, 1), request.memory_bytes);
    terminal.result() << '\n' << plan.str();
    document.set("plan", plan_to_json(plan));
  }
  terminal.document(document);
  return kSuccess;
}

}  // namespace

Action add_summary(CLI::App& app) {
  const auto request = std::make_shared<Request>();
  app.add_option("MODEL", request->model, "Of the zoo, a file, or a run folder")->type_name(" ");
  app.add_flag("--list", request->list, "List the models of the zoo");
  app.add_option("--batch-size", request->batch_size, "Show the plan of a step of N samples")
      ->type_name("N")
      ->check(in_range(1));
  app.add_option("--memory", request->memory_bytes,
                 "Memory that may be used, such as 8GiB (default: what is free)")
      ->type_name("BYTES")
      ->transform(CLI::AsSizeValue(false))
      ->check(in_range(1));
  add_device_options(app, request->device);
  app.footer(kFooter);
  return [request](Terminal& terminal) { return show(terminal, *request); };
}

}  // namespace fovea::cli
