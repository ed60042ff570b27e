// From a finished graph to a plan.
#include <algorithm>

#include "fovea/ops/conv.h"
#include "fovea/ops/matmul.h"
#include "host/graph/autotune.h"
#include "host/graph/match.h"
#include "host/graph/passes.h"
#include "host/graph/rewrite.h"

namespace fovea {

PlanStep lone_step(OpPtr op, std::vector<ValueType> inputs) {
  PlanStep step;
  step.op = std::move(op);
  step.input_types = std::move(inputs);
  step.input_layouts.resize(step.input_types.size());
  step.output_types = step.op->infer(step.input_types);
  step.outputs.resize(step.output_types.size());
  step.output_used.resize(step.output_types.size(), true);
  return step;
}

bool accepted(const PlanStep& step, const Device& device, const PlanOptions& options) {
  const Candidates candidates = permitted_candidates(device, step.op->name(), options);
  return std::any_of(candidates.begin(), candidates.end(), [&](const auto* candidate) {
    return std::holds_alternative<Lowering>(candidate->factory(*step.op, step.request(options)));
  });
}

Graph expand_declined(const Graph& graph, const Device& device, const PlanOptions& options) {
  return rewrite(graph, [&](const Node& node, int, Rewriter& rewriter) {
    if (node.inputs.empty()) return false;
    Graph probe;  // expand() only describes: ask it on a graph that is thrown away
    Builder probe_builder(probe);
    std::vector<Value> probe_inputs;
    std::vector<ValueType> types;
    for (Value input : node.inputs) {
      types.push_back(graph.type(input));
      probe_inputs.push_back(probe_builder.constant(types.back(), 0));
    }
    if (!node.op->expand(probe_builder, probe_inputs).has_value()) return false;
    if (accepted(lone_step(node.op, std::move(types)), device, options)) return false;
    Builder builder(rewriter.graph());
    const auto scope = builder.scope(node.path);
    const auto parts = node.op->expand(builder, rewriter.map(node.inputs));
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      rewriter.set(node.outputs[i], (*parts)[i]);
    return true;
  });
}

std::shared_ptr<const Plan> compile_graph(const Graph& graph, const std::shared_ptr<Device>& device,
                                          const PlanOptions& options) {
  const KernelScope scope(*device, options.threads);
  Graph compiled = remove_dead(graph);
  if (options.fuse) {
    compiled = relu_before_pool_backward(compiled);
    compiled = fold_batch_norm(compiled);
    compiled = fuse_bias_activation(compiled);
    compiled = fuse_filter_bias_gradients(compiled);
    compiled = fuse_batch_norm_activation(compiled);
    const auto wanted = [&](std::string_view op) {
      return options.autotuner != nullptr || options.force.count(op) > 0;
    };
    // Variances from sums of squares have fewer digits: worth it only where measured faster.
    if (wanted(ops::Conv2dBatchNormAct::kName)) {
      compiled = fuse_conv_batch_norm(compiled, *device, options);
    }
    // cuDNN has fewer engines for this than for the gradient alone, and some of them keep an f32
    // copy of it in memory: likewise.
    if (wanted(ops::Conv2dBackwardDataBatchNormRelu::kName)) {
      compiled = fuse_backward_data_batch_norm(compiled, *device, options);
    }
    // cuBLASLt may have fewer algorithms for both gradients than for one: likewise.
    if (wanted(ops::MatMulBackwardWeightBias::kName)) {
      compiled = fuse_weight_bias_gradients(compiled, *device, options);
    }
    compiled = fuse_picture_rescale(compiled);
    compiled = expand_declined(compiled, *device, options);
  }
  auto plan = std::make_shared<const Plan>(remove_dead(compiled), device, options);
  device->save_choices();
  if (options.autotuner != nullptr) options.autotuner->try_to_save();
  return plan;
}

}  // namespace fovea
