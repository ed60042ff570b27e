// Every fusion computes what its parts compute, and happens where it should.
#include "host/graph/passes.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fovea/detail/philox.h"
#include "fovea/ops.h"
#include "host/graph/differentiate.h"
#include "host/graph/execution.h"
#include "host/graph/rewrite.h"

namespace fovea {
namespace {

int count(const Graph& graph, std::string_view op) {
  int number = 0;
  for (const Node& node : graph.nodes()) number += node.op->name() == op ? 1 : 0;
  return number;
}

/// Uniform numbers from a key, never near 0.
Tensor numbers(Shape shape, std::uint64_t key) {
  Tensor t(shape, DType::f32);
  for (std::int64_t i = 0; i < t.numel(); ++i) {
    const auto word = detail::philox4x32(key, 0, static_cast<std::uint64_t>(i)).word[0];
    const float u = 2 * detail::uniform01(word) - 1;
    t.data<float>()[i] = u + (u < 0 ? -0.05F : 0.05F);
  }
  return t;
}

/// A graph under test with its inputs' values; parameters hold random numbers.
struct Case {
  Graph graph;
  Builder b{graph};
  std::vector<Tensor> inputs;

  Value input(const std::string& name, Shape shape) {
    inputs.push_back(numbers(shape, 100 + inputs.size()));
    return b.input(name, {shape, DType::f32});
  }
  Value weight(const std::string& name, Shape shape) {
    return b.parameter(name, shape, uniform(0.5));
  }
  /// Batch norm's variances must be positive.
  Value positive(const std::string& name, Shape shape) {
    return b.parameter(name, shape, constant_value(0.7));
  }

  std::vector<Tensor> run(bool fuse) const {
    Variables variables(cpu_device());
    variables.create_missing(graph, 7);
    Execution execution(compile_graph(graph, cpu_device(), {.fuse = fuse}), variables,
                        std::make_shared<Arena>(cpu_device()));
    execution.poison();
    for (std::size_t i = 0; i < inputs.size(); ++i) execution.bind_input(i, inputs[i].raw());
    execution.run();
    std::vector<Tensor> outputs;
    for (std::size_t i = 0; i < graph.outputs().size(); ++i) outputs.push_back(execution.output(i));
    return outputs;
  }

  void expect_fused_equals_parts() const { expect_equal(run(true), run(false)); }

