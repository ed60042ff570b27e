// Batch normalization by our own loops, in the format in which the input lies. The forward pass
// reads x twice (moments, then the result) where oneDNN reads it three times, and the fused
// backward pass takes its relu from y, as the op is defined, where oneDNN wants a mask of its own.
#include "fovea/ops/norm.h"

#include <cmath>

#include "host/cpu/onednn/families.h"
#include "host/cpu/onednn/norm_passes.h"
#include "host/cpu/onednn/recipe.h"

namespace fovea::onednn {
namespace {

/// Scratch memory: the sums, then arrays of one float per channel, padding included.
class Scratch {
 public:
  Scratch(const Picture& picture, std::int64_t parts)
      : channels_(picture.padded_channels()), sums_(parts * 2 * channels_) {}

  std::int64_t bytes(std::int64_t arrays) const {
    return sums_ * static_cast<std::int64_t>(sizeof(double)) +
           arrays * channels_ * static_cast<std::int64_t>(sizeof(float));
  }
  double* sums(void* workspace) const { return static_cast<double*>(workspace); }
  float* array(void* workspace, std::int64_t index) const {
    return reinterpret_cast<float*>(sums(workspace) + sums_) + index * channels_;
  }

 private:
  std::int64_t channels_;
  std::int64_t sums_;
};

/// The sums over all parts, in their order.
struct Totals {
  double first = 0;
  double second = 0;
  Totals(const NormJob& job, std::int64_t channel) {
    const std::int64_t channels = job.picture.padded_channels();
    for (std::int64_t part = 0; part < job.parts; ++part) {
      first += job.sums[part * 2 * channels + channel];
      second += job.sums[(part * 2 + 1) * channels + channel];
    }
  }
};

double cell_count(const NormJob& job) {
  return static_cast<double>(job.picture.images * job.picture.cells);
}

/// Per-channel arrays of a forward pass, in scratch memory; zero beyond the last channel, which
/// keeps the padding of blocked formats zero.
struct Coefficients {
  float *mean, *factor, *slope, *offset;

