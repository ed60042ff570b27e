// Plans and executions: arenas, forced kernels, diagnosis, and what they say when something fails.
#include "host/graph/plan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "fovea/ops.h"
#include "host/graph/execution.h"
#include "host/graph/passes.h"
#include "tests/support/networks.h"

namespace fovea {
namespace {

using test::error_of;

Tensor ramp(Shape shape) {
  Tensor t(shape, DType::f32);
  for (std::int64_t i = 0; i < t.numel(); ++i) {
    t.data<float>()[i] = 0.01F * static_cast<float>(i % 97) - 0.4F;
  }
  return t;
}

/// x -> dense -> relu -> dense, its result marked as output "y".
struct SmallNet {
  Graph graph;
  std::shared_ptr<Device> device = cpu_device();
  Variables variables{device};

  explicit SmallNet(std::int64_t batch = 4) {
    Builder b(graph);
    const Value x = b.input("x", {{batch, 8}, DType::f32});
    Value hidden;
    {
      const auto scope = b.scope("hidden");
      hidden = b.add(ops::MatMul{}, {x, b.parameter("weight", {8, 16}, glorot_uniform())});
      hidden = b.add(ops::AddBias{}, {hidden, b.parameter("bias", {16}, constant_value(0.1))});
      hidden = b.add(ops::Activate({Activation::Kind::relu}), {hidden});
    }
    const auto scope = b.scope("head");
    graph.mark_output(
        "y", b.add(ops::MatMul{}, {hidden, b.parameter("weight", {16, 3}, glorot_uniform())}));
    variables.create_missing(graph, 1);
  }

  std::shared_ptr<const Plan> plan(bool fuse = true, PlanOptions options = {}) const {
    options.fuse = fuse;
    return compile_graph(graph, device, options);
  }
};

Tensor run(const SmallNet& net, const std::shared_ptr<const Plan>& plan,
           const std::shared_ptr<Arena>& arena, const Tensor& x) {
  Execution execution(plan, const_cast<SmallNet&>(net).variables, arena);  // NOLINT
  execution.poison();
  execution.bind_input(0, x.raw());
  execution.run();
  return execution.output(0);
}

TEST(Plan, AnArenaFullOfNaNChangesNothing) {
  const SmallNet net;
  const auto arena = std::make_shared<Arena>(net.device);
  const Tensor x = ramp({4, 8});
  const Tensor first = run(net, net.plan(), arena, x);
  const Tensor second = run(net, net.plan(), arena, x);
  for (std::int64_t i = 0; i < first.numel(); ++i) {
    EXPECT_TRUE(std::isfinite(first.item(i)));
    EXPECT_EQ(first.item(i), second.item(i));
  }
}

TEST(Plan, SharesMemoryBetweenValuesThatNeverMeet) {
  const SmallNet net(64);
  const auto plan = net.plan(false);
  EXPECT_GT(plan->arena_bytes(), 0);
  EXPECT_LT(plan->arena_bytes(), plan->naive_bytes());
  for (const ArenaBlock& a : plan->blocks()) {
    for (const ArenaBlock& b : plan->blocks()) {
      if (&a == &b || a.last_step < b.first_step || b.last_step < a.first_step) continue;
      EXPECT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset);
    }
  }
}

/// A kernel for many tensors may still have to read an input when it has overwritten another.
TEST(Plan, NothingIsOverwrittenThatANodeReadsTwice) {
  Graph graph;
  Builder b(graph);
  const Value x = b.input("x", {{64}, DType::f32});
  const Value once = b.add(ops::Scale{}, {x});
  const Value sum = b.add(ops::Add{}, {once, x});
  graph.mark_output("y", b.add(ops::Add{}, {sum, sum}));
  PlanOptions options;
  options.force = parse_forced_kernels("scale:reference,add:reference");
  const Plan plan(graph, cpu_device(), options);
  const auto place = [&](int value) { return plan.values()[static_cast<std::size_t>(value)].slot; };
  ASSERT_EQ(plan.steps().size(), 3U);
  const PlanStep& first = plan.steps()[1];
  const PlanStep& second = plan.steps()[2];
  EXPECT_EQ(place(first.outputs[0]), place(first.inputs[0])) << "once may be overwritten";
  EXPECT_NE(place(second.outputs[0]), place(second.inputs[0]));
}

TEST(Plan, ExecutionsOfOneArenaSurviveItsGrowth) {
  SmallNet small(2);
  SmallNet large(512);
  const auto arena = std::make_shared<Arena>(small.device);
  Execution first(small.plan(), small.variables, arena);
  const Tensor x = ramp({2, 8});
  first.bind_input(0, x.raw());
  first.run();
  const Tensor before = first.output(0);
  const Execution second(large.plan(), large.variables, arena);
  first.run();
  const Tensor after = first.output(0);
  for (std::int64_t i = 0; i < before.numel(); ++i) EXPECT_EQ(before.item(i), after.item(i));
}

TEST(Plan, UsesTheForcedKernel) {
  const SmallNet net;
  PlanOptions options;
  options.force = parse_forced_kernels("matmul:reference,add_bias:reference");
  const auto plan = net.plan(false, options);
  int products = 0;
  for (const PlanStep& step : plan->steps()) {
    if (step.op->name() != ops::MatMul::kName) continue;
    EXPECT_EQ(step.candidate, "reference");
    ++products;
  }
  EXPECT_EQ(products, 2);
}

TEST(Plan, NamesTheNodeAndTheReasonsWhenNoKernelFits) {
  const SmallNet net;
  PlanOptions options;
  options.force = parse_forced_kernels("matmul:abacus");
  const std::string message = error_of([&] { net.plan(false, options); });
  EXPECT_NE(message.find("'hidden'"), std::string::npos) << message;
  EXPECT_NE(message.find("there is no candidate 'abacus'"), std::string::npos) << message;
}

TEST(Plan, RefusesAForcedKernelWithoutAColon) {
  EXPECT_NE(error_of([] { parse_forced_kernels("conv2d"); }).find("op:candidate"),
            std::string::npos);
}

TEST(Execution, FindsTheFirstNodeThatWritesANaN) {
  SmallNet net;
  Tensor bias = net.variables.read("hidden.bias");
  bias.data<float>()[3] = std::numeric_limits<float>::infinity();
  net.variables.write("hidden.bias", bias);
  Execution execution(net.plan(false), net.variables, std::make_shared<Arena>(net.device));
  const Tensor x = ramp({4, 8});
  execution.bind_input(0, x.raw());
  EXPECT_EQ(execution.find_nonfinite(), "'hidden' (add_bias)");
}

TEST(Execution, NamesAnInputThatWasNotBound) {
  SmallNet net;
  Execution execution(net.plan(), net.variables, std::make_shared<Arena>(net.device));
  EXPECT_NE(error_of([&] { execution.run(); }).find("input 'x' was not bound"), std::string::npos);
}

/// Notes the ranges, and replays recordings without them, as a GPU does.
class RangeStream final : public Stream {
 public:
  std::vector<std::string> ranges;
  int open = 0;

