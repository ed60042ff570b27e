// The gradient of a convolution's input, through relu, with the sums of the batch norm before it:
// one graph, against the reference's ops one after the other.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cuda/cudnn/plan.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/norm.h"
#include "host/graph/run_op.h"
#include "tests/simulated_gpu/drafts.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

enum Id : std::int64_t { kDy = 1, kW, kX, kMean, kInverse, kGamma, kBeta, kMasked, kFirstResult };

/// Parts of a graph that is made piece by piece.
class Pieces {
 public:
  const Descriptor& keep(Descriptor descriptor) {
    kept_.push_back(std::make_unique<Descriptor>(std::move(descriptor)));
    return *kept_.back();
  }
  const Descriptor& tensor(std::int64_t id, const Sizes& sizes) {
    return keep(tensor_draft(id, sizes).make());
  }
  const Descriptor& virtual_tensor(const Sizes& sizes) {
    return keep(tensor_draft(next_id_++, sizes).with(CUDNN_ATTR_TENSOR_IS_VIRTUAL, true).make());
  }
  const Descriptor& function(cudnnPointwiseMode_t mode) {
    Draft draft{CUDNN_BACKEND_POINTWISE_DESCRIPTOR, {}};
    return keep(draft.with(CUDNN_ATTR_POINTWISE_MODE, mode)
                    .with(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT)
                    .make());
  }
  void add(const Draft& operation) { operations_.push_back(operation.make()); }

  /// y = mode(x, factor b), a virtual tensor of x's sizes.
  const Descriptor& pointwise(cudnnPointwiseMode_t mode, const Descriptor& x, const Descriptor& b,
                              const Sizes& sizes, float factor = 1) {
    const Descriptor& y = virtual_tensor(sizes);
    add(Draft{CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, {}}
            .with(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, function(mode))
            .with(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x)
            .with(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b)
            .with(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA2, factor)
            .with(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y));
    return y;
  }

  /// The plan of all operations, which come in an order in which they cannot run.
  std::unique_ptr<Descriptor> plan() {
    using namespace cuda::cudnn;
    std::reverse(operations_.begin(), operations_.end());
    const auto& target = simulated_libraries().cudnn;
    OperationGraph graph;
    graph.graph = Descriptor(library(), CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    target->attach_to_graph(graph.graph);
    graph.graph.set_array(CUDNN_ATTR_OPERATIONGRAPH_OPS, std::span<const Descriptor>(operations_));
    graph.graph.finalize();
    auto configs = proposed_configs(*target, graph, CUDNN_HEUR_MODE_FALLBACK);
    auto plan = std::make_unique<Descriptor>(library(), CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    target->attach_to_plan(*plan);
    plan->set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configs.at(0).config);
    plan->finalize();
    return plan;
  }

 private:
  std::vector<std::unique_ptr<Descriptor>> kept_;
  std::vector<Descriptor> operations_;
  std::int64_t next_id_ = 100;
};

const Sizes kDySizes = {2, 16, 3, 3}, kWSizes = {16, 8, 3, 3}, kXSizes = {2, 8, 5, 5},
            kChannels = {1, 8, 1, 1};

std::unique_ptr<Descriptor> norm_gradients_plan() {
  Pieces p;
  const Descriptor& dx = p.virtual_tensor(kXSizes);
  p.add(
      Draft{CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, {}}
          .with(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, p.keep(window_draft().make()))
          .with(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, p.tensor(kDy, kDySizes))
          .with(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, p.tensor(kW, kWSizes))
          .with(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, dx)
          .with(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 1.0f)
          .with(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, 0.0f));
  const Descriptor& x = p.tensor(kX, kXSizes);
  const Descriptor& mean = p.tensor(kMean, kChannels);
  const Descriptor& inverse = p.tensor(kInverse, kChannels);
  const Descriptor& gamma = p.tensor(kGamma, kChannels);
  const Descriptor* y = &p.pointwise(CUDNN_POINTWISE_ADD, x, mean, kXSizes, -1);
  y = &p.pointwise(CUDNN_POINTWISE_MUL, *y, inverse, kXSizes);
  y = &p.pointwise(CUDNN_POINTWISE_MUL, *y, gamma, kXSizes);
  y = &p.pointwise(CUDNN_POINTWISE_ADD, *y, p.tensor(kBeta, kChannels), kXSizes);
  const Descriptor& masked = p.tensor(kMasked, kXSizes);
  p.add(
      Draft{CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, {}}
          .with(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, p.function(CUDNN_POINTWISE_RELU_BWD))
          .with(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, *y)
          .with(CUDNN_ATTR_OPERATION_POINTWISE_DYDESC, dx)
          .with(CUDNN_ATTR_OPERATION_POINTWISE_DXDESC, masked));
  Draft sums{CUDNN_BACKEND_OPERATION_BN_BWD_WEIGHTS_DESCRIPTOR, {}};
  sums.with(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MATH_PREC, CUDNN_DATA_FLOAT)
      .with(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_X_DESC, x)
      .with(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DY_DESC, masked)
      .with(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MEAN_DESC, mean)
      .with(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_INVSTD_DESC, inverse)
      .with(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_BN_SCALE_DESC, gamma);
  std::int64_t id = kFirstResult;
  for (const auto name : {CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_SCALE_DESC,
                          CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_BIAS_DESC,
                          CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_DY_SCALE_DESC,
                          CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_X_SCALE_DESC,
                          CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_BIAS}) {
    sums.with(name, p.tensor(id++, kChannels));
  }
  p.add(sums);
  return p.plan();
}

/// Some numbers, other ones for each key.
Tensor numbers(std::uint64_t key, const Shape& shape, double low, double high) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  uniform(low, high)(key, shape, values);
  const std::vector<float> narrow(values.begin(), values.end());
  return Tensor::from(shape, narrow);
}

