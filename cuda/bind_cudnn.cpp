// Convolutions on cuDNN.
#include <algorithm>
#include <array>

#include "cuda/bind.h"
#include "cuda/cudnn/plan.h"
#include "fovea/ops/conv.h"
#include "kernels/batch_norm.h"
#include "kernels/bias.h"

namespace fovea::cuda {
namespace {

using Pass = cudnn::Convolution::Pass;
using cudnn::TensorId;

/// Runs a plan; knows which tensor each input and the output is.
class CudnnKernel final : public Kernel {
 public:
  CudnnKernel(std::unique_ptr<cudnn::Plan> plan, std::vector<TensorId> inputs, TensorId output)
      : plan_(std::move(plan)), ids_(inputs.begin(), inputs.end()), pointers_(inputs.size() + 1) {
    ids_.push_back(output);
  }

  void run(const KernelContext& context) override {
    for (std::size_t i = 0; i + 1 < pointers_.size(); ++i) {
      pointers_[i] = context.mutable_input<void>(i);
    }
    pointers_.back() = context.output(0);
    plan_->execute(ids_, pointers_, context.workspace(), stream_of(context));
  }

 private:
  std::unique_ptr<cudnn::Plan> plan_;
  std::vector<std::int64_t> ids_;
  std::vector<void*> pointers_;
};

/// dW by cuDNN, then db by our own sum; one after the other, they share the workspace.
class FilterAndBiasKernel final : public Kernel {
 public:
  explicit FilterAndBiasKernel(std::unique_ptr<Kernel> filter) : filter_(std::move(filter)) {}

  void run(const KernelContext& context) override {
    filter_->run(context);
    const ValueType& dy = context.input_type(1);
    const std::int64_t columns = dy.shape.c();
    check(kernels::bias_grad(stream_of(context), dy.dtype, context.input(1), context.output(1),
                             dy.shape.numel() / columns, columns, context.workspace()),
          "the bias gradient");
  }

 private:
  std::unique_ptr<Kernel> filter_;
};

/// y and its sums by cuDNN, then the statistics of these sums and the map of y by our own kernels.
class ConvBatchNormKernel final : public Kernel {
 public:
  ConvBatchNormKernel(std::unique_ptr<cudnn::Plan> plan, const ops::Conv2dBatchNormAct& op)
      : plan_(std::move(plan)), op_(op) {}

  void run(const KernelContext& context) override {
    static constexpr std::array<std::int64_t, 5> kIds = {cudnn::kX, cudnn::kW, cudnn::kY,
                                                         cudnn::kSum, cudnn::kSquares};
    auto* mean = context.output<float>(2);
    auto* var = context.output<float>(3);
    const std::array<void*, 5> pointers = {context.mutable_input<void>(0),
                                           context.mutable_input<void>(1), context.output(0), mean,
                                           var};
    plan_->execute(kIds, pointers, context.workspace(), stream_of(context));
    const ValueType& y = context.output_type(0);
    const std::int64_t channels = y.shape.c();
    const kernels::BatchNormShape shape{y.dtype, y.shape.numel() / channels, channels};
    check(kernels::batch_norm_statistics_of_sums(stream_of(context), shape, mean, var),
          "the statistics");
    check(kernels::batch_norm_apply(stream_of(context), shape, context.output(0),
                                    op_.residual ? context.input(6) : nullptr,
                                    {context.input<float>(2), context.input<float>(3), mean, var,
                                     static_cast<float>(op_.epsilon)},
                                    function_of(op_.activation), context.output(1)),
          "the batch norm");
  }

 private:
  std::unique_ptr<cudnn::Plan> plan_;
  ops::Conv2dBatchNormAct op_;
};

/// The masked gradient of the batch norm's output and its sums by cuDNN, then the gradient of its
/// input by our own kernel, in the same memory. That one takes the sums themselves and not the
/// three factors that cuDNN makes of them: x_factor x + offset loses digits where the mean is far
/// from 0.
class ConvBatchNormBackwardKernel final : public Kernel {
 public:
  /// Of the workspace, the factors and the inverse deviations come first.
  static std::int64_t own_bytes(std::int64_t channels) { return 4 * vector_bytes(channels); }

  ConvBatchNormBackwardKernel(std::unique_ptr<cudnn::Plan> plan, double epsilon)
      : plan_(std::move(plan)), epsilon_(static_cast<float>(epsilon)) {}