  Coefficients(const Scratch& scratch, const Picture& picture, void* workspace)
      : mean(scratch.array(workspace, 0)),
        factor(scratch.array(workspace, 1)),
        slope(scratch.array(workspace, 2)),
        offset(scratch.array(workspace, 3)) {
    for (std::int64_t c = picture.channels; c < picture.padded_channels(); ++c) {
      mean[c] = factor[c] = slope[c] = offset[c] = 0;
    }
  }
  static constexpr std::int64_t kArrays = 4;
};

void point_to(const Coefficients& coefficients, NormJob& job) {
  job.mean = coefficients.mean;
  job.factor = coefficients.factor;
  job.slope = coefficients.slope;
  job.offset = coefficients.offset;
}

/// The batch's mean and biased variance, from sums around the first element.
void write_statistics(const NormJob& job, float* mean, float* var) {
  const double count = cell_count(job);
  for (std::int64_t c = 0; c < job.picture.channels; ++c) {
    const Totals totals(job, c);
    const std::int64_t lanes = job.picture.lanes;
    const double first = double{job.x[c / lanes * job.picture.plane_size() + c % lanes]};
    const double difference = totals.first / count;
    mean[c] = static_cast<float>(first + difference);
    var[c] = static_cast<float>(std::max(totals.second / count - difference * difference, 0.0));
  }
}

/// y from x with statistics that are known: inputs (x, gamma, beta), mean and var.
void run_normalize(NormJob& job, const Coefficients& coefficients, double epsilon,
                   const KernelContext& context, const float* mean, const float* var) {
  const auto* gamma = context.input<float>(1);
  const auto* beta = context.input<float>(2);
  for (std::int64_t c = 0; c < job.picture.channels; ++c) {
    coefficients.mean[c] = mean[c];
    coefficients.factor[c] =
        static_cast<float>(double{gamma[c]} / std::sqrt(double{var[c]} + epsilon));
    coefficients.offset[c] = beta[c];
  }
  point_to(coefficients, job);
  job.y = context.output<float>(0);
  normalize(job, context.threads());
}

/// A job in the format of the first of these inputs that is not plain, and its scratch memory.
struct Prepared {
  NormJob job;
  Scratch scratch;
  Prepared(const LowerRequest& request, std::initializer_list<std::size_t> leaders)
      : job{leading_picture(request, leaders)}, scratch(job.picture, 1) {
    job.parts = parts_of(job.picture);
    scratch = Scratch(job.picture, job.parts);
  }
};

/// A lowering whose inputs and outputs of x's shape lie like the picture; the rest is plain.
Lowering layouts_like(const Prepared& prepared, const LowerRequest& request, const Shape& x) {
  Lowering lowering;
  const auto list = [&](std::span<const ValueType> types) {
    std::vector<Layout> layouts;
    for (const ValueType& type : types) {
      layouts.push_back(type.shape == x ? layout_like(prepared.job.picture, type) : Layout{});
    }
    return layouts;
  };
  lowering.input_layouts = list(request.inputs);
  lowering.output_layouts = list(request.outputs);
  lowering.workspace_bytes = prepared.scratch.bytes(Coefficients::kArrays);
  return lowering;
}

LowerResult lower_forward(double epsilon, bool relu, bool residual, const LowerRequest& request) {
  Prepared prepared = residual ? Prepared(request, {0, 5}) : Prepared(request, {0});
  prepared.job.relu = relu;
  Lowering lowering = layouts_like(prepared, request, request.inputs[0].shape);
  lowering.in_place = {{0, 0}};
  if (residual) lowering.in_place.emplace_back(0, 5);
  lowering.kernel = make_kernel([job = prepared.job, scratch = prepared.scratch, epsilon,
                                 residual](const KernelContext& context) mutable {
    job.x = context.input<float>(0);
    job.residual = residual ? context.input<float>(5) : nullptr;
    job.sums = scratch.sums(context.workspace());
    auto* mean = context.output<float>(1);
    auto* var = context.output<float>(2);
    sum_moments(job, context.threads());
    write_statistics(job, mean, var);
    const Coefficients coefficients(scratch, job.picture, context.workspace());
    run_normalize(job, coefficients, epsilon, context, mean, var);
  });
  return lowering;
}

LowerResult batch_norm(const ops::BatchNorm& op, const LowerRequest& request) {
  return lower_forward(op.epsilon, false, false, request);
}

LowerResult batch_norm_act(const ops::BatchNormAct& op, const LowerRequest& request) {
  if (op.activation.kind != Activation::Kind::relu) return Decline{"only relu is fused"};
  return lower_forward(op.epsilon, true, op.residual, request);
}

LowerResult batch_norm_inference(const ops::BatchNormInference& op, const LowerRequest& request) {
  const Prepared prepared(request, {0});
  Lowering lowering = layouts_like(prepared, request, request.inputs[0].shape);
  lowering.in_place = {{0, 0}};
  lowering.kernel = make_kernel([job = prepared.job, scratch = prepared.scratch,
                                 epsilon = op.epsilon](const KernelContext& context) mutable {
    job.x = context.input<float>(0);
    const Coefficients coefficients(scratch, job.picture, context.workspace());
    run_normalize(job, coefficients, epsilon, context, context.input<float>(3),
                  context.input<float>(4));
  });
  return lowering;
}

/// Where a backward op has its inputs and outputs.
struct Places {
  std::size_t x, gamma, mean, var;
  std::size_t dx, dgamma, dbeta;
};
constexpr Places kPlaces = {1, 2, 3, 4, 0, 1, 2};
constexpr Places kFusedPlaces = {2, 3, 4, 5, 1, 2, 3};

/// With x^ = (x - mean) / sqrt(var + epsilon): dbeta = sum d, dgamma = sum d x^, and
/// dx = gamma / sqrt(var + epsilon) (d - dbeta / count - x^ dgamma / count); the last two terms are
/// there only where the statistics are the batch's own.
void run_backward(NormJob& job, const Scratch& scratch, const Places& places, double epsilon,
                  bool own_statistics, const KernelContext& context) {
  const Coefficients coefficients(scratch, job.picture, context.workspace());
  const std::int64_t channels = job.picture.channels;
  std::copy_n(context.input<float>(places.mean), channels, coefficients.mean);
  point_to(coefficients, job);
  job.x = context.input<float>(places.x);
  job.dx = context.output<float>(places.dx);
  job.sums = scratch.sums(context.workspace());
  sum_gradients(job, context.threads());

  const auto* gamma = context.input<float>(places.gamma);
  const auto* var = context.input<float>(places.var);
  const double share = own_statistics ? 1 / cell_count(job) : 0;
  for (std::int64_t c = 0; c < channels; ++c) {
    const Totals totals(job, c);
    const double inverse = 1 / std::sqrt(double{var[c]} + epsilon);
    const double factor = double{gamma[c]} * inverse;
    coefficients.factor[c] = static_cast<float>(factor);
    coefficients.slope[c] = static_cast<float>(-factor * inverse * inverse * totals.second * share);
    coefficients.offset[c] = static_cast<float>(-factor * totals.first * share);
    context.output<float>(places.dgamma)[c] = static_cast<float>(totals.second * inverse);
    context.output<float>(places.dbeta)[c] = static_cast<float>(totals.first);
  }
  if (job.d != nullptr) {  // the masked gradient is there already
    job.dy = job.d;
    job.saved = nullptr;
  }
  apply_gradients(job, context.threads());
}

LowerResult lower_backward(double epsilon, bool own_statistics, const LowerRequest& request) {
  const Prepared prepared(request, {1, 0});
  Lowering lowering = layouts_like(prepared, request, request.inputs[1].shape);
  lowering.in_place = {{0, 0}, {0, 1}};
  lowering.kernel = make_kernel([job = prepared.job, scratch = prepared.scratch, epsilon,
                                 own_statistics](const KernelContext& context) mutable {
    job.dy = context.input<float>(0);
    run_backward(job, scratch, kPlaces, epsilon, own_statistics, context);
  });
  return lowering;
}

LowerResult batch_norm_backward(const ops::BatchNormBackward& op, const LowerRequest& request) {
  return lower_backward(op.epsilon, true, request);
}

LowerResult batch_norm_inference_backward(const ops::BatchNormInferenceBackward& op,
                                          const LowerRequest& request) {
  return lower_backward(op.epsilon, false, request);
}

LowerResult batch_norm_act_backward(const ops::BatchNormActBackward& op,
                                    const LowerRequest& request) {
  if (op.activation.kind != Activation::Kind::relu) return Decline{"only relu is fused"};
  const Prepared prepared(request, {2, 1, 0});
  Lowering lowering = layouts_like(prepared, request, request.inputs[2].shape);
  lowering.in_place = {{0, 0}, {1, 0}, {1, 2}};
  lowering.kernel =
      make_kernel([job = prepared.job, scratch = prepared.scratch, epsilon = op.epsilon,
                   wants_d = request.output_used[0]](const KernelContext& context) mutable {
        job.dy = context.input<float>(0);
        job.saved = context.input<float>(1);
        job.d = wants_d ? context.output<float>(0) : nullptr;
        run_backward(job, scratch, kFusedPlaces, epsilon, true, context);
      });
  return lowering;
}

}  // namespace

void add_normalization(KernelTable& table) {
  table.add<ops::BatchNorm>("blocked", guarded(batch_norm));
  table.add<ops::BatchNormAct>("blocked", guarded(batch_norm_act));
  table.add<ops::BatchNormInference>("blocked", guarded(batch_norm_inference));
  table.add<ops::BatchNormBackward>("blocked", guarded(batch_norm_backward));
  table.add<ops::BatchNormInferenceBackward>("blocked", guarded(batch_norm_inference_backward));
  table.add<ops::BatchNormActBackward>("blocked", guarded(batch_norm_act_backward));
}

}  // namespace fovea::onednn
