#include "host/train/step_graph.h"

#include <algorithm>
#include <cassert>

#include "fovea/ops.h"
#include "host/graph/differentiate.h"
#include "host/graph/passes.h"
#include "host/graph/step_state.h"

namespace fovea {
namespace {

/// Large enough that the first steps find the largest scale that fits, halving it.
constexpr double kFirstLossScale = 65536;

/// One step's graph on its way.
class StepBuilder {
 public:
  StepBuilder(const Network& network, const CompileOptions* compile, const StepSpec& spec)
      : network_(network), compile_(compile), spec_(spec) {}

  Graph build() {
    build_forward();
    if (spec_.mode == StepMode::predict) return std::move(graph_);
    Builder b(graph_, spec_.dtype);
    const Value total = append_losses(b);
    switch (spec_.mode) {
      case StepMode::predict:
        break;
      case StepMode::evaluate:
        append_metric_sums(b, "evaluate", b.constant({{}, DType::i32}, 1));
        if (spec_.resident)
          b.add(ops::CommitStep{}, {evaluated(b), b.constant({{}, DType::i32}, 1)});
        break;
      case StepMode::gradients:
        append_gradients(b, total);
        break;
      case StepMode::train:
      case StepMode::accumulate:
        append_training(b, total);
        break;
    }
    return std::move(graph_);
  }

 private:
  bool training() const {
    return spec_.mode == StepMode::train || spec_.mode == StepMode::accumulate;
  }

  /// The network, specialised; its outputs are graph outputs only where somebody wants them.
  void build_forward() {
    Graph forward;
    Builder b(forward, spec_.dtype);
    if (training()) append_advance(b);
    std::map<std::string, Value> inputs;
    for (std::size_t i = 0; i < spec_.inputs.size(); ++i) {
      const std::string& name = network_.inputs()[i].name;
      inputs[name] = spec_.resident ? gather_batch(b) : Value(b.input(name, spec_.inputs[i]));
    }
    for (const auto& [name, value] : network_.build(b, inputs)) forward.mark_output(name, value);
    mark_probes(forward);
    graph_ = specialize(forward, training(), spec_.frozen);
    if (dtype_size(spec_.low) == 2) graph_ = lower_precision(graph_, spec_.low);
    outputs_ = graph_.outputs();
    if (spec_.resident) {
      labels_ = outputs_.front().second;
      outputs_.erase(outputs_.begin());
    }
    if (spec_.mode != StepMode::predict) graph_.clear_outputs();
    for (const Node& node : graph_.nodes()) {
      if (node.op->name() != ops::WeightPenalty::kName) continue;
      activity_penalties_.push_back(node.outputs.front());
    }
  }

  /// The batch's pictures. Its labels become the first output, to be found again.
  Value gather_batch(Builder& b) const {
    const Value counter = training() ? b.step_counter() : evaluated(b);
    const Value start = training() ? b.global_state(step_state::kDataStart, {{}, DType::i64}, 0)
                                   : b.constant({{}, DType::i64}, 0);
    const Outputs batch =
        append_batch(b, *spec_.resident, spec_.inputs.front().shape.n(), counter, start);
    b.graph().mark_output(kResidentLabels, batch[1]);
    return batch[0];
  }

  void mark_probes(Graph& forward) const {
    for (const std::string& path : spec_.probes) {
      Value last;
      for (const Node& node : forward.nodes()) {
        if (node.path == path && !node.outputs.empty()) last = node.outputs.front();
      }
      FOVEA_REQUIRE(last.defined(), invalid_argument, "there is no layer '", path,
                    "' to probe; summary() lists the layers");
      forward.mark_output("probe:" + path, last);
    }
  }