  void run(const KernelContext& context) override {
    const ValueType& x = context.input_type(2);
    const std::int64_t channels = x.shape.c();
    auto* const own = static_cast<char*>(context.workspace());
    const auto vector = [&](int i) { return own + i * vector_bytes(channels); };
    auto* const inverse = reinterpret_cast<float*>(vector(0));
    check(kernels::batch_norm_inverse_deviations(stream_of(context), channels,
                                                 context.input<float>(6), epsilon_, inverse),
          "the deviations");

    using enum cudnn::TensorId;
    // Inputs, outputs, then what lies in the workspace.
    static constexpr std::int64_t kIds[] = {kY,
                                            kW,
                                            kNormX,
                                            kGamma,
                                            kBeta,
                                            kMean,
                                            kX,
                                            kGammaGradient,
                                            kBetaGradient,
                                            kInverse,
                                            kGradientFactor,
                                            kXFactor,
                                            kOffset};
    std::array<void*, std::size(kIds)> pointers{};
    for (std::size_t i = 0; i < 6; ++i) pointers[i] = context.mutable_input<void>(i);
    for (std::size_t i = 0; i < 3; ++i) pointers[6 + i] = context.output(i);
    for (int i = 0; i < 4; ++i) pointers[static_cast<std::size_t>(9 + i)] = vector(i);
    plan_->execute(kIds, pointers, own + own_bytes(channels), stream_of(context));

    kernels::BatchNormGradients pass{};
    pass.dy = context.output(0);
    pass.x = context.input(2);
    pass.gamma = context.input<float>(3);
    pass.mean = context.input<float>(5);
    pass.var = context.input<float>(6);
    pass.epsilon = epsilon_;
    pass.dx = context.output(0);
    pass.dgamma = context.output<float>(1);
    pass.dbeta = context.output<float>(2);
    check(kernels::batch_norm_dx(stream_of(context),
                                 {x.dtype, x.shape.numel() / channels, channels}, pass),
          "the gradient of the batch norm's input");
  }

 private:
  static std::int64_t vector_bytes(std::int64_t channels) {
    constexpr std::int64_t kAlignment = 256;  // cuDNN's workspace follows
    const auto bytes = channels * static_cast<std::int64_t>(sizeof(float));
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

  std::unique_ptr<cudnn::Plan> plan_;
  float epsilon_;
};

/// What a table knows of cuDNN.
struct Cudnn {
  std::shared_ptr<cudnn::Target> target;  // null: declines
  std::string problem;
  std::int64_t workspace_limit_bytes = 0;
  std::shared_ptr<cudnn::PlanCache> plans;

  /// Null, with the reason, where cuDNN does not compute this.
  std::unique_ptr<cudnn::Plan> choose(const cudnn::Convolution& convolution,
                                      const LowerRequest& request, std::string& reason) const {
    if (target == nullptr) {
      reason = problem;
      return nullptr;
    }
    for (const Shape* shape : {&convolution.x, &convolution.w, &convolution.y}) {
      if (shape->numel() > 0) continue;
      reason = "an empty tensor";
      return nullptr;
    }
    return cudnn::choose_plan(target, convolution, {request.allow_tf32, workspace_limit_bytes},
                              reason, plans.get(), request.variant);
  }

