#include "fovea/plan_report.h"

#include <algorithm>
#include <cmath>

#include "fovea/ops/source.h"
#include "host/graph/passes.h"
#include "host/layers/symbol.h"
#include "host/ops/cost.h"
#include "host/summary/text_table.h"
#include "host/train/model_impl.h"

namespace fovea {
namespace {

/// The graph of a training step, or of a prediction, for batches of so many.
Graph step_graph_for(const Model::Impl& model, std::int64_t batch_size) {
  StepSpec spec;
  spec.dtype = model.dtype;
  spec.low = model.precision.low;
  spec.frozen = [&](const std::string& path) { return model.frozen(path); };
  for (std::size_t i = 0; i < model.network.inputs().size(); ++i) {
    spec.inputs.push_back(model.example_input(i, batch_size));
  }
  if (!model.compiled) return build_step_graph(model.network, nullptr, spec);
  spec.mode = StepMode::train;
  for (std::size_t o = 0; o < model.network.outputs().size(); ++o) {
    spec.targets.push_back(model.example_target(o, batch_size));
  }
  return build_step_graph(model.network, &*model.compiled, spec);
}

/// Where a node's bytes count, or null.
std::int64_t* tally_of(const Node& node, PlanReport& report) {
  const std::string_view op = node.op->name();
  if (op == ops::Input::kName) return &report.input_bytes;
  if (op == ops::Parameter::kName) return &report.parameter_bytes;
  if (op != ops::State::kName) return nullptr;
  return node.path.starts_with(kOptimizerState) ? &report.optimizer_bytes : &report.other_bytes;
}

PlanReport planned(const Model::Impl& model, std::int64_t batch_size) {
  const Graph graph = step_graph_for(model, batch_size);
  PlanOptions options = model.plan_options();
  options.autotuner = nullptr;  // which would run kernels
  const auto plan = compile_graph(graph, model.device, options);
  PlanReport report;
  report.device = model.device->name();
  report.precision = model.options.precision;
  report.training = model.compiled.has_value();
  report.batch_size = batch_size;
  for (const Node& node : graph.nodes()) {
    std::int64_t* tally = tally_of(node, report);
    if (tally != nullptr) *tally += graph.type(node.outputs.front()).bytes();
  }
  for (const ParameterRecord& record : model.network.parameters()) {
    if (record.trainable) continue;
    report.statistic_bytes +=
        record.shape.numel() * static_cast<std::int64_t>(dtype_size(model.dtype));
  }
  report.other_bytes -= report.statistic_bytes;
  report.arena_bytes = plan->arena_bytes();
  report.unshared_bytes = plan->naive_bytes();
  for (const PlanStep& step : plan->steps()) {
    report.workspace_bytes = std::max(report.workspace_bytes, step.workspace_bytes);
    report.flops += cost_of(*step.op, step.input_types, step.output_types).flops;
  }
  report.peak_bytes = report.parameter_bytes + report.statistic_bytes + report.optimizer_bytes +
                      report.other_bytes + report.input_bytes + report.arena_bytes;
  return report;
}

/// The layer whose path a node's begins with: the longest, as layers may lie in layers.
LayerPlan* layer_of(const std::string& path, std::vector<LayerPlan>& layers) {
  LayerPlan* best = nullptr;
  for (LayerPlan& layer : layers) {
    const bool within = path == layer.name || path.starts_with(layer.name + ".");
    if (within && (best == nullptr || layer.name.size() > best->name.size())) best = &layer;
  }
  return best;
}

std::vector<LayerPlan> layer_plans(const Model::Impl& model, std::int64_t batch_size) {
  std::vector<LayerPlan> layers;
  for (const LayerRecord& record : model.network.layers()) {
    layers.push_back({record.name, record.kind, record.output, record.parameter_count(),
                      record.output.numel() * batch_size *
                          static_cast<std::int64_t>(dtype_size(model.precision.low)),
                      0});
  }
  Graph graph;
  Builder b(graph, model.dtype);
  std::map<std::string, Value> inputs;
  for (const InputSpec& input : model.network.inputs()) {
    inputs[input.name] = b.input(
        input.name, {input.shape.prepend(1), is_floating(input.dtype) ? model.dtype : input.dtype});
  }
  model.network.build(b, inputs);
  for (const Node& node : graph.nodes()) {
    LayerPlan* layer = layer_of(node.path, layers);
    if (layer == nullptr) continue;
    std::vector<ValueType> in, out;
    for (Value value : node.inputs) in.push_back(graph.type(value));
    for (Value value : node.outputs) out.push_back(graph.type(value));
    layer->flops += cost_of(*node.op, in, out).flops;
  }
  return layers;
}

/// The largest batch whose peak is at most `memory_bytes`, by bisection; 0 where one sample does
/// not fit.
std::int64_t largest_batch(const Model::Impl& model, std::int64_t memory_bytes) {
  const auto fits = [&](std::int64_t batch_size) {
    return planned(model, batch_size).peak_bytes <= memory_bytes;
  };
  if (!fits(1)) return 0;
  std::int64_t fitting = 1;
  std::int64_t too_large = 2;
  constexpr std::int64_t kLimit = std::int64_t{1} << 24;
  while (too_large < kLimit && fits(too_large)) {
    fitting = too_large;
    too_large *= 2;
  }
  // To one part in 64, as far as anybody cares.
  while (too_large - fitting > std::max<std::int64_t>(1, fitting / 64)) {
    const std::int64_t middle = fitting + (too_large - fitting) / 2;
    (fits(middle) ? fitting : too_large) = middle;
  }
  return fitting;
}

/// "24.9 M".
std::string in_millions(double count) {
  std::string text = std::to_string(std::llround(count / 1e4));
  text.insert(0, text.size() < 3 ? 3 - text.size() : 0, '0');
  return text.insert(text.size() - 2, ".") + " M";
}

}  // namespace

PlanReport Model::plan_report(std::int64_t batch_size, std::int64_t memory_bytes) {
  FOVEA_REQUIRE(batch_size >= 1, invalid_argument, "the batch size is at least 1, not ",
                batch_size);
  FOVEA_REQUIRE(memory_bytes >= 0, invalid_argument, "the memory is at least 0 bytes, not ",
                memory_bytes);
  PlanReport report = planned(*impl_, batch_size);
  report.layers = layer_plans(*impl_, batch_size);
  const std::int64_t available = impl_->device->memory_use().available;
  report.memory_bytes = memory_bytes > 0 ? memory_bytes : std::max<std::int64_t>(available, 0);
  if (report.memory_bytes > 0) {
    report.largest_batch = largest_batch(*impl_, report.memory_bytes);
  }
  return report;
}

std::string PlanReport::str() const {
  TextTable table({{"Layer (type)", 31},
                   {"Output Shape", 22},
                   {"Param #", 13, true},
                   {"Activations", 11, true},
                   {"FLOPs/sample", 12, true}});
  for (const LayerPlan& layer : layers) {
    table.add({layer.name + " (" + layer.kind + ")", detail::batch_shape_text(layer.output),
               with_commas(layer.parameters), memory_size(layer.activation_bytes),
               in_millions(layer.flops)});
  }
  const auto line = [](const std::string& what, std::int64_t bytes) {
    return " " + what + std::string(what.size() < 22 ? 22 - what.size() : 0, ' ') +
           memory_size(bytes) + "\n";
  };
  std::string text = table.str();
  text +=
      detail::concat(training ? "Training" : "Predicting", " with batches of ", batch_size, " on ",
                     device, " (", precision, "): ", in_millions(flops), " FLOPs a step\n");
  text += line("parameters", parameter_bytes) + line("running statistics", statistic_bytes) +
          line("optimizer", optimizer_bytes) + line("metrics and counters", other_bytes) +
          line("batch", input_bytes) + line("arena", arena_bytes) + line("peak", peak_bytes);
  text += detail::concat(" Without sharing, the arena would be ", memory_size(unshared_bytes),
                         "; its largest workspace is ", memory_size(workspace_bytes), ".\n");
  if (memory_bytes == 0) return text;
  text += largest_batch == 0
              ? detail::concat(" Not even one sample fits in ", memory_size(memory_bytes), ".\n")
              : detail::concat(" Batches of up to ", largest_batch, " fit in ",
                               memory_size(memory_bytes), ".\n");
  return text;
}

}  // namespace fovea