  static void append_advance(Builder& b) {
    b.add(ops::AdvanceStep{},
          {b.step_counter(), applied(b),
           b.global_state(step_state::kRateTable, {{kRateTableSize}, DType::f32}, 0),
           b.global_state(step_state::kRateTableStart, {{}, DType::i64}, 0), rate(b)});
  }
  static Value evaluated(Builder& b) {
    return b.global_state(step_state::kEvaluated, {{}, DType::i64}, 0);
  }
  static Value applied(Builder& b) {
    return b.global_state(step_state::kApplied, {{}, DType::i64}, 0);
  }
  static Value hold(Builder& b, Value finite) {
    const Value held_at = b.global_state(step_state::kHeldAt, {{}, DType::i64}, 0);
    return b.add(ops::HoldStep{}, {held_at, b.step_counter(), finite});
  }
  static Value loss_scale(Builder& b) {
    return b.global_state(step_state::kLossScale, {{}, DType::f32}, kFirstLossScale);
  }
  static Value rate(Builder& b) { return b.global_state(step_state::kRate, {{}, DType::f32}, 0); }

  /// Total loss: weighted mean losses of the outputs and the weights' penalties.
  Value append_losses(Builder& b) {
    Value total;
    const auto add_to_total = [&](Value term) {
      total = total.defined() ? Value(b.add(ops::Add{}, {total, term})) : term;
    };
    for (std::size_t o = 0; o < outputs_.size(); ++o) {
      const OutputLoss output = output_loss(network_, *compile_, o);
      const std::string prefix = outputs_.size() > 1 ? outputs_[o].first + "_" : std::string();
      const auto scope = b.scope(prefix + "loss");
      const Value target = spec_.resident
                               ? labels_
                               : Value(b.input("target:" + outputs_[o].first, spec_.targets[o]));
      Value losses = append_loss(b, output.loss, outputs_[o].second, target);
      if (weighted()) losses = b.add(ops::Multiply{}, {losses, weights(b)});
      Value mean = b.add(ops::Mean{}, {losses});
      if (outputs_.size() > 1) terms_.push_back({{losses}});
      ops::Scale weight;
      weight.factor = output.weight;
      if (output.weight != 1) mean = b.add(weight, {mean});
      add_to_total(mean);
      append_output_metrics(b, output, {{}, outputs_[o].second, target, output.loss.from_logits});
    }
    append_parameter_penalties(b, add_to_total);
    add_activity_penalties(b, add_to_total);
    ops::Broadcast per_sample;
    per_sample.shape = Shape({spec_.inputs.front().shape[0]});
    terms_.insert(terms_.begin(), {{b.add(per_sample, {total})}});
    columns_ = metric_columns(network_, *compile_);
    assert(columns_.size() == terms_.size());
    for (std::size_t m = 0; m < columns_.size(); ++m) {
      if (!columns_[m].weighted) continue;
      weigh(b, columns_[m], weighted() ? weights(b) : Value{}, terms_[m]);
    }
    return total;
  }

  bool weighted() const { return spec_.targets.size() > outputs_.size(); }
  Value weights(Builder& b) const { return b.input(kSampleWeights, spec_.targets.back()); }

  /// In the order of metric_columns().
  void append_output_metrics(Builder& b, const OutputLoss& output, MetricInputs inputs) {
    for (const auto* metrics : {&output.metrics, &output.weighted_metrics}) {
      for (const std::string& metric : *metrics) {
        inputs.metric = metric;
        terms_.push_back(append_metric(b, inputs));
      }
    }
  }

  void append_parameter_penalties(Builder& b, const std::function<void(Value)>& add_to_total) {
    // Appending nodes moves the list: take the parameters first.
    std::vector<std::pair<const ops::Parameter*, Value>> parameters;
    for (const Node& node : graph_.nodes()) {
      if (node.op->name() != ops::Parameter::kName) continue;
      parameters.emplace_back(static_cast<const ops::Parameter*>(node.op.get()), node.outputs[0]);
    }
    const auto scope = b.scope("penalty");
    for (const auto& [parameter, value] : parameters) {
      if (parameter->l1 == 0 && parameter->l2 == 0) continue;
      ops::WeightPenalty penalty;
      penalty.l1 = parameter->l1;
      penalty.l2 = parameter->l2;
      add_to_total(b.add(penalty, {value}));
    }
  }

