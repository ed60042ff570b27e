// The update phase on CUDA.
#include <cmath>

#include "cuda/bind.h"
#include "cuda/segment_tables.h"
#include "fovea/ops/update.h"
#include "kernels/gradient_check.h"
#include "kernels/optimizer.h"
#include "kernels/step.h"

namespace fovea::cuda {
namespace {

// ---- Counters, averages and metrics ----

cudaError_t advance_step(const ops::AdvanceStep&, const KernelContext& context) {
  return kernels::advance_step(stream_of(context), context.mutable_input<std::int64_t>(0),
                               context.input<std::int64_t>(1), context.input<float>(2),
                               context.input_shape(2)[0], context.input<std::int64_t>(3),
                               context.mutable_input<float>(4));
}

cudaError_t hold_step(const ops::HoldStep&, const KernelContext& context) {
  return kernels::hold_step(stream_of(context), context.mutable_input<std::int64_t>(0),
                            context.input<std::int64_t>(1), context.input<std::int32_t>(2),
                            context.output<std::int32_t>(0));
}

cudaError_t commit_step(const ops::CommitStep&, const KernelContext& context) {
  return kernels::commit_step(stream_of(context), context.mutable_input<std::int64_t>(0),
                              context.input<std::int32_t>(1));
}

cudaError_t update_averages(const ops::UpdateAverages& op, const KernelContext& context) {
  const auto fill = [&](kernels::PairTable& table, std::size_t average) {
    const std::size_t input = 1 + 2 * average;
    table.add({context.input<float>(input + 1), context.mutable_input<float>(input)},
              context.input_shape(input).numel());
  };
  const std::size_t last = 1 + 2 * static_cast<std::size_t>(op.averages);
  const auto* count = op.counted ? context.input<std::int64_t>(last) : nullptr;
  return for_each_table<kernels::PairTable>(
      op.averages, fill, [&](const kernels::PairTable& table) {
        return kernels::update_averages(stream_of(context), table, static_cast<float>(op.momentum),
                                        static_cast<float>(1 - op.momentum),
                                        context.input<std::int32_t>(0), count);
      });
}

cudaError_t accumulate_metric(const ops::AccumulateMetric&, const KernelContext& context) {
  const ValueType& values = context.input_type(2);
  return kernels::accumulate_metric(
      stream_of(context), context.input<std::int32_t>(3), context.mutable_input<double>(0),
      context.mutable_input<double>(1), values.dtype, context.input(2), values.shape.numel());
}

cudaError_t accumulate_gradient(const ops::AccumulateGradient& op, const KernelContext& context) {
  const auto stride = static_cast<std::size_t>(op.stride());
  const auto fill = [&](kernels::PairTable& table, std::size_t gradient) {
    const std::size_t input = 1 + stride * gradient;
    float* const sum = context.mutable_input<float>(input);
    table.add({op.clear ? sum : context.input<float>(input + 1), sum},
              context.input_shape(input).numel());
  };
  return for_each_table<kernels::PairTable>(
      op.gradients, fill, [&](const kernels::PairTable& table) {
        const auto* finite = context.input<std::int32_t>(0);
        return op.clear ? kernels::clear_gradients(stream_of(context), table, finite)
                        : kernels::accumulate_gradients(stream_of(context), table, finite);
      });
}

cudaError_t average_gradients(const ops::AverageGradients& op, const KernelContext& context) {
  const auto fill = [&](kernels::TripleTable& table, std::size_t gradient) {
    table.add({context.input<float>(2 * gradient), context.input<float>(2 * gradient + 1),
               context.output<float>(gradient)},
              context.output_shape(gradient).numel());
  };
  return for_each_table<kernels::TripleTable>(
      static_cast<std::int64_t>(context.input_count() / 2), fill,
      [&](const kernels::TripleTable& table) {
        return kernels::average_gradients(stream_of(context), table, static_cast<float>(op.factor));
      });
}

LowerResult lower_average_gradients(const ops::AverageGradients& op, const LowerRequest& request) {
  BindOptions<ops::AverageGradients> options;
  options.declines = [](const ops::AverageGradients&, const LowerRequest& asked) {
    return declines_unless_f32(asked.inputs);
  };
  for (int g = 0; g < static_cast<int>(request.outputs.size()); ++g) {
    options.in_place.emplace_back(g, 2 * g + 1);
  }
  return bind<ops::AverageGradients>(average_gradients, options)(op, request);
}

std::string averages_decline(const ops::UpdateAverages& op, const LowerRequest& request) {
  return declines_unless_f32(request.inputs.subspan(1, 2 * static_cast<std::size_t>(op.averages)));
}

std::string sum_declines(const ops::AccumulateGradient&, const LowerRequest& request) {
  return declines_unless_f32(request.inputs.subspan(1));
}

std::string metric_declines(const ops::AccumulateMetric&, const LowerRequest& request) {
  return request.inputs[2].dtype == DType::f64 ? "CUDA kernels take metrics in f32, f16 and bf16"
                                               : std::string{};
}

// ---- Tables of segments ----

/// Calls launch(table) for tables of every stride-th input from `first` on: the gradients.
template <class LaunchTable>
cudaError_t for_each_gradient_table(const KernelContext& context, std::size_t first,
                                    std::size_t stride, std::int64_t gradients,
                                    const LaunchTable& launch) {
  const auto fill = [&](kernels::GradientTable& table, std::size_t segment) {
    const std::size_t input = first + segment * stride;
    table.add(context.input<float>(input), context.input_shape(input).numel());
  };
  return for_each_table<kernels::GradientTable>(gradients, fill, launch);
}

/// How many partial sums the gradients leave.
std::int64_t partials(std::span<const ValueType> inputs, std::size_t first, std::size_t stride) {
  std::int64_t blocks = 0;
  for (std::size_t i = first; i < inputs.size(); i += stride) {
    blocks +=
        kernels::blocks_for(inputs[i].shape.numel(), kernels::GradientTable::kElementsPerBlock);
  }
  return blocks;
}

constexpr auto kPartialBytes = static_cast<std::int64_t>(sizeof(double));

// ---- The check of all gradients ----

cudaError_t gradient_check(const ops::GradientCheck&, const KernelContext& context) {
  auto* const partial = static_cast<double*>(context.workspace());
  std::int64_t blocks = 0;
  const cudaError_t status =
      for_each_gradient_table(context, 1, 1, static_cast<std::int64_t>(context.input_count()) - 1,
                              [&](const kernels::GradientTable& table) {
                                double* const own = partial + blocks;
                                blocks += table.blocks;
                                return kernels::sum_squares(stream_of(context), table, own);
                              });
  if (status != cudaSuccess) return status;
  return kernels::gradient_check(stream_of(context), partial, blocks, context.input_type(0).dtype,
                                 context.input(0), context.output<double>(0),
                                 context.output<std::int32_t>(1));
}

std::int64_t gradient_check_workspace(const ops::GradientCheck&, const LowerRequest& request) {
  return partials(request.inputs, 1, 1) * kPartialBytes;
}

std::string gradient_check_declines(const ops::GradientCheck&, const LowerRequest& request) {
  std::string reason = declines_by_type(request);  // the loss comes first
  return reason.empty() ? declines_unless_f32(request.inputs.subspan(1)) : reason;
}

// ---- Optimizers ----
// Inputs: finite, sum_squares, rate, applied, then w, g and the state of each parameter.

constexpr std::size_t kFirstWeight = 4;
std::size_t states_of(const ops::SgdUpdate& op) { return op.momentum > 0 ? 1 : 0; }
std::size_t states_of(const ops::AdamUpdate&) { return 2; }
std::size_t states_of(const ops::AdagradUpdate&) { return 1; }
std::size_t states_of(const ops::RmsPropUpdate& op) {
  return static_cast<std::size_t>(op.states());
}
std::size_t states_of(const ops::AdamaxUpdate&) { return 2; }
std::size_t states_of(const ops::NadamUpdate&) { return 2; }

template <class AdamOp>
kernels::AdamRates adam_rates(const AdamOp& op) {
  return {static_cast<float>(1 - op.beta1), static_cast<float>(1 - op.beta2),
          static_cast<float>(std::log(op.beta1)), static_cast<float>(std::log(op.beta2)),
          static_cast<float>(op.epsilon)};
}

cudaError_t update_table(const ops::SgdUpdate& op, const kernels::ParameterTable& table,
                         const kernels::UpdateStep& step, const KernelContext& context) {
  return kernels::sgd_update(stream_of(context), table, step, static_cast<float>(op.momentum),
                             op.nesterov);
}

cudaError_t update_table(const ops::AdamUpdate& op, const kernels::ParameterTable& table,
                         const kernels::UpdateStep& step, const KernelContext& context) {
  return kernels::adam_update(stream_of(context), table, step, adam_rates(op));
}

cudaError_t update_table(const ops::AdagradUpdate& op, const kernels::ParameterTable& table,
                         const kernels::UpdateStep& step, const KernelContext& context) {
  return kernels::adagrad_update(stream_of(context), table, step, static_cast<float>(op.epsilon));
}

cudaError_t update_table(const ops::RmsPropUpdate& op, const kernels::ParameterTable& table,
                         const kernels::UpdateStep& step, const KernelContext& context) {
  return kernels::rmsprop_update(
      stream_of(context), table, step,
      {static_cast<float>(op.rho), static_cast<float>(1 - op.rho), static_cast<float>(op.momentum),
       static_cast<float>(op.epsilon), op.centered});
}

cudaError_t update_table(const ops::AdamaxUpdate& op, const kernels::ParameterTable& table,
                         const kernels::UpdateStep& step, const KernelContext& context) {
  return kernels::adamax_update(
      stream_of(context), table, step,
      {static_cast<float>(1 - op.beta1), static_cast<float>(std::log(op.beta1)),
       static_cast<float>(op.beta2), static_cast<float>(op.epsilon)});
}

cudaError_t update_table(const ops::NadamUpdate& op, const kernels::ParameterTable& table,
                         const kernels::UpdateStep& step, const KernelContext& context) {
  return kernels::nadam_update(stream_of(context), table, step, adam_rates(op),
                               static_cast<const kernels::NadamFactors*>(context.workspace()));
}

/// What an optimizer computes once for all tables, and keeps at the workspace's begin.
template <class UpdateOp>
constexpr std::int64_t kSharedBytes = 0;
template <>
constexpr std::int64_t kSharedBytes<ops::NadamUpdate> = 16;
static_assert(sizeof(kernels::NadamFactors) <= kSharedBytes<ops::NadamUpdate>);

template <class UpdateOp>
cudaError_t prepare(const UpdateOp&, const kernels::UpdateStep&, const KernelContext&) {
  return cudaSuccess;
}
cudaError_t prepare(const ops::NadamUpdate& op, const kernels::UpdateStep& step,
                    const KernelContext& context) {
  return kernels::nadam_factors(stream_of(context), step, adam_rates(op),
                                static_cast<kernels::NadamFactors*>(context.workspace()));
}

kernels::UpdateStep step_of(const ops::UpdateAttributes& op, const KernelContext& context) {
  kernels::UpdateStep step{context.input<std::int32_t>(0), context.input<double>(1),
                           context.input<float>(2), context.input<std::int64_t>(3), nullptr};
  step.weight_decay = static_cast<float>(op.weight_decay);
  if (op.clip_value > 0) step.clip_value = static_cast<float>(op.clip_value);
  step.global_clip_norm = static_cast<float>(op.global_clip_norm);
  return step;
}

/// scales[p] brings the gradient of parameter p down to the norm. `partial` is scratch memory.
template <class UpdateOp>
cudaError_t scale_each_parameter(const UpdateOp& op, const KernelContext& context, double* partial,
                                 float* scales) {
  return for_each_gradient_table(
      context, kFirstWeight + 1, 2 + states_of(op), op.parameters,
      [&](const kernels::GradientTable& table) {
        const cudaStream_t stream = stream_of(context);
        const cudaError_t status = kernels::sum_squares(stream, table, partial);
        if (status != cudaSuccess) return status;
        float* const own = scales;
        scales += table.segments;
        return kernels::clip_scales(stream, table, partial, static_cast<float>(op.clip_norm), own);
      });
}

template <class UpdateOp>
cudaError_t update(const UpdateOp& op, const KernelContext& context) {
  const std::size_t states = states_of(op);
  kernels::UpdateStep step = step_of(op, context);
  if (op.clip_norm > 0) {
    // The scales, in as many places of 8 bytes, then the partial sums.
    char* const workspace = static_cast<char*>(context.workspace()) + kSharedBytes<UpdateOp>;
    auto* const scales = reinterpret_cast<float*>(workspace);
    auto* const partial = reinterpret_cast<double*>(workspace) + op.parameters;
    if (const cudaError_t status = scale_each_parameter(op, context, partial, scales);
        status != cudaSuccess) {
      return status;
    }
    step.scales = scales;
  }
  if (const cudaError_t status = prepare(op, step, context); status != cudaSuccess) return status;
  const auto fill = [&](kernels::ParameterTable& table, std::size_t parameter) {
    const std::size_t first = kFirstWeight + parameter * (2 + states);
    kernels::OptimizerTensors tensors{
        context.mutable_input<float>(first), context.input<float>(first + 1), {}};
    for (std::size_t s = 0; s < states; ++s) {
      tensors.state[s] = context.mutable_input<float>(first + 2 + s);
    }
    table.add(tensors, context.input_shape(first).numel());
  };
  return for_each_table<kernels::ParameterTable>(
      op.parameters, fill, [&](const kernels::ParameterTable& table) {
        const cudaError_t status = update_table(op, table, step, context);
        if (step.scales != nullptr) step.scales += table.segments;
        return status;
      });
}

template <class UpdateOp>
std::int64_t update_workspace(const UpdateOp& op, const LowerRequest& request) {
  if (op.clip_norm == 0) return kSharedBytes<UpdateOp>;
  const std::int64_t sums = partials(request.inputs, kFirstWeight + 1, 2 + states_of(op));
  return kSharedBytes<UpdateOp> + (op.parameters + sums) * kPartialBytes;
}

template <class UpdateOp>
std::string update_declines(const UpdateOp&, const LowerRequest& request) {
  return declines_unless_f32(request.inputs.subspan(kFirstWeight));
}

template <class UpdateOp>
void bind_optimizer(KernelTable& table) {
  table.add<UpdateOp>("cuda",
                      bind<UpdateOp>(update<UpdateOp>,
                                     {{}, update_workspace<UpdateOp>, update_declines<UpdateOp>}));
}

}  // namespace

void bind_update(KernelTable& table) {
  using namespace ops;
  table.add<AdvanceStep>("cuda", bind<AdvanceStep>(advance_step));
  table.add<GradientCheck>(
      "cuda",
      bind<GradientCheck>(gradient_check, {{}, gradient_check_workspace, gradient_check_declines}));
  table.add<HoldStep>("cuda", bind<HoldStep>(hold_step));
  table.add<CommitStep>("cuda", bind<CommitStep>(commit_step));
  table.add<UpdateAverages>("cuda",
                            bind<UpdateAverages>(update_averages, {{}, nullptr, averages_decline}));
  table.add<AccumulateMetric>(
      "cuda", bind<AccumulateMetric>(accumulate_metric, {{}, nullptr, metric_declines}));
  table.add<AccumulateGradient>(
      "cuda", bind<AccumulateGradient>(accumulate_gradient, {{}, nullptr, sum_declines}));
  table.add<AverageGradients>("cuda", lower_average_gradients);
  bind_optimizer<SgdUpdate>(table);
  bind_optimizer<AdamUpdate>(table);
  bind_optimizer<AdagradUpdate>(table);
  bind_optimizer<RmsPropUpdate>(table);
  bind_optimizer<AdamaxUpdate>(table);
  bind_optimizer<NadamUpdate>(table);
}

}  // namespace fovea::cuda
