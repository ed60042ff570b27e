// Predictor: the same numbers as Model::predict, from a snapshot, for any number of samples.
#include "fovea/predictor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "fovea/layers.h"
#include "fovea/models.h"
#include "host/graph/passes.h"
#include "tests/support/expect_error.h"

namespace fovea::test {
namespace {

Tensor random_tensor(const Shape& shape, std::uint32_t seed = 1) {
  Tensor x(shape, DType::f32);
  std::uint32_t state = seed;
  for (float& value : x.span<float>()) {
    state = state * 1664525U + 1013904223U;
    value = static_cast<float>(state >> 8) / static_cast<float>(1 << 24) - 0.5F;
  }
  return x;
}

/// The norm of the difference over that of `expected`.
double distance(const Tensor& actual, const Tensor& expected) {
  EXPECT_EQ(actual.shape(), expected.shape());
  double difference = 0, size = 0;
  for (std::int64_t i = 0; i < expected.numel(); ++i) {
    difference += std::pow(actual.item(i) - expected.item(i), 2);
    size += std::pow(expected.item(i), 2);
  }
  return std::sqrt(difference / size);
}

/// Batch norms, grouped and pointwise convolutions, a shortcut, dense layers: with statistics that
/// are not those of a new layer.
Model make_model() {
  const Symbol x = input({12, 12, 16});
  Symbol y = Conv2D(32, 3, {.padding = "same", .use_bias = false, .name = "a"})(x);
  y = BatchNorm({.name = "norm_a"})(y);
  y = Relu("relu_a")(y);
  Symbol z = Conv2D(32, 3, {.padding = "same", .groups = 32, .name = "depthwise"})(y);
  z = Conv2D(32, 1, {.name = "pointwise"})(z);
  z = BatchNorm({.name = "norm_b"})(z);
  y = Relu("relu_b")(Add("add")({y, z}));
  y = MaxPool2D(2, {.name = "pool"})(y);
  y = Conv2D(64, 3, {.padding = "same", .groups = 2, .activation = "tanh", .name = "b"})(y);
  y = Flatten("flatten")(y);
  y = Dense(512, {.activation = "relu", .name = "wide"})(y);
  y = Dense(10, {.activation = "softmax", .name = "classes"})(y);
  Model model(Network({x}, {y}), {.device = "cpu", .threads = 2, .class_names = {"one", "two"}});
  for (const std::string name : {"norm_a", "norm_b"}) {
    model.set_weight(name + ".running_mean", random_tensor({32}, 7));
    Tensor variance = random_tensor({32}, 9);
    for (float& v : variance.span<float>()) v += 1;
    model.set_weight(name + ".running_var", variance);
  }
  return model;
}

TEST(Predictor, GivesWhatTheModelPredicts) {
  Model model = make_model();
  const Predictor predictor(model, {.batch_sizes = {1, 4, 64}});
  for (const std::int64_t rows : {1, 3, 4, 7, 64, 150}) {
    const Tensor x = random_tensor(Shape{12, 12, 16}.prepend(rows));
    EXPECT_LE(distance(predictor.predict(x), model.predict(x)), 1e-6) << rows << " samples";
  }
  EXPECT_EQ(predictor.class_names(), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(predictor.device_name(), "cpu");
}

/// A convolution of few cells and many weights.
struct FewCells {
  const char* name;
  Shape input;
  std::int64_t pictures, filters;
  Conv2DOptions options;
  Size2 kernel = 3;
  bool shortcut = false;  ///< added before the activation, which is relu
};

TEST(Predictor, ConvolvesFewCellsFromPackedWeights) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx512f")) GTEST_SKIP() << "the kernel needs AVX-512";
#else
  GTEST_SKIP() << "the kernel needs AVX-512";
#endif
  const FewCells cases[] = {
      {"one block", {2, 2, 128}, 1, 256, {.padding = "same", .activation = "relu"}},
      {"64 cells", {8, 8, 128}, 1, 256, {.padding = "same"}},
      {"several pictures", {3, 3, 128}, 5, 256, {.padding = "same", .activation = "relu"}},
      {"strides", {7, 9, 512}, 2, 512, {.strides = 2, .activation = "relu"}, 1},
      {"dilation", {9, 7, 100}, 1, 320, {.dilation = 2, .use_bias = false}},
      {"a large window", {4, 6, 70}, 1, 256, {.padding = "same"}, Size2{5, 4}},
      {"a shortcut", {4, 4, 256}, 1, 256, {.padding = "same"}, 3, true},
  };
  for (const FewCells& c : cases) {
    SCOPED_TRACE(c.name);
    const Symbol x = input(c.input);
    Symbol y = Conv2D(c.filters, c.kernel, c.options)(x);
    if (c.shortcut) y = Relu()(Add()({y, x}));
    Model model(Network({x}, {y}), {.device = "cpu", .threads = 2});
    for (const std::string& path : model.weight_paths()) {
      if (path.ends_with("bias")) model.set_weight(path, random_tensor({c.filters}, 5));
    }
    const Tensor pictures = random_tensor(c.input.prepend(c.pictures));
    setenv("FOVEA_KERNEL", "conv2d:thin,conv2d_bias_act:thin", 1);
    const Predictor predictor(model, {.batch_sizes = {c.pictures}});
    unsetenv("FOVEA_KERNEL");
    EXPECT_LE(distance(predictor.predict(pictures), model.predict(pictures)), 1e-6);
  }
}

TEST(Predictor, FillsUpABatchThatIsNotFull) {
  Model model = make_model();
  const Predictor predictor(model, {.batch_sizes = {8}});
  const Tensor x = random_tensor({11, 12, 12, 16});
  EXPECT_LE(distance(predictor.predict(x), model.predict(x)), 1e-6);
}

TEST(Predictor, IsASnapshot) {
  Model model = make_model();
  const Tensor x = random_tensor({1, 12, 12, 16});
  const Predictor predictor(model);
  const Tensor before = predictor.predict(x);
  model.set_weight("classes.bias", Tensor::full({10}, 3));
  model.set_weight("norm_a.gamma", Tensor::full({32}, 2));
  EXPECT_EQ(distance(predictor.predict(x), before), 0);
  EXPECT_GT(distance(model.predict(x), before), 0.01);
}

TEST(Predictor, TakesPicturesAsBytes) {
  Model model(resnet20(), {.device = "cpu"});
  const Predictor predictor(model, {.batch_sizes = {2}});
  Tensor bytes(Shape{3, 32, 32, 3}, DType::u8);
  for (std::int64_t i = 0; i < bytes.numel(); ++i) {
    bytes.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * 31 % 251);
  }
  const Tensor expected = model.predict(bytes);
  EXPECT_LE(distance(predictor.predict(bytes), expected), 1e-6);
  EXPECT_LE(distance(predictor.predict(bytes.to(DType::f32)), expected), 1e-6);
}

TEST(Predictor, ManyThreadsGetTheBitsOfOne) {
  Model model = make_model();
  const Predictor predictor(model, {.threads = 1});
  constexpr int kThreads = 8;
  std::vector<Tensor> inputs, expected, actual(kThreads);
  for (std::uint32_t t = 0; t < kThreads; ++t) {
    inputs.push_back(random_tensor({5, 12, 12, 16}, t + 1));
    expected.push_back(predictor.predict(inputs.back()));
  }
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int repeat = 0; repeat < 5; ++repeat) actual[t] = predictor.predict(inputs[t]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 0; t < kThreads; ++t) EXPECT_EQ(distance(actual[t], expected[t]), 0);
}