  /// The penalties that layers have appended count per sample, as losses do.
  void add_activity_penalties(Builder& b, const std::function<void(Value)>& add_to_total) const {
    ops::Scale per_sample;
    per_sample.factor = 1.0 / static_cast<double>(spec_.inputs.front().shape[0]);
    for (Value penalty : activity_penalties_) add_to_total(b.add(per_sample, {penalty}));
  }

  /// Parameters that are not frozen.
  std::vector<UpdateTarget> trainable() const {
    std::vector<UpdateTarget> targets;
    for (const Node& node : graph_.nodes()) {
      if (node.op->name() != ops::Parameter::kName || spec_.frozen(node.path)) continue;
      targets.push_back({node.path, node.outputs[0], {}});
    }
    return targets;
  }

  void differentiate_loss(Builder& b, Value total, std::vector<UpdateTarget>& targets) {
    std::vector<Value> wrt;
    wrt.reserve(targets.size());
    for (const UpdateTarget& target : targets) wrt.push_back(target.parameter);
    const bool scaled = training() && spec_.low == DType::f16;
    if (scaled) total = b.add(ops::Multiply{}, {total, loss_scale(b)});
    const std::vector<Value> gradients = differentiate(b, total, wrt);
    for (std::size_t i = 0; i < targets.size(); ++i) targets[i].gradient = gradients[i];
    std::erase_if(targets, [](const UpdateTarget& target) { return !target.gradient.defined(); });
    if (scaled) unscale(b, targets);
  }

  static void unscale(Builder& b, std::vector<UpdateTarget>& targets) {
    std::vector<Value> inputs = {loss_scale(b)};
    for (const UpdateTarget& target : targets) inputs.push_back(target.gradient);
    const Outputs unscaled = b.add(std::make_shared<const ops::Unscale>(), inputs);
    for (std::size_t i = 0; i < targets.size(); ++i) targets[i].gradient = unscaled[i];
  }

  void append_training(Builder& b, Value total) {
    std::vector<UpdateTarget> targets = trainable();
    FOVEA_REQUIRE(!targets.empty(), invalid_argument,
                  "there is nothing to train: every layer with parameters is frozen");
    differentiate_loss(b, total, targets);
    const auto scope = b.scope("update");
    if (spec_.mode == StepMode::train && spec_.accumulated > 1) average_gradients(b, targets);
    std::vector<Value> checked = {total};
    for (const UpdateTarget& target : targets) checked.push_back(target.gradient);
    const Outputs check = b.add(std::make_shared<const ops::GradientCheck>(), checked);
    // f16 goes on after a step that is not finite, with a smaller scale.
    const Value finite = spec_.low == DType::f16 ? check[1] : Value(hold(b, check[1]));
    if (spec_.mode == StepMode::accumulate) {
      write_sums(b, targets, finite, false);
    } else {
      compile_->optimizer.pointer()->append_update(b, targets,
                                                   {finite, check[0], rate(b), applied(b)});
      append_weight_averages(b, targets, finite);
      if (spec_.accumulated > 1) write_sums(b, targets, finite, true);
      b.add(ops::CommitStep{}, {applied(b), finite});
    }
    if (spec_.low == DType::f16) {
      b.add(ops::AdjustLossScale{},
            {loss_scale(b), b.global_state(step_state::kGoodSteps, {{}, DType::i64}, 0), finite});
    }
    append_running_statistics(b, finite);
    append_metric_sums(b, "train", finite);
  }

  /// After the update, which overwrote the parameters.
  void append_weight_averages(Builder& b, const std::vector<UpdateTarget>& targets,
                              Value finite) const {
    ops::UpdateAverages update;
    update.momentum = compile_->optimizer.pointer()->options().ema_momentum;
    if (update.momentum == 0) return;
    update.averages = static_cast<std::int64_t>(targets.size());
    update.counted = true;
    std::vector<Value> inputs = {finite};
    for (const UpdateTarget& target : targets) {
      inputs.push_back(
          b.global_state(weight_average_path(target.path), b.type(target.parameter), 0));
      inputs.push_back(target.parameter);
    }
    const Value updates = b.global_state(kAverageUpdates, {{}, DType::i64}, 0);
    inputs.push_back(updates);
    b.add(std::make_shared<const ops::UpdateAverages>(update), inputs);
    b.add(ops::CommitStep{}, {updates, finite});
  }

