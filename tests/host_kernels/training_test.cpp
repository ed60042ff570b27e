// Whole models on the CUDA device's plans and kernels, run on the host: they train as on the CPU.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

#include "fovea/models.h"
#include "host/graph/passes.h"
#include "host/train/step_graph.h"
#include "tests/data/data_test_support.h"
#include "tests/host_kernels/cuda_on_host_device.h"
#include "tests/io/io_test_support.h"
#include "tests/support/expect_error.h"
#include "tests/support/training_step.h"
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

/// A recorded step asks for nothing but the copies of its batch.
TEST(CudaReplay, AllocatesAndWaitsForNothing) {
  for (const DType low : {DType::f32, DType::f16}) {
    TrainingStep step(cuda_on_host(), low);
    for (int i = 0; i < 2; ++i) step.execution().run();  // eager, then recorded
    ASSERT_TRUE(step.execution().recorded());
    const HostCalls& calls = host_calls();
    const std::int64_t before[] = {calls.allocations, calls.synchronizations, calls.downloads,
                                   calls.uploads};
    for (int i = 0; i < 2; ++i) step.execution().run();
    EXPECT_EQ(calls.allocations, before[0]);
    EXPECT_EQ(calls.synchronizations, before[1]);
    EXPECT_EQ(calls.downloads, before[2]);
    EXPECT_EQ(calls.uploads, before[3] + 2 * 2) << "pictures and labels";
  }
}

/// Each from a thread, on a stream of its own.
TEST(CudaThreads, TwoModelsTrainAtOnceAsEachAlone) {
  const auto train = [](Network network, std::vector<double>& result) {
    Model model = compiled_model(std::move(network), 3, 1, "f32", "cuda_on_host");
    result = losses(model, 2);
  };
  std::vector<double> alone[2], together[2];
  train(small_cnn(), alone[0]);
  train(branched(), alone[1]);
  std::thread other([&] { train(small_cnn(), together[0]); });
  train(branched(), together[1]);
  other.join();
  EXPECT_EQ(together[0], alone[0]);
  EXPECT_EQ(together[1], alone[1]);
}

