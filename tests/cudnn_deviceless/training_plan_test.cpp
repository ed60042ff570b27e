// Plans of training steps in f16 for a GPU that is described: where cuDNN takes fused ops, a step
// has fewer kernels.
#include <gtest/gtest.h>

#include "cuda/bind.h"
#include "fovea/models.h"
#include "fovea/ops/conv.h"
#include "host/graph/passes.h"
#include "host/train/step_graph.h"
#include "tests/cudnn_deviceless/deviceless.h"

namespace fovea::test {
namespace {

/// Plans for it can be made, and not be run. Of the fused ops that are cuDNN's alone, cuDNN
/// answers; all else is taken.
class DescribedDevice final : public Device {
 public:
  explicit DescribedDevice(const DescribedGpu& gpu) {
    cuda::TableOptions options;
    options.libraries = &gpu.libraries;
    options.sm = gpu.sm;
    KernelTable cudnn;
    cuda::bind_cudnn(cudnn, options);
    for (const std::string& op : registered_ops()) {
      if (op == ops::Conv2dBatchNormAct::kName ||
          op == ops::Conv2dBackwardDataBatchNormRelu::kName) {
        kernels().add(op, "cudnn", cudnn.candidates(op).front().factory);
      } else {
        kernels().add(op, "any", [](const Op&, const LowerRequest&) { return Lowering{}; });
      }
    }
  }
  std::string name() const override { return "described"; }
  bool is_host() const override { return false; }
  // A plan's constants lie in the host's memory.
  void* allocate(std::size_t bytes) override { return cpu_device()->allocate(bytes); }
  void release(void* memory) noexcept override { cpu_device()->release(memory); }
  MemoryUse memory_use() const override { return {}; }
  std::shared_ptr<Stream> make_stream() override { return cpu_device()->make_stream(); }
};

/// How many kernels a step of training runs, by op.
std::map<std::string, int> kernels_of(const Network& network, const Shape& picture,
                                      const std::shared_ptr<Device>& device,
                                      const std::string& forced) {
  CompileOptions compile;
  compile.loss = "sparse_categorical_crossentropy";
  StepSpec spec;
  spec.mode = StepMode::train;
  spec.inputs = {{picture.prepend(32), DType::f32}};
  spec.targets = {{{32}, DType::i32}};
  spec.low = DType::f16;
  spec.frozen = [](const std::string&) { return false; };
  PlanOptions options;
  options.force = parse_forced_kernels(forced);
  std::map<std::string, int> kernels;
  const auto plan = compile_graph(build_step_graph(network, &compile, spec), device, options);
  for (const PlanStep& step : plan->steps()) {
    ++kernels[std::string(step.op->name())];
    ++kernels["all"];
  }
  return kernels;
}

struct FusionsOf {
  const char* name;
  Network (*make)();
  Shape picture;
  int fusions;  ///< batch norms with relu, and nothing else, before a convolution
};

TEST(TrainingPlan, ABackwardFusionIsAKernelLess) {
  const std::vector<DescribedGpu>& gpus = described_gpus();
  const auto hopper =
      std::find_if(gpus.begin(), gpus.end(), [](auto& gpu) { return gpu.sm == 90; });
  ASSERT_NE(hopper, gpus.end());
  const auto device = std::make_shared<DescribedDevice>(*hopper);
  for (const FusionsOf& network :
       {FusionsOf{"resnet20", [] { return resnet20(); }, {32, 32, 3}, 9},
        FusionsOf{"resnet18", [] { return resnet18(); }, {224, 224, 3}, 8},
        FusionsOf{"resnet50", [] { return resnet50(); }, {224, 224, 3}, 32}}) {
    SCOPED_TRACE(network.name);
    const auto apart = kernels_of(network.make(), network.picture, device, "");
    auto fused = kernels_of(network.make(), network.picture, device,
                            "conv2d_backward_data_batch_norm_relu:cudnn");
    EXPECT_EQ(apart.count("conv2d_backward_data_batch_norm_relu"), 0u) << "fused by default";
    EXPECT_EQ(fused["conv2d_backward_data_batch_norm_relu"], network.fusions);
    EXPECT_EQ(apart.at("all") - fused["all"], network.fusions);
    std::printf("%s: %d kernels in a step, %d with the backward fusion\n", network.name,
                apart.at("all"), fused["all"]);
  }
}

}  // namespace
}  // namespace fovea::test