  static Value gradient_sum(Builder& b, const UpdateTarget& target) {
    return b.global_state("gradients." + target.path, b.type(target.parameter), 0);
  }

  void average_gradients(Builder& b, std::vector<UpdateTarget>& targets) const {
    ops::AverageGradients average;
    average.factor = 1.0 / spec_.accumulated;
    std::vector<Value> inputs;
    for (const UpdateTarget& target : targets) {
      inputs.insert(inputs.end(), {gradient_sum(b, target), target.gradient});
    }
    const Outputs means = b.add(std::make_shared<const ops::AverageGradients>(average), inputs);
    for (std::size_t i = 0; i < targets.size(); ++i) targets[i].gradient = means[i];
  }

  /// Adds the gradients to their sums, or clears the sums.
  static void write_sums(Builder& b, const std::vector<UpdateTarget>& targets, Value finite,
                         bool clear) {
    ops::AccumulateGradient write;
    write.gradients = static_cast<std::int64_t>(targets.size());
    write.clear = clear;
    std::vector<Value> inputs = {finite};
    for (const UpdateTarget& target : targets) {
      inputs.push_back(gradient_sum(b, target));
      if (!clear) inputs.push_back(target.gradient);
    }
    b.add(std::make_shared<const ops::AccumulateGradient>(write), inputs);
  }

  void append_running_statistics(Builder& b, Value finite) {
    // One update for all; a layer called twice moves its averages twice, one after the other.
    std::map<std::pair<int, double>, std::vector<Value>> updates;  // by call and momentum
    std::map<std::string, int> calls;
    for (const Node& node : graph_.nodes()) {
      if (node.op->name() != ops::BatchNorm::kName) continue;
      const int call = calls[graph_.producer_node(node.inputs[3]).path]++;
      std::vector<Value>& inputs =
          updates[{call, static_cast<const ops::BatchNorm&>(*node.op).momentum}];
      if (inputs.empty()) inputs.push_back(finite);
      inputs.insert(inputs.end(),
                    {node.inputs[3], node.outputs[1], node.inputs[4], node.outputs[2]});
    }
    for (const auto& [key, inputs] : updates) {
      ops::UpdateAverages update;
      update.momentum = key.second;
      update.averages = static_cast<std::int64_t>(inputs.size() / 2);
      b.add(std::make_shared<const ops::UpdateAverages>(update), inputs);
    }
  }

  /// Adds the terms of all metrics to their sums. A training step also shows what it adds: means,
  /// or sums above thresholds.
  void append_metric_sums(Builder& b, const std::string& phase, Value finite) {
    for (std::size_t m = 0; m < columns_.size(); ++m) {
      for (std::size_t t = 0; t < terms_[m].size(); ++t) {
        const MetricTerm& term = terms_[m][t];
        const std::string path = metric_sum_path(phase, columns_[m], t);
        Value shown;
        if (term.scores.defined()) {
          ops::SumAbove sum_above;
          sum_above.thresholds = kMetricThresholds;
          shown = b.add(sum_above, {term.scores, term.values});
          b.add(ops::AccumulateGradient{}, {finite, b.global_state(path, b.type(shown), 0), shown});
        } else {
          const Value sum = b.global_state(path, {{}, DType::f64}, 0);
          const Value count =
              b.global_state(metric_count_path(phase, columns_[m], t), {{}, DType::f64}, 0);
          b.add(ops::AccumulateMetric{}, {sum, count, term.values, finite});
          if (training()) shown = b.add(ops::Mean{}, {term.values});
        }
        if (training()) graph_.mark_output(path, shown);
      }
    }
  }