  static void expect_equal(const std::vector<Tensor>& fused, const std::vector<Tensor>& parts) {
    ASSERT_FALSE(fused.empty());
    for (std::size_t o = 0; o < fused.size(); ++o) {
      double difference = 0;
      double norm = 0;
      for (std::int64_t i = 0; i < fused[o].numel(); ++i) {
        difference += std::pow(fused[o].item(i) - parts[o].item(i), 2);
        norm += std::pow(parts[o].item(i), 2);
      }
      EXPECT_GT(norm, 0) << "output " << o << " is all zeros and would prove nothing";
      EXPECT_LE(std::sqrt(difference), 1e-5 * std::sqrt(norm)) << "output " << o;
    }
  }
};

Activation relu() { return {Activation::Kind::relu}; }

ops::Conv2d same_conv() {
  ops::Conv2d conv;
  conv.padding = Padding::same();
  return conv;
}

TEST(Passes, ConvolutionBiasResidualAndActivationBecomeOneOp) {
  Case c;
  const Value x = c.input("x", {2, 6, 6, 16});
  const Value shortcut = c.input("shortcut", {2, 6, 6, 16});
  Value y = c.b.add(same_conv(), {x, c.weight("w", {16, 3, 3, 16})});
  y = c.b.add(ops::AddBias{}, {y, c.weight("b", {16})});
  y = c.b.add(ops::Add{}, {y, shortcut});
  c.graph.mark_output("y", c.b.add(ops::Activate(relu()), {y}));
  const Graph fused = fuse_bias_activation(c.graph);
  EXPECT_EQ(count(fused, "conv2d_bias_act"), 1);
  EXPECT_EQ(count(fused, "conv2d") + count(fused, "add_bias") + count(fused, "add") +
                count(fused, "activate"),
            0);
  c.expect_fused_equals_parts();
}

TEST(Passes, TwoConvolutionsThatAreAddedStayApart) {
  Case c;
  const Value x = c.input("x", {2, 5, 5, 8});
  std::vector<Value> branches;
  for (const std::string name : {"left", "right"}) {
    const auto scope = c.b.scope(name);
    const Value y = c.b.add(same_conv(), {x, c.weight("w", {8, 3, 3, 8})});
    branches.push_back(c.b.add(ops::AddBias{}, {y, c.weight("b", {8})}));
  }
  const Value sum = c.b.add(ops::Add{}, {branches[0], branches[1]});
  c.graph.mark_output("y", c.b.add(ops::Activate(relu()), {sum}));
  EXPECT_EQ(count(fuse_bias_activation(c.graph), "conv2d_bias_act"), 2);
  c.expect_fused_equals_parts();
}

TEST(Passes, AValueThatIsReadElsewhereIsNotFusedAway) {
  Case c;
  const Value x = c.input("x", {3, 8});
  const Value biased = c.b.add(
      ops::AddBias{}, {c.b.add(ops::MatMul{}, {x, c.weight("w", {8, 4})}), c.weight("b", {4})});
  c.graph.mark_output("before", biased);
  c.graph.mark_output("after", c.b.add(ops::Activate(relu()), {biased}));
  const Graph fused = fuse_bias_activation(c.graph);
  EXPECT_EQ(count(fused, "matmul_bias_act"), 1);
  EXPECT_EQ(count(fused, "activate"), 1);
  c.expect_fused_equals_parts();
}

/// Marks the gradients of the mean of y * weights with respect to `targets` as outputs.
void mark_gradients(Case& c, Value y, const std::vector<Value>& targets) {
  const Value weights = c.input("loss_weights", c.b.shape(y));
  const Value loss = c.b.add(ops::Mean{}, {c.b.add(ops::Multiply{}, {y, weights})});
  for (Value gradient : differentiate(c.b, loss, targets)) {
    c.graph.mark_output("gradient", gradient);
  }
}

TEST(Passes, ReluPassesBackwardOnThePooledTensor) {
  Case c;
  const Value x = c.input("x", {2, 9, 9, 8});
  const Value w = c.weight("w", {16, 3, 3, 8});
  const Value bias = c.weight("b", {16});
  Value y = c.b.add(ops::AddBias{}, {c.b.add(ops::Conv2d{}, {x, w}), bias});
  y = c.b.add(ops::Activate(relu()), {y});
  ops::MaxPool2d pool;
  pool.kernel = 3;  // windows that overlap: several gradients meet in one cell
  mark_gradients(c, c.b.add(pool, {y})[0], {x, w, bias});

  const Graph moved = remove_dead(relu_before_pool_backward(c.graph));
  ASSERT_EQ(count(moved, "activate_backward"), 1);
  for (const Node& node : moved.nodes()) {
    if (node.op->name() != "activate_backward") continue;
    EXPECT_EQ(moved.type(node.outputs[0]).shape, Shape({2, 3, 3, 16}));
  }
  EXPECT_EQ(count(fuse_filter_bias_gradients(moved), "conv2d_backward_filter_bias"), 1);
  c.expect_fused_equals_parts();
}

/// Min pooling has max pooling's backward op.
TEST(Passes, ReluStaysWhereItIsBesideMinPooling) {
  Case c;
  const Value x = c.input("x", {2, 6, 6, 8});
  const Value y = c.b.add(ops::Activate(relu()), {x});
  mark_gradients(c, c.b.add(ops::MinPool2d{}, {y})[0], {x});
  const Graph same = relu_before_pool_backward(c.graph);
  ASSERT_EQ(count(same, "activate_backward"), 1);
  for (const Node& node : same.nodes()) {
    if (node.op->name() != "activate_backward") continue;
    EXPECT_EQ(same.type(node.outputs[0]).shape, Shape({2, 6, 6, 8}));
  }
  c.expect_fused_equals_parts();
}

TEST(Passes, BiasGradientsPairWithTheConvolutionOfTheSameTensor) {
  Case c;
  const Value x = c.input("x", {2, 6, 6, 8});
  std::vector<Value> targets;
  std::vector<Value> branches;
  // Both branches' gradients are the same tensor: each filter gradient must get one bias only.
  for (const std::string name : {"left", "right"}) {
    const auto scope = c.b.scope(name);
    targets.push_back(c.weight("w", {8, 3, 3, 8}));
    targets.push_back(c.weight("b", {8}));
    const Value y = c.b.add(same_conv(), {x, targets[targets.size() - 2]});
    branches.push_back(c.b.add(ops::AddBias{}, {y, targets.back()}));
  }
  mark_gradients(c, c.b.add(ops::Add{}, {branches[0], branches[1]}), targets);
  c.expect_fused_equals_parts();
}

/// x -> batch norm [+ residual] -> relu in training, outputs and gradients marked.
void batch_norm_case(Case& c, bool residual) {
  const Value x = c.input("x", {4, 3, 3, 16});
  const Value gamma = c.weight("gamma", {16});
  const Value beta = c.weight("beta", {16});
  const auto norm = c.b.add(
      ops::BatchNorm{}, {x, gamma, beta, c.b.state("mean", {16}, 0), c.b.state("var", {16}, 1)});
  std::vector<Value> targets = {x, gamma, beta};
  Value y = norm[0];
  if (residual) {
    targets.push_back(c.input("shortcut", {4, 3, 3, 16}));
    y = c.b.add(ops::Add{}, {y, targets.back()});
  }
  y = c.b.add(ops::Activate(relu()), {y});
  mark_gradients(c, y, targets);
  c.graph.mark_output("y", y);
  c.graph.mark_output("mean", norm[1]);
  c.graph.mark_output("var", norm[2]);
}

TEST(Passes, BatchNormAndActivationBecomeOneOpEachWay) {
  for (const bool residual : {false, true}) {
    Case c;
    batch_norm_case(c, residual);
    const Graph fused = fuse_batch_norm_activation(c.graph);
    EXPECT_EQ(count(fused, "batch_norm_act"), 1);
    EXPECT_EQ(count(fused, "batch_norm_act_backward"), 1);
    EXPECT_EQ(count(fused, "activate") + count(fused, "activate_backward"), 0);
    c.expect_fused_equals_parts();
  }
}

/// A device that takes a convolution and batch norm as one, either way, and nothing else.
class ConvNormDevice final : public Device {
 public:
  ConvNormDevice() {
    const auto take = [](const Op&, const LowerRequest&) { return Lowering{}; };
    kernels().add(ops::Conv2dBatchNormAct::kName, "one", take);
    kernels().add(ops::Conv2dBackwardDataBatchNormRelu::kName, "one", take);
  }
  std::string name() const override { return "conv_norm"; }
  bool is_host() const override { return false; }
  void* allocate(std::size_t) override { return nullptr; }
  void release(void*) noexcept override {}
  MemoryUse memory_use() const override { return {}; }
  std::shared_ptr<Stream> make_stream() override { return nullptr; }
};

/// x -> convolution -> batch norm [+ residual -> relu], outputs and gradients marked.
void conv_norm_case(Case& c, bool residual) {
  const Value x = c.input("x", {4, 5, 5, 8});
  const Value w = c.weight("w", {16, 3, 3, 8});
  const Value gamma = c.weight("gamma", {16});
  const Value conv = c.b.add(same_conv(), {x, w});
  const auto norm = c.b.add(
      ops::BatchNorm{},
      {conv, gamma, c.weight("beta", {16}), c.b.state("mean", {16}, 0), c.b.state("var", {16}, 1)});
  Value y = norm[0];
  if (residual) {
    y = c.b.add(ops::Add{}, {y, c.input("shortcut", {4, 5, 5, 16})});
    y = c.b.add(ops::Activate(relu()), {y});
  }
  mark_gradients(c, y, {x, w, gamma});
  c.graph.mark_output("y", y);
  c.graph.mark_output("mean", norm[1]);
  c.graph.mark_output("var", norm[2]);
}

TEST(Passes, AConvolutionAndBatchNormBecomeOneWhereADeviceTakesThat) {
  for (const bool residual : {false, true}) {
    Case c;
    conv_norm_case(c, residual);
    const std::vector<Tensor> parts = c.run(false);
    c.graph = fuse_batch_norm_activation(c.graph);
    const Graph apart = fuse_conv_batch_norm(c.graph, *cpu_device(), {});
    EXPECT_EQ(count(apart, "conv2d_batch_norm_act"), 0);
    EXPECT_EQ(count(apart, "conv2d"), 1);
    ConvNormDevice device;
    c.graph = fuse_conv_batch_norm(c.graph, device, {});
    EXPECT_EQ(count(c.graph, "conv2d_batch_norm_act"), 1);
    EXPECT_EQ(count(c.graph, "conv2d"), 0);
    EXPECT_EQ(count(c.graph, "batch_norm") + count(c.graph, "batch_norm_act"), 0);
    Case::expect_equal(c.run(true), parts);  // which the CPU expands
  }
}

TEST(Passes, AConvolutionThatIsReadBeforeItsBatchNormStays) {
  Case c;
  const Value x = c.input("x", {2, 5, 5, 8});
  const Value conv = c.b.add(same_conv(), {x, c.weight("w", {16, 3, 3, 8})});
  const Value other = c.b.add(ops::Activate(relu()), {conv});
  const Value y =
      c.b.add(ops::BatchNorm{}, {conv, c.weight("gamma", {16}), c.weight("beta", {16}),
                                 c.b.state("mean", {16}, 0), c.b.state("var", {16}, 1)})[0];
  c.graph.mark_output("y", c.b.add(ops::Add{}, {y, other}));
  ConvNormDevice device;
  EXPECT_EQ(count(fuse_conv_batch_norm(c.graph, device, {}), "conv2d"), 1);
}

/// What may stand between a convolution and the one before it, in training.
enum class Between {
  norm_and_relu,
  residual,
  constant_residual,  // whose gradient nobody wants
  gelu,
  nothing_after_norm,
  relu_read_twice
};

/// x -> convolution -> batch norm -> `between` -> convolution, outputs and gradients marked.
void norm_conv_case(Case& c, Between between) {
  const Value x = c.input("x", {4, 5, 6, 8});
  const Value first = c.weight("first", {16, 3, 3, 8}), second = c.weight("second", {8, 3, 3, 16});
  const Value gamma = c.weight("gamma", {16}), beta = c.weight("beta", {16});
  std::vector<Value> targets = {x, first, second, gamma, beta};
  const auto norm =
      c.b.add(ops::BatchNorm{}, {c.b.add(same_conv(), {x, first}), gamma, beta,
                                 c.b.state("mean", {16}, 0), c.b.state("var", {16}, 1)});
  Value y = norm[0];
  if (between == Between::residual || between == Between::constant_residual) {
    const Value shortcut = c.input("shortcut", {4, 5, 6, 16});
    if (between == Between::residual) targets.push_back(shortcut);
    y = c.b.add(ops::Add{}, {y, shortcut});
  }
  if (between != Between::nothing_after_norm) {
    const bool gelu = between == Between::gelu;
    y = c.b.add(ops::Activate(gelu ? Activation{Activation::Kind::gelu} : relu()), {y});
  }
  ops::Conv2d strided = same_conv();
  strided.stride = 2;
  Value z = c.b.add(strided, {y, second});
  if (between == Between::relu_read_twice) {
    z = c.b.add(ops::Add{}, {z, c.b.add(strided, {y, c.weight("third", {8, 3, 3, 16})})});
  }
  mark_gradients(c, z, targets);
  c.graph.mark_output("z", z);
}

TEST(Passes, BackwardThroughAConvolutionReluAndBatchNormBecomesOneWhereADeviceTakesThat) {
  ConvNormDevice device;
  for (const bool forward_too : {false, true}) {
    Case c;
    norm_conv_case(c, Between::norm_and_relu);
    const std::vector<Tensor> parts = c.run(false);
    c.graph = fuse_batch_norm_activation(c.graph);
    EXPECT_EQ(count(fuse_backward_data_batch_norm(c.graph, *cpu_device(), {}),
                    "conv2d_backward_data_batch_norm_relu"),
              0);
    if (forward_too) c.graph = fuse_conv_batch_norm(c.graph, device, {});
    EXPECT_EQ(count(c.graph, "conv2d_batch_norm_act"), forward_too ? 1 : 0);
    EXPECT_EQ(count(c.graph, "conv2d_backward_data"), 2);
    c.graph = remove_dead(fuse_backward_data_batch_norm(c.graph, device, {}));
    EXPECT_EQ(count(c.graph, "conv2d_backward_data_batch_norm_relu"), 1);
    EXPECT_EQ(count(c.graph, "conv2d_backward_data"), 1);  // x's
    EXPECT_EQ(count(c.graph, "batch_norm_act_backward"), 0);
    Case::expect_equal(c.run(true), parts);  // which the CPU expands
  }
}

TEST(Passes, OtherBackwardPassesOfBatchNormStayAsTheyAre) {
  ConvNormDevice device;
  for (const Between between : {Between::residual, Between::constant_residual, Between::gelu,
                                Between::nothing_after_norm, Between::relu_read_twice}) {
    SCOPED_TRACE(static_cast<int>(between));
    Case c;
    norm_conv_case(c, between);
    const Graph before = fuse_batch_norm_activation(c.graph);
    EXPECT_EQ(fuse_backward_data_batch_norm(before, device, {}).str(), before.str());
  }
}

TEST(Passes, InferenceFoldsBatchNormIntoTheConvolution) {
  for (const bool with_bias : {false, true}) {
    Case c;
    const Value x = c.input("x", {2, 6, 6, 8});
    Value y = c.b.add(same_conv(), {x, c.weight("w", {16, 3, 3, 8})});
    if (with_bias) y = c.b.add(ops::AddBias{}, {y, c.weight("b", {16})});
    y = c.b.add(ops::BatchNorm{}, {y, c.weight("gamma", {16}), c.weight("beta", {16}),
                                   c.weight("mean", {16}), c.positive("var", {16})})[0];
    c.graph.mark_output("y", c.b.add(ops::Activate(relu()), {y}));
    c.graph = specialize(c.graph, false, [](const std::string&) { return false; });
    const Graph folded = remove_dead(fuse_bias_activation(fold_batch_norm(c.graph)));
    EXPECT_EQ(count(folded, "conv2d_bias_act"), 1);
    EXPECT_EQ(count(folded, "fold_batch_norm"), 1);
    EXPECT_EQ(count(folded, "batch_norm_inference"), 0);
    c.expect_fused_equals_parts();
  }
}

TEST(Passes, TheBatchAndTheConversionOfItsPixelsBecomeOneOp) {
  for (const bool read_elsewhere : {false, true}) {
    Graph graph;
    Builder b(graph);
    const auto number = [&](const std::string& name) {
      return Value(b.input(name, {{}, DType::i64}));
    };
    ops::PictureBatch gather;
    gather.batch_size = gather.count = 4;
    const Outputs batch = b.add(gather, {b.input("pictures", {{9, 6, 5, 3}, DType::u8}),
                                         b.input("labels", {{9}, DType::i32}), number("seed"),
                                         number("epoch"), number("counter"), number("start")});
    ops::Rescale rescale;
    rescale.scale = {0.5};
    rescale.offset = {-1};
    const Value x = b.add(rescale, {batch[0]});
    graph.mark_output("x", b.add(ops::Cast(DType::bf16), {x}));
    graph.mark_output("y", batch[1]);
    if (read_elsewhere) graph.mark_output("f32", x);
    const Graph fused = remove_dead(fuse_picture_rescale(graph));
    EXPECT_EQ(count(fused, "rescale"), 0);
    EXPECT_EQ(count(fused, "cast"), read_elsewhere ? 1 : 0);
    EXPECT_EQ(fused.type(fused.outputs()[0].second), (ValueType{{4, 6, 5, 3}, DType::bf16}));
  }
}

TEST(Passes, SpecializeTakesDropoutOutAndFreezesBatchNorm) {
  Case c;
  const Value x = c.input("x", {4, 6});
  Value y;
  {
    const auto scope = c.b.scope("norm");
    y = c.b.add(ops::BatchNorm{}, {x, c.weight("gamma", {6}), c.weight("beta", {6}),
                                   c.b.state("mean", {6}, 0), c.b.state("var", {6}, 1)})[0];
  }
  y = c.b.add(ops::Dropout{}, {y, c.b.random_seed(), c.b.step_counter()});
  c.graph.mark_output("y", y);
  const auto nothing_frozen = [](const std::string&) { return false; };
  const auto norm_frozen = [](const std::string& path) { return path == "norm"; };
  const Graph inference = specialize(c.graph, false, nothing_frozen);
  EXPECT_EQ(count(inference, "dropout") + count(inference, "batch_norm"), 0);
  const Graph training = specialize(c.graph, true, nothing_frozen);
  EXPECT_EQ(count(training, "dropout") + count(training, "batch_norm"), 2);
  const Graph frozen = specialize(c.graph, true, norm_frozen);
  EXPECT_EQ(count(frozen, "batch_norm_inference"), 1);
  EXPECT_EQ(count(frozen, "dropout"), 1);
}

TEST(Passes, AFusedOpThatNoKernelTakesIsExpanded) {
  Case c;
  const Value x = c.input("x", {3, 8});
  ops::MatMulBiasAct op;
  op.activation = relu();
  c.graph.mark_output("y", c.b.add(op, {x, c.weight("w", {8, 4}), c.weight("b", {4})}));
  PlanOptions options;
  options.force["matmul_bias_act"] = "nobody";
  const Graph expanded = expand_declined(c.graph, *cpu_device(), options);
  EXPECT_EQ(count(expanded, "matmul_bias_act"), 0);
  EXPECT_EQ(count(expanded, "matmul") + count(expanded, "add_bias") + count(expanded, "activate"),
            3);
}

TEST(Passes, DeadNodesGoAndEffectsStay) {
  Case c;
  const Value x = c.input("x", {3, 8});
  c.b.add(ops::Activate(relu()), {x});  // nobody reads it
  const Value counter = c.b.step_counter();
  c.b.add(ops::CommitStep{}, {counter, c.b.constant({{}, DType::i32}, 1)});
  const Graph live = remove_dead(c.graph);
  EXPECT_EQ(count(live, "activate"), 0);
  EXPECT_EQ(count(live, "commit_step"), 1);
}

}  // namespace
}  // namespace fovea
