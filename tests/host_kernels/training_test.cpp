// Whole models on the CUDA device's plans and kernels, run on the host: they train as on the CPU.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fovea/models.h"
#include "host/graph/passes.h"
#include "host/train/step_graph.h"
#include "tests/data/data_test_support.h"
#include "tests/host_kernels/cuda_on_host_device.h"
#include "tests/support/expect_error.h"
#include "tests/train/small_data.h"

namespace fovea::test {
namespace {

/// A residual block, strided and grouped convolutions, average pooling and several activations.
Network branched() {
  const Symbol x = input({8, 8, 3});
  const Symbol scaled = Rescaling(1.0 / 255)(x);
  const Symbol stem = Relu()(BatchNorm()(Conv2D(8, 3, {.padding = "same"})(scaled)));
  const Symbol left = BatchNorm()(Conv2D(8, 3, {.padding = "same", .use_bias = false})(stem));
  const Symbol joined = Relu()(Add()({left, stem}));
  const Symbol down =
      Conv2D(16, 3, {.strides = 2, .padding = "same", .groups = 4, .activation = "elu"})(joined);
  const Symbol pooled = AvgPool2D(2)(down);
  return Network({x}, {Dense(3, {.activation = "softmax"})(GlobalAvgPool2D()(pooled))});
}

/// Models open the device by its name.
[[maybe_unused]] const bool registered = [] {
  register_device(cuda_on_host());
  return true;
}();

std::vector<double> losses(Model& model, int steps) {
  const Dataset data = bright_channel(48);
  std::vector<double> result;
  for (int step = 0; step < steps; ++step) {
    const std::int64_t first = step % 3 * 16;
    const Logs logs =
        model.train_on_batch({data.x.slice(first, first + 16)}, {data.y.slice(first, first + 16)});
    result.push_back(logs.front().second);
  }
  return result;
}

struct Case {
  const char* name;
  Network (*make)();
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class CudaTraining : public ::testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(Networks, CudaTraining,
                         ::testing::Values(Case{"chain", &small_cnn}, Case{"branched", &branched}),
                         [](const auto& param_info) { return param_info.param.name; });

TEST_P(CudaTraining, StepsGiveTheCpusLosses) {
  constexpr int kSteps = 12;
  Model cpu = compiled_model(GetParam().make());
  Model cuda = compiled_model(GetParam().make(), 3, 1, "f32", "cuda_on_host");
  const std::vector<double> expected = losses(cpu, kSteps);
  const std::vector<double> actual = losses(cuda, kSteps);
  for (int step = 0; step < kSteps; ++step) {
    const auto s = static_cast<std::size_t>(step);
    EXPECT_NEAR(actual[s], expected[s], 1e-3 * expected[s]) << "step " << step;
  }
  EXPECT_LT(expected.back(), expected.front());
}

/// Whichever kernels turn out faster here.
TEST_P(CudaTraining, AutotunedStepsGiveTheCpusLosses) {
  const TempFolder caches;
  const ScopedEnv variable("XDG_CACHE_HOME", caches.path().c_str());
  Model cpu = compiled_model(GetParam().make());
  const std::vector<double> expected = losses(cpu, 3);
  const auto memo = [&] { return read_file(caches / "fovea/autotuned_kernels.json"); };
  Bytes measured;
  for (const bool by_option : {true, false}) {
    const ScopedEnv wanted("FOVEA_AUTOTUNE", by_option ? "0" : "1");
    ModelOptions options;
    options.device = "cuda_on_host";
    options.seed = 3;
    options.autotune = by_option;
    Model model = compiled_model(GetParam().make(), options);
    const std::vector<double> actual = losses(model, 3);
    for (std::size_t s = 0; s < actual.size(); ++s) {
      EXPECT_NEAR(actual[s], expected[s], 1e-3 * expected[s]) << "step " << s;
    }
    if (by_option) measured = memo();
    EXPECT_EQ(memo(), measured) << "what was known was measured again";
  }
  EXPECT_FALSE(measured.empty());
}

TEST_P(CudaTraining, PredictsAsTheCpu) {
  Model cpu = compiled_model(GetParam().make());
  losses(cpu, 3);
  Model cuda = compiled_model(GetParam().make(), 3, 1, "f32", "cuda_on_host");
  for (const std::string& path : cpu.weight_paths()) cuda.set_weight(path, cpu.weight(path));
  const Tensor x = bright_channel(10, 7).x;
  const Tensor expected = cpu.predict(x, 4);
  const Tensor actual = cuda.predict(x, 4);
  for (std::int64_t i = 0; i < expected.numel(); ++i) {
    EXPECT_NEAR(actual.item(i), expected.item(i), 1e-5);
  }
}

/// fit() lets steps run before it looks whether they were well: one that was not holds all after
/// it.
TEST(CudaFit, HoldsAtANaNAndNamesTheLayer) {
  const auto make = [] {
    return compiled_model(Sequential{Input({4}), Dense(3, {.activation = "softmax"})}, 3, 1, "f32",
                          "cuda_on_host");
  };
  Dataset data;
  data.name = "numbers";
  data.x = Tensor::full({320, 4}, 0.5);
  data.y = Tensor::zeros({320}, DType::i32);
  FitOptions options = quiet(1);
  options.shuffle = false;
  Model expected = make();
  Dataset good = data;
  good.x = data.x.slice(0, 112);
  good.y = data.y.slice(0, 112);
  expected.fit(good, options);

  Model model = make();
  data.x.data<float>()[112 * 4] = std::numeric_limits<float>::quiet_NaN();  // the eighth batch
  expect_error(ErrorCode::numeric, "step 8 gave", [&] { model.fit(data, options); });
  EXPECT_TRUE(same_weights(model, expected));
}

TEST_P(CudaTraining, LearnsIn16Bits) {
  Model cpu = compiled_model(GetParam().make());
  const double first = losses(cpu, 1).front();
  for (const char* precision : {"bf16", "f16"}) {
    SCOPED_TRACE(precision);
    Model model = compiled_model(GetParam().make(), 3, 1, precision, "cuda_on_host");
    const std::vector<double> values = losses(model, 6);
    EXPECT_NEAR(values.front(), first, 0.02 * first);
    EXPECT_LT(values.back(), values.front());
  }
}

/// Steps are lowered and their memory planned as on a GPU, without running them.
TEST(CudaPlan, LowersTheTrainingStepsOfTheZoo) {
  for (const auto& [name, batch] : {std::pair("cifar10_cnn", 32), std::pair("resnet20", 128)}) {
    const Network network = make_network(name);
    CompileOptions compile;
    compile.loss = "sparse_categorical_crossentropy";
    compile.metrics = {"accuracy"};
    StepSpec spec;
    spec.mode = StepMode::train;
    spec.inputs = {{network.inputs().front().shape.prepend(batch), DType::u8}};
    spec.targets = {{Shape({batch}), DType::i32}};
    spec.frozen = [](const std::string&) { return false; };
    const auto plan = compile_graph(build_step_graph(network, &compile, spec), cuda_on_host(), {});
    EXPECT_GT(plan->steps().size(), 20U);
    EXPECT_LT(plan->arena_bytes(), plan->naive_bytes());
    std::printf("%s, batch %d: %zu kernels, arena %.1f MB (%.1f MB without sharing)\n%s", name,
                batch, plan->steps().size(), static_cast<double>(plan->arena_bytes()) * 1e-6,
                static_cast<double>(plan->naive_bytes()) * 1e-6, plan->str().c_str());
  }
}

}  // namespace
}  // namespace fovea::test