TEST(CudaMemory, ModelsGiveBackAllTheyTook) {
  const std::int64_t held = host_calls().blocks_held;
  std::vector<double> first;
  for (int round = 0; round < 2; ++round) {
    {
      Model model = compiled_model(small_cnn(), 3, 1, "f32", "cuda_on_host");
      const std::vector<double> values = losses(model, 2);
      model.predict(bright_channel(4).x);
      EXPECT_GT(host_calls().blocks_held, held);
      if (round == 0) first = values;
      EXPECT_EQ(values, first);
    }
    EXPECT_EQ(host_calls().blocks_held, held);
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

/// The least that takes pictures: what is tested is where they come from.
Network small_classifier() {
  return Sequential{Input({8, 8, 3}), Rescaling(1.0 / 255), Flatten(), Dropout(0.2),
                    Dense(3, {.activation = "softmax"})};
}

/// What fit() does to a model, with the data in device memory or uploaded step by step.
struct FitRun {
  Model model = compiled_model(small_classifier(), 3, 1, "f32", "cuda_on_host");
  FitOptions options = quiet(2);
  History history;
  explicit FitRun(bool on_device) {
    options.data_on_device = on_device;
    options.validation_split = 0.25;
    options.augmentation.random_flip().pad_and_crop(1).cutout(2);
  }
  void run() {
    history = model.fit(bright_channel(92), options);
  }  // 69 to train on: 4 batches and 5
};

TEST(CudaFit, DataOnTheDeviceTrainsAsUploadedBatchesDo) {
  for (const int accumulate_steps : {1, 2}) {
    SCOPED_TRACE(accumulate_steps);
    FitRun resident(true), streamed(false);
    for (FitRun* run : {&resident, &streamed}) {
      run->options.accumulate_steps = accumulate_steps;
      run->run();
    }
    EXPECT_TRUE(same_weights(resident.model, streamed.model));
    EXPECT_EQ(resident.history.logs, streamed.history.logs);
  }
}

/// A callback may train on other data in between; the epoch goes on where it was.
TEST(CudaFit, StepsOverOtherDataSkipNoBatch) {
  class Meddler : public Callback {
   public:
    void on_step_end(Model& model, int, std::int64_t step, const Logs&) override {
      const Dataset other = bright_channel(4, 9);
      if (step == 1) model.train_on_batch({other.x}, {other.y});
    }
  };
  FitRun resident(true), streamed(false);
  for (FitRun* run : {&resident, &streamed}) {
    run->options.callbacks = {std::make_shared<Meddler>()};
    run->run();
  }
  EXPECT_TRUE(same_weights(resident.model, streamed.model));
}

TEST(CudaFit, WeightsOfClassesAreThoseOfTheCpu) {
  Model cuda = compiled_model(small_classifier(), 3, 1, "f32", "cuda_on_host");
  Model cpu = compiled_model(small_classifier());
  CompileOptions compile;
  compile.loss = "sparse_categorical_crossentropy";
  compile.metrics = {"precision", "top_2_accuracy"};
  compile.weighted_metrics = {"accuracy"};
  FitOptions options = quiet(2);
  options.validation_split = 0.25;
  options.class_weight = {{0, 3}, {1, 0.5}};
  for (Model* model : {&cuda, &cpu}) model->compile(compile);
  const History on_cuda = cuda.fit(bright_channel(92), options);
  const History on_cpu = cpu.fit(bright_channel(92), options);
  for (const auto& [name, value] : on_cpu.logs.back()) {
    EXPECT_NEAR(on_cuda.logs.back().at(name), value, 1e-3) << name;
  }
}

TEST(CudaFit, MetricsOfAnswersAreThoseOfTheCpu) {
  const Network network = Sequential{Input({8, 8, 3}), Rescaling(1.0 / 255), Flatten(),
                                     Dense(1, {.activation = "sigmoid"})};
  Dataset data = bright_channel(60);
  for (std::int32_t& label : data.y.span<std::int32_t>()) label = label == 0 ? 1 : 0;
  CompileOptions compile;
  compile.loss = "binary_crossentropy";
  compile.metrics = {"precision", "recall", "f1", "auc"};
  ModelOptions options;
  options.seed = 3;
  options.device = "cpu";
  Model cpu(network, options);
  options.device = "cuda_on_host";
  Model cuda(network, options);
  for (Model* model : {&cuda, &cpu}) model->compile(compile);
  const Logs expected = cpu.evaluate(data);
  for (const auto& [name, value] : cuda.evaluate(data)) {
    EXPECT_NEAR(value, expected.at(name), 1e-5) << name;
  }
}

TEST(CudaFit, OnlyPicturesThatFitStayOnTheDevice) {
  const auto streamed_because = [](const Dataset& data, const Augmentation& augmentation,
                                   const std::map<int, double>& class_weight = {}) {
    Model model = compiled_model(small_classifier(), 3, 1, "f32", "cuda_on_host");
    FitOptions options = quiet(1, 200);
    options.augmentation = augmentation;
    options.class_weight = class_weight;
    return model.fit(data, options).streamed_because;
  };
  EXPECT_EQ(streamed_because(bright_channel(92), {}, {{1, 2}}), "the samples have weights");
  EXPECT_EQ(streamed_because(bright_channel(92), Augmentation().random_flip()), "");
  const Augmentation own = Augmentation().add(
      "mine", [](const std::uint8_t*, std::uint8_t*, const Shape&, PictureRandom&) {});
  EXPECT_EQ(streamed_because(bright_channel(92), own),
            "there is an augmentation of the program's own");
  EXPECT_EQ(streamed_because(bright_channel(200), {}), "it is too large");
  Dataset floats = bright_channel(92);
  floats.x = floats.x.to(DType::f32);
  EXPECT_EQ(streamed_because(floats, {}), "the inputs are no u8 pictures");
}

class StopAfter : public Callback {
 public:
  StopAfter(std::atomic<bool>& flag, int epoch, std::int64_t step)
      : flag_(flag), epoch_(epoch), step_(step) {}
  void on_step_end(Model&, int epoch, std::int64_t step, const Logs&) override {
    if (epoch == epoch_ && step == step_) flag_ = true;
  }

 private:
  std::atomic<bool>& flag_;
  int epoch_;
  std::int64_t step_;
};

TEST(CudaFit, ResumesInTheMiddleOfAnEpochOfDataOnTheDevice) {
  const TemporaryFolder folder;
  FitRun straight(true), interrupted(true), resumed(true);
  straight.run();
  std::atomic<bool> stop = false;
  interrupted.options.interrupt = &stop;
  interrupted.options.checkpoint.path = folder.file("run.fov");
  interrupted.options.callbacks = {std::make_shared<StopAfter>(stop, 1, 2)};
  expect_error(ErrorCode::interrupted, "after step 3 of epoch 2", [&] { interrupted.run(); });
  resumed.model.resume(folder.file("run.fov"));
  resumed.run();
  EXPECT_TRUE(same_weights(straight.model, resumed.model));
  EXPECT_EQ(straight.history.logs, resumed.history.logs);
}

TEST(CudaFit, FindsItsStepAgainThatWasNotFinite) {
  const auto error_of = [](bool on_device) -> std::string {
    FitRun run(on_device);
    CompileOptions compile;
    compile.optimizer = Sgd(1e38);
    compile.loss = "sparse_categorical_crossentropy";
    run.model.compile(compile);
    try {
      run.run();
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  };
  EXPECT_NE(error_of(true).find("gave a loss or gradient that is not finite"), std::string::npos);
  EXPECT_EQ(error_of(true), error_of(false));
}

/// Steps are lowered and their memory planned as on a GPU, without running them.
TEST(CudaPlan, LowersTheTrainingStepsOfTheZoo) {
  for (const auto& [name, batch, low] :
       {std::tuple("cifar10_cnn", 32, DType::f32), std::tuple("cifar10_cnn", 32, DType::f16),
        std::tuple("resnet20", 128, DType::f32), std::tuple("resnet20", 128, DType::f16)}) {
    const Network network = make_network(name);
    CompileOptions compile;
    compile.loss = "sparse_categorical_crossentropy";
    compile.metrics = {"accuracy"};
    StepSpec spec;
    spec.mode = StepMode::train;
    spec.inputs = {{network.inputs().front().shape.prepend(batch), DType::u8}};
    spec.targets = {{Shape({batch}), DType::i32}};
    spec.low = low;
    spec.frozen = [](const std::string&) { return false; };
    const auto plan = compile_graph(build_step_graph(network, &compile, spec), cuda_on_host(), {});
    EXPECT_GT(plan->steps().size(), 20U);
    EXPECT_LT(plan->arena_bytes(), plan->naive_bytes());
    std::printf("%s, batch %d, %s: %zu kernels, arena %.1f MB (%.1f MB without sharing)\n%s", name,
                batch, std::string(dtype_name(low)).c_str(), plan->steps().size(),
                static_cast<double>(plan->arena_bytes()) * 1e-6,
                static_cast<double>(plan->naive_bytes()) * 1e-6, plan->str().c_str());
  }
}

}  // namespace
}  // namespace fovea::test