TEST(Predictor, ComputesWhatDependsOnWeightsAloneOnce) {
  Graph graph;
  Builder b(graph);
  const Value x = b.input("x", {Shape{1, 8, 8, 16}, DType::f32});
  const Value y = Network(Sequential{Input({8, 8, 16}), Conv2D(16, 3), BatchNorm()})
                      .build(b, {{"input_layer", x}})
                      .front()
                      .second;
  graph.mark_output("y", y);
  PlanOptions options;
  options.constant_variables = true;
  const auto plan = compile_graph(
      specialize(graph, false, [](const std::string&) { return false; }), cpu_device(), options);
  ASSERT_FALSE(plan->prologue().empty());
  EXPECT_EQ(plan->prologue().front().op->name(), "fold_batch_norm");
  for (const PlanStep& step : plan->steps()) EXPECT_NE(step.op->name(), "fold_batch_norm");
}

TEST(Predictor, SharesPreparedWeightsBetweenBatchSizes) {
  Model model(cifar10_cnn(), {.device = "cpu"});
  const std::int64_t one = Predictor(model, {.batch_sizes = {4}}).weight_bytes();
  const std::int64_t two = Predictor(model, {.batch_sizes = {4, 5}}).weight_bytes();
  EXPECT_EQ(one, two);
  EXPECT_GE(one, cifar10_cnn().parameter_count() * 4);
}

TEST(Predictor, SaysWhatItCannotTake) {
  Model model = make_model();
  expect_error(ErrorCode::invalid_argument, "batch sizes of at least 1",
               [&] { Predictor(model, {.batch_sizes = {}}); });
  expect_error(ErrorCode::invalid_argument, "at least 1", [&] {
    Predictor(model, {.batch_sizes = {4, 0}});
  });
  expect_error(ErrorCode::invalid_argument, "no precision 'f17'",
               [&] { Predictor(model, {.precision = "f17"}); });
  const Predictor predictor(model);
  expect_error(ErrorCode::shape_mismatch, "batch axis", [&] {
    predictor.predict(Tensor::zeros({12, 12, 16}));
  });
  const std::vector<Tensor> x = {random_tensor({2, 12, 12, 16})};
  std::vector<Tensor> y = {Tensor::zeros({3, 10})};
  expect_error(ErrorCode::invalid_argument, "an output does not fit", [&] { predictor.run(x, y); });
  y = {Tensor::zeros({2, 10})};
  predictor.run(x, y);
  EXPECT_LE(distance(y[0], model.predict(x[0])), 1e-6);
  expect_error(ErrorCode::invalid_argument, "an input does not fit",
               [&] { predictor.run(std::vector<Tensor>{x[0].to(DType::f64)}, y); });
}

}  // namespace
}  // namespace fovea::test