  void append_gradients(Builder& b, Value total) {
    std::vector<UpdateTarget> targets;
    for (std::size_t i = 0; i < spec_.inputs.size(); ++i) {
      const std::string& name = network_.inputs()[i].name;
      const Value input = b.input(name, spec_.inputs[i]);
      if (is_floating(spec_.inputs[i].dtype)) targets.push_back({"input:" + name, input, {}});
    }
    for (const UpdateTarget& target : trainable()) targets.push_back(target);
    differentiate_loss(b, total, targets);
    graph_.mark_output("loss", total);
    for (const UpdateTarget& target : targets) graph_.mark_output(target.path, target.gradient);
  }

  const Network& network_;
  const CompileOptions* compile_;
  const StepSpec& spec_;
  Graph graph_;
  std::vector<std::pair<std::string, Value>> outputs_;
  Value labels_;  ///< of a resident batch
  std::vector<Value> activity_penalties_;
  std::vector<MetricColumn> columns_;
  std::vector<std::vector<MetricTerm>> terms_;  ///< of each column
};

}  // namespace

Outputs append_batch(Builder& b, const ResidentBatch& resident, std::int64_t count, Value counter,
                     Value start) {
  ops::PictureBatch op;
  op.batch_size = resident.batch_size;
  op.count = count;
  op.shuffle = resident.shuffle;
  op.steps = resident.steps;
  return b.add(
      op, {b.input(kResidentPictures, resident.pictures),
           b.input(kResidentLabels, {{resident.pictures.shape.n()}, DType::i32}), b.random_seed(),
           b.global_state(step_state::kDataEpoch, {{}, DType::i64}, 0), counter, start});
}

OutputLoss output_loss(const Network& network, const CompileOptions& compile, std::size_t output) {
  const std::string& name = network.outputs()[output].name;
  const auto found = compile.outputs.find(name);
  if (found != compile.outputs.end()) return found->second;
  FOVEA_REQUIRE(network.outputs().size() == 1 && !compile.loss.name.empty(), invalid_argument,
                "output '", name, "' has no loss; give one to compile() ",
                network.outputs().size() == 1 ? "as .loss" : "in .outputs, by the output's name");
  return {compile.loss, 1, compile.metrics, compile.weighted_metrics};
}

std::vector<MetricColumn> metric_columns(const Network& network, const CompileOptions& compile) {
  std::vector<MetricColumn> columns = {{"loss", &mean_loss_formula()}};
  const auto named = [&](const std::string& name) {
    return std::any_of(columns.begin(), columns.end(),
                       [&](const MetricColumn& column) { return column.name == name; });
  };
  const auto add = [&](const std::string& prefix, const std::string& metric, bool weighted) {
    std::string name = prefix + metric;
    if (weighted && named(name)) name = prefix + "weighted_" + metric;
    FOVEA_REQUIRE(!named(name), invalid_argument, "the metric '", metric, "' is named twice");
    columns.push_back({std::move(name), &metric_formula(metric), weighted});
  };
  const bool several = network.outputs().size() > 1;
  for (std::size_t o = 0; o < network.outputs().size(); ++o) {
    const std::string prefix = several ? network.outputs()[o].name + "_" : std::string();
    const OutputLoss output = output_loss(network, compile, o);
    if (several) columns.push_back({prefix + "loss", &mean_loss_formula()});
    for (const std::string& metric : output.metrics) add(prefix, metric, false);
    for (const std::string& metric : output.weighted_metrics) add(prefix, metric, true);
  }
  return columns;
}

std::string weight_average_path(const std::string& parameter) {
  return "optimizer.average." + parameter;
}

std::string metric_sum_path(const std::string& phase, const MetricColumn& column,
                            std::size_t term) {
  return "metrics." + phase + "." + column.name + "." + column.terms()[term] + ".sum";
}

std::string metric_count_path(const std::string& phase, const MetricColumn& column,
                              std::size_t term) {
  return "metrics." + phase + "." + column.name + "." + column.terms()[term] + ".count";
}

Graph build_step_graph(const Network& network, const CompileOptions* compile,
                       const StepSpec& spec) {
  return StepBuilder(network, compile, spec).build();
}

}  // namespace fovea