  LowerResult lower(const cudnn::Convolution& convolution, const LowerRequest& request,
                    std::vector<TensorId> inputs, TensorId output) const {
    const auto has_type = [&](const ValueType& type) { return type.dtype == convolution.dtype; };
    if (!std::all_of(request.inputs.begin(), request.inputs.end(), has_type)) {
      return Decline{"the inputs have several types"};
    }
    std::string reason;
    std::unique_ptr<cudnn::Plan> plan = choose(convolution, request, reason);
    if (plan == nullptr) return Decline{std::move(reason)};
    Lowering lowering;
    lowering.workspace_bytes = plan->workspace_bytes();
    lowering.variants = cudnn::kMaxVariants;
    lowering.kernel = std::make_unique<CudnnKernel>(std::move(plan), std::move(inputs), output);
    return lowering;
  }
};

cudnn::Convolution describe(Pass pass, const ops::ConvAttributes& attributes, const ValueType& x,
                            const Shape& w, const Shape& y) {
  cudnn::Convolution convolution;
  convolution.pass = pass;
  convolution.dtype = x.dtype;
  convolution.x = x.shape;
  convolution.w = w;
  convolution.y = y;
  convolution.window = attributes.geometry({x.shape.h(), x.shape.w()}, {w[1], w[2]});
  return convolution;
}

/// A convolution with part of a batch norm: `make` makes the kernel of its plan.
template <class Make>
LowerResult lower_with_norm(const Cudnn& library, const cudnn::Convolution& convolution,
                            const LowerRequest& request, std::int64_t own_workspace_bytes,
                            const Make& make) {
  if (convolution.dtype != DType::f16) return Decline{"cuDNN has engines for f16 only"};
  std::string reason;
  std::unique_ptr<cudnn::Plan> plan = library.choose(convolution, request, reason);
  if (plan == nullptr) return Decline{std::move(reason)};
  Lowering lowering;
  lowering.workspace_bytes = own_workspace_bytes + plan->workspace_bytes();
  lowering.variants = cudnn::kMaxVariants;
  lowering.kernel = make(std::move(plan));
  return lowering;
}

LowerResult lower_norm(const Cudnn& library, const ops::Conv2dBatchNormAct& op,
                       const LowerRequest& r) {
  cudnn::Convolution convolution =
      describe(Pass::forward, op, r.inputs[0], r.inputs[1].shape, r.outputs[0].shape);
  convolution.statistics = true;
  LowerResult result =
      lower_with_norm(library, convolution, r, 0, [&](std::unique_ptr<cudnn::Plan> plan) {
        return std::make_unique<ConvBatchNormKernel>(std::move(plan), op);
      });
  if (auto* lowering = std::get_if<Lowering>(&result); lowering != nullptr && op.residual) {
    lowering->in_place = {{1, 6}};
  }
  return result;
}

LowerResult lower_norm(const Cudnn& library, const ops::Conv2dBackwardDataBatchNormRelu& op,
                       const LowerRequest& r) {
  cudnn::Convolution convolution =
      describe(Pass::backward_data, op, r.inputs[2], r.inputs[1].shape, r.inputs[0].shape);
  convolution.norm_gradients = true;
  return lower_with_norm(
      library, convolution, r, ConvBatchNormBackwardKernel::own_bytes(r.inputs[2].shape.c()),
      [&](std::unique_ptr<cudnn::Plan> plan) {
        return std::make_unique<ConvBatchNormBackwardKernel>(std::move(plan), op.epsilon);
      });
}

}  // namespace

void bind_cudnn(KernelTable& table, const TableOptions& options) {
  Cudnn library{nullptr, "no libraries are used on this device", options.workspace_limit_bytes,
                nullptr};
  if (options.libraries != nullptr) {
    library.target = options.libraries->cudnn;
    library.problem = options.libraries->cudnn_problem;
    library.plans = options.libraries->cudnn_plans;
  }
  using namespace cudnn;  // the tensors' names
  table.add<ops::Conv2d>("cudnn", [library](const ops::Conv2d& op, const LowerRequest& r) {
    return library.lower(
        describe(Pass::forward, op, r.inputs[0], r.inputs[1].shape, r.outputs[0].shape), r,
        {kX, kW}, kY);
  });
  table.add<ops::Conv2dBackwardData>(
      "cudnn", [library](const ops::Conv2dBackwardData& op, const LowerRequest& r) {
        return library.lower(
            describe(Pass::backward_data, op, r.outputs[0], r.inputs[1].shape, r.inputs[0].shape),
            r, {kY, kW}, kX);
      });
  table.add<ops::Conv2dBackwardFilter>(
      "cudnn", [library](const ops::Conv2dBackwardFilter& op, const LowerRequest& r) {
        return library.lower(
            describe(Pass::backward_filter, op, r.inputs[0], r.outputs[0].shape, r.inputs[1].shape),
            r, {kX, kY}, kW);
      });
  table.add<ops::Conv2dBackwardFilterBias>(
      "cudnn", [library](const ops::Conv2dBackwardFilterBias& op, const LowerRequest& r) {
        LowerResult result = library.lower(
            describe(Pass::backward_filter, op, r.inputs[0], r.outputs[0].shape, r.inputs[1].shape),
            r, {kX, kY}, kW);
        if (auto* lowering = std::get_if<Lowering>(&result)) {
          const Shape& dy = r.inputs[1].shape;
          lowering->kernel = std::make_unique<FilterAndBiasKernel>(std::move(lowering->kernel));
          lowering->workspace_bytes =
              std::max(lowering->workspace_bytes,
                       kernels::bias_grad_workspace_bytes(dy.numel() / dy.c(), dy.c()));
        }
        return result;
      });
  table.add<ops::Conv2dBiasAct>(
      "cudnn", [library](const ops::Conv2dBiasAct& op, const LowerRequest& r) -> LowerResult {
        using Kind = Activation::Kind;
        if (op.activation.kind != Kind::identity && op.activation.kind != Kind::relu) {
          return Decline{"cuDNN has precompiled engines for relu only"};
        }
        cudnn::Convolution convolution =
            describe(Pass::forward, op, r.inputs[0], r.inputs[1].shape, r.outputs[0].shape);
        convolution.bias = true;
        convolution.relu = op.activation.kind == Kind::relu;
        convolution.residual = op.residual;
        std::vector<TensorId> inputs = {kX, kW, kBias};
        if (op.residual) inputs.push_back(kResidual);
        return library.lower(convolution, r, std::move(inputs), kY);
      });
  table.add<ops::Conv2dBatchNormAct>(
      "cudnn", [library](const ops::Conv2dBatchNormAct& op, const LowerRequest& r) {
        return lower_norm(library, op, r);
      });
  table.add<ops::Conv2dBackwardDataBatchNormRelu>(
      "cudnn", [library](const ops::Conv2dBackwardDataBatchNormRelu& op, const LowerRequest& r) {
        return lower_norm(library, op, r);
      });
}

}  // namespace fovea::cuda