  void* handle() const override { return nullptr; }
  void upload(void* to, const void* from, std::size_t bytes) override { copy(to, from, bytes); }
  void download(void* to, const void* from, std::size_t bytes) override { copy(to, from, bytes); }
  void copy(void* to, const void* from, std::size_t bytes) override {
    std::memcpy(to, from, bytes);
  }
  void fill(void* to, std::uint8_t byte, std::size_t bytes) override {
    std::memset(to, byte, bytes);
  }
  double milliseconds(const std::function<void()>& work) override {
    work();
    return 0;
  }
  void synchronize() override {}
  std::unique_ptr<Recording> record(const std::function<void()>& work) override {
    class Replay final : public Recording {
      void replay() override {}
    };
    work();
    return std::make_unique<Replay>();
  }
  void begin_range(const char* name) override {
    ranges.emplace_back(name);
    ++open;
  }
  void end_range() noexcept override { --open; }
};

TEST(Execution, MarksEachStepAsARangeWhereThatIsWanted) {
  SmallNet net;
  const Tensor x = ramp({4, 8});
  const auto ranges_of_runs = [&](int runs) {
    const auto stream = std::make_shared<RangeStream>();
    Execution execution(net.plan(false), net.variables,
                        std::make_shared<Arena>(net.device, stream));
    execution.bind_input(0, x.raw());
    for (int i = 0; i < runs; ++i) execution.run();
    EXPECT_EQ(stream->open, 0);
    return stream->ranges;
  };
  EXPECT_TRUE(ranges_of_runs(1).empty());
  setenv("FOVEA_NVTX", "1", 1);
  const std::vector<std::string> once = ranges_of_runs(1);
  const std::vector<std::string> replayed = ranges_of_runs(4);
  setenv("FOVEA_NVTX", "0", 1);
  const std::vector<std::string> off = ranges_of_runs(1);
  unsetenv("FOVEA_NVTX");
  EXPECT_EQ(once, (std::vector<std::string>{"hidden", "hidden", "hidden", "head"}));
  EXPECT_EQ(replayed.size(), 2 * once.size()) << "the eager run and the recorded one";
  EXPECT_TRUE(off.empty());
}

TEST(KernelTable, RefusesANameThatIsTaken) {
  KernelTable table;
  const auto declines = [](const ops::Add&, const LowerRequest&) -> LowerResult {
    return Decline{"never"};
  };
  table.add<ops::Add>("mine", declines);
  EXPECT_NE(error_of([&] { table.add<ops::Add>("mine", declines); }).find("already has"),
            std::string::npos);
}

TEST(Device, UnknownNamesAndMissingDevicesSaySo) {
  EXPECT_NE(error_of([] { open_device("abacus"); }).find("auto, cpu, cuda"), std::string::npos);
  EXPECT_NE(error_of([] { open_device("cuda:1"); }).find("--device cpu"), std::string::npos);
}

}  // namespace
}  // namespace fovea