constexpr double kEpsilon = 1e-3;

/// What the graph reads, in the order of its ids.
struct Inputs {
  Tensor dy = numbers(1, {2, 3, 3, 16}, -1, 1), w = numbers(2, {16, 3, 3, 8}, -1, 1);
  Tensor x = numbers(3, {2, 5, 5, 8}, -1, 3);
  Tensor mean = numbers(4, {8}, 0, 2), var = numbers(5, {8}, 0.5, 2);
  Tensor gamma = numbers(6, {8}, -1, 2), beta = numbers(7, {8}, -1, 1);

  /// What the graph reads instead of the variance.
  Tensor inverse() const {
    Tensor result({8}, DType::f32);
    for (std::int64_t c = 0; c < 8; ++c) {
      result.data<float>()[c] = static_cast<float>(1 / std::sqrt(var.item(c) + kEpsilon));
    }
    return result;
  }
};

struct Results {
  Tensor masked;  ///< the gradient of relu's input
  Tensor gamma_gradient, beta_gradient;
  Tensor dx;  ///< of the batch norm
};

template <class DerivedOp>
std::vector<Tensor> reference(const DerivedOp& op, const std::vector<Tensor>& inputs) {
  return run_reference(std::make_shared<const DerivedOp>(op), inputs);
}

Results expected_of(const Inputs& inputs) {
  const auto wide = [](const Tensor& tensor) { return tensor.to(DType::f64); };
  const Tensor x = wide(inputs.x), gamma = wide(inputs.gamma), mean = wide(inputs.mean),
               var = wide(inputs.var);
  ops::BatchNormInference norm;
  norm.epsilon = kEpsilon;
  const Tensor y = reference(norm, {x, gamma, wide(inputs.beta), mean, var})[0];
  Tensor masked =
      reference(ops::Conv2dBackwardData({}, Size2(5, 5)), {wide(inputs.dy), wide(inputs.w)})[0];
  for (std::size_t i = 0; i < y.span<double>().size(); ++i) {
    if (y.span<double>()[i] <= 0) masked.data<double>()[i] = 0;
  }
  ops::BatchNormBackward backward;
  backward.epsilon = kEpsilon;
  const std::vector<Tensor> gradients = reference(backward, {masked, x, gamma, mean, var});
  return {masked, gradients[1], gradients[2], gradients[0]};
}

Results run_graph(const Inputs& inputs) {
  std::vector<DeviceMemory> memory;
  for (const Tensor& input : {inputs.dy, inputs.w, inputs.x, inputs.mean, inputs.inverse(),
                              inputs.gamma, inputs.beta, inputs.x}) {
    memory.emplace_back(input);  // the last one is the place of what is masked
  }
  for (int i = 0; i < 5; ++i) memory.emplace_back(8 * sizeof(float));
  std::vector<std::int64_t> ids;
  std::vector<void*> pointers;
  for (const DeviceMemory& one : memory) {
    ids.push_back(static_cast<std::int64_t>(ids.size()) + 1);
    pointers.push_back(one.get());
  }
  const std::unique_ptr<Descriptor> plan = norm_gradients_plan();
  const DeviceMemory workspace(4096);
  Descriptor pack(library(), CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set_array<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids);
  pack.set_array<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, pointers);
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace.get());
  pack.finalize();
  const DeviceStream stream;
  simulated_libraries().cudnn->execute(*plan, pack, stream.get());
  stream.synchronize();

  const Tensor masked = memory[kMasked - 1].download({inputs.x.shape(), DType::f32});
  std::vector<Tensor> sums;
  for (std::size_t i = 0; i < 5; ++i) {
    sums.push_back(memory[kFirstResult - 1 + i].download({{8}, DType::f32}));
  }
  Tensor dx(inputs.x.shape(), DType::f32);
  for (std::int64_t i = 0; i < dx.numel(); ++i) {
    const std::int64_t c = i % 8;
    dx.data<float>()[i] = static_cast<float>(sums[2].item(c) * masked.item(i) +
                                             sums[3].item(c) * inputs.x.item(i) + sums[4].item(c));
  }
  return {masked, sums[0], sums[1], dx};
}

TEST(SimulatedCudnn, NormGradientsAreTheReferences) {
  const Inputs inputs;
  const Results expected = expected_of(inputs), results = run_graph(inputs);
  EXPECT_LE(relative_error(results.masked, expected.masked), 1e-6);
  EXPECT_LE(relative_error(results.gamma_gradient, expected.gamma_gradient), 1e-6);
  EXPECT_LE(relative_error(results.beta_gradient, expected.beta_gradient), 1e-6);
  EXPECT_LE(relative_error(results.dx, expected.dx), 1e-6);
}

}  // namespace
}  // namespace fovea::test
